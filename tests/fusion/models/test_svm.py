"""Support vector machines: scikit-learn's decision values, a logistic function of which is the probability."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from scipy.special import logit
from sklearn.svm import SVC
from tables import learnt, unseen

from radfuse.fusion.config import FusionConfig
from radfuse.fusion.memory import forget
from radfuse.fusion.models.penalised import FittedLogistic
from radfuse.fusion.models.svm import FittedSvm, Svm
from radfuse.fusion.strategies.early import Early
from radfuse.fusion.validate import fit_family
from radfuse.outcomes.binary import BinaryOutcome


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_log_odds_are_a_line_of_scikit_learns_decision_values(kernel: Literal["linear", "rbf"]):
    x, y = learnt()
    found = Svm(kernel=kernel).fit(x, y, {"svm_gamma": 0.8, "svm_c": 1.0}, 0)
    assert isinstance(found, FittedLogistic if kernel == "linear" else FittedSvm)
    peer = SVC(kernel=kernel, gamma=0.2, C=1.0, tol=1e-8).fit(x, y)  # ours stops at 1e-3
    rows = unseen()
    decisions, odds = peer.decision_function(rows), logit(found.predict(rows))
    slope, offset = np.polyfit(decisions, odds, 1)
    assert slope > 0.3
    np.testing.assert_allclose(odds, slope * decisions + offset, rtol=0, atol=0.02)


def test_probabilities_are_no_surer_than_unseen_units_allow():
    """On noise the machine itself separates its training set; its probabilities stay near the share."""
    generator = np.random.default_rng(0)
    x, y = generator.standard_normal((60, 40)), np.arange(60) % 2
    found = Svm().fit(x, y, {"svm_gamma": 1.0, "svm_c": 10.0}, 0).predict(generator.standard_normal((100, 40)))
    assert np.abs(found - 0.5).max() < 0.35


def test_a_class_of_one_unit_is_refused():
    x, y = learnt(20)
    y = np.zeros(20)
    y[3] = 1
    with pytest.raises(
        ValueError, match="one training patient alone is of its class; classifier svm needs two of each"
    ):
        Svm().fit(x, y, {"svm_gamma": 1.0, "svm_c": 1.0}, 0)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_a_machine_that_does_not_converge_is_told(kernel: str, monkeypatch: pytest.MonkeyPatch):
    x, y = learnt(30)
    blocks, people = {"radiomic": range(x.shape[1])}, np.arange(len(y))
    names, outcome = [f"f{i}" for i in range(x.shape[1])], BinaryOutcome(column="event")
    asked = {
        "classifier": {"kind": "svm", "kernel": kernel, "c": [1.0]},
        "inner_folds": 2,
        "strategy": {"kind": "early"},
    }
    config = FusionConfig.model_validate(asked)

    def remarks() -> tuple[str, ...]:
        forget()
        return fit_family(x, y, y, people, blocks, names, outcome, config, 7).remarks

    assert remarks() == ()
    monkeypatch.setattr("radfuse.fusion.models.svm._ITERATIONS", 3)
    assert remarks() == ("svm at c 1 did not converge in 3 steps, and was taken as it stood then",)


def pairs(seed: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two knees a person, all but the same, and outcomes by chance: who has seen one knee knows the other."""
    generator = np.random.default_rng(seed)
    people = np.repeat(np.arange(40), 2)
    x = generator.standard_normal((40, 30))[people] + 0.01 * generator.standard_normal((80, 30))
    return x, generator.permutation(np.arange(40) % 2)[people], people


def test_two_knees_of_a_person_stay_in_one_fold():
    """Across folds they would make the machine look right on noise, and its probabilities sure."""
    settings = {"svm_gamma": 1.0, "svm_c": 10.0}
    other = np.random.default_rng(9).standard_normal((200, 30))
    spread = {"apart": 0.0, "together": 0.0}
    for seed in range(6):
        x, y, people = pairs(seed)
        spread["apart"] += Svm().fit(x, y, settings, 0).predict(other).std()
        together = Svm().fit(x, y, settings, 0, people).predict(other)
        spread["together"] += together.std()
    assert spread["apart"] > 2 * spread["together"]
    renamed = np.array([f"P{(7 * who) % 40}" for who in people])
    np.testing.assert_array_equal(Svm().fit(x, y, settings, 0, renamed).predict(other), together)
    with pytest.raises(ValueError, match="one training patient alone is of its class"):
        Svm().fit(x, (people == 3).astype(float), settings, 0, people)


def test_a_family_hands_its_patients_over():
    """What is remembered of other people in the same rows is not taken for it."""
    x, y, people = pairs()
    config = FusionConfig(classifier=Svm(c=(10.0,)), strategy=Early(), inner_folds=2)
    about = ({"deep": range(30)}, [f"c{i}" for i in range(30)], BinaryOutcome(column="event"), config, 0)
    forget()
    fitted = fit_family(x, y, y, people, *about).fitted
    scaled = (x - x.mean(axis=0)) / x.std(axis=0)
    expected = Svm(c=(10.0,)).fit(scaled, y, {"svm_gamma": 1.0, "svm_c": 10.0}, 0, people).predict(scaled)
    np.testing.assert_allclose(fitted.predict(x), expected, rtol=0, atol=1e-9)
    alone = fit_family(x, y, y, np.arange(80), *about).fitted
    assert np.abs(alone.predict(x) - expected).max() > 0.05


def test_a_huge_c_ends():
    """The machine of the last step is taken, without a word from scikit-learn."""
    x, y = learnt(60, 3)
    found = Svm(kernel="linear").fit(x, y, {"svm_c": 1e9}, 0).predict(x)
    assert np.isfinite(found).all()
