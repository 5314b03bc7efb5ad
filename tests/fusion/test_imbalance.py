"""Class weights and units made up: by hand, in training sets alone, told of, and exported as ever."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from exported import run_nodes
from sklearn.linear_model import LogisticRegression

from radfuse.cohort.splits import inner_folds
from radfuse.config import build
from radfuse.errors import InputError
from radfuse.fusion.config import FusionConfig
from radfuse.fusion.models.class_weight import weights_of
from radfuse.fusion.models.penalised import FittedLogistic, ridge_path
from radfuse.fusion.models.ridge import Ridge
from radfuse.fusion.oversample import smote
from radfuse.fusion.parts import Model, Training
from radfuse.fusion.strategies.attention import Attention
from radfuse.fusion.strategies.penalty import Penalty
from radfuse.fusion.strategies.score import Score
from radfuse.fusion.tune import fit_chain, inner_predictions
from radfuse.fusion.validate import Fit, fit_family
from radfuse.outcomes.binary import BinaryOutcome

EVENT = BinaryOutcome(column="event")
NAMES = [f"c{i}" for i in range(6)]
BLOCKS = {"clinical": range(2), "deep": range(2, 6)}


def rare(units: int = 90) -> tuple[np.ndarray, np.ndarray]:
    """The event is rare, and its log odds are the first and third columns'."""
    generator = np.random.default_rng(5)
    x = generator.standard_normal((units, 6))
    odds = 1.2 * x[:, 0] + 1.2 * x[:, 2] - 2.2
    return x, (generator.random(units) < 1 / (1 + np.exp(-odds))).astype(int)


def classifier(settings: Mapping[str, object]) -> Model:
    return build(FusionConfig, {"classifier": settings}, "study.yaml").classifier


def test_weights_by_hand():
    assert weights_of(np.array([0, 0, 0, 1]), "balanced").tolist() == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2])
    assert weights_of(np.array([0, 1]), None) is None


def test_a_weighted_ridge_is_scikit_learns_and_a_unit_of_weight_two_counts_twice():
    x, y = rare()
    (found,) = ridge_path(x, y, [2.0], np.zeros(90), weights_of(y, "balanced"))
    other = LogisticRegression(C=0.5, class_weight="balanced", tol=1e-10, max_iter=1000).fit(x, y)
    np.testing.assert_allclose(found.coefficients, other.coef_[0], atol=1e-5)
    assert found.intercept == pytest.approx(other.intercept_[0], abs=1e-5)
    (weighted,) = ridge_path(x, y, [2.0], np.zeros(90), 1.0 + y)
    (twice,) = ridge_path(np.vstack([x, x[y == 1]]), np.r_[y, y[y == 1]], [2.0], np.zeros(90 + y.sum()))
    np.testing.assert_allclose(weighted.coefficients, twice.coefficients, atol=1e-6)


WEIGHABLE: dict[str, dict[str, object]] = {
    "ridge": {"spreads": [1.0]},
    "logistic": {"c": [1.0]},
    "svm": {"c": [1.0]},
    "random_forest": {"trees": 40},
    "extra_trees": {"trees": 40},
    "lightgbm": {"trees": [60]},
    "xgboost": {"trees": [60]},
    "xgboost linear": {"booster": "linear", "trees": [60]},
    "mlp": {"decay": [3.0]},
}


@pytest.mark.parametrize("name", WEIGHABLE)
def test_weighted_classes_move_probabilities_to_one_half(name: str):
    """All but the machine's, whose probabilities are fitted to the units as they are."""
    x, y = rare()
    settings = {"kind": name.split()[0], **WEIGHABLE[name]}
    plain, even = (classifier({**settings, **more}) for more in ({}, {"class_weight": "balanced"}))
    before, after = (model.fit(x, y, model.candidates()[0], 7) for model in (plain, even))
    assert y.mean() < 0.25
    assert abs(before.predict(x).mean() - y.mean()) < 0.05
    moved = after.predict(x).mean() - before.predict(x).mean()
    assert abs(moved) < 0.05 if name == "svm" else moved > 0.1
    np.testing.assert_allclose(run_nodes(after, x), after.predict(x), atol=1e-6)


@pytest.mark.parametrize("kind", ["knn", "lda", "naive_bayes", "gaussian_process", "mean"])
def test_learners_that_cannot_weigh_say_which_can(kind: str):
    able = "logistic, ridge, svm, random_forest, extra_trees, lightgbm, xgboost, mlp"
    with pytest.raises(InputError, match=able):
        classifier({"kind": kind, "class_weight": "balanced"})
    with pytest.raises(InputError, match=f"knn cannot weigh classes.*{able}"):
        classifier({"kind": "mean", "members": [{"kind": "ridge"}, {"kind": "knn", "class_weight": "balanced"}]})


def test_units_made_up_by_hand():
    """Of two rare units on a line all lie between the two, with log odds between theirs; real units come first."""
    x = np.array([[-9.0], [-8], [-7], [-6], [-5], [-4], [0], [1]])
    y, offset = np.array([0, 0, 0, 0, 0, 0, 1, 1]), np.array([5.0, 5, 5, 5, 5, 5, 2, 4])
    more, outcomes, odds = smote(x, y, offset, seed=3)
    np.testing.assert_array_equal(more[:8], x)
    assert outcomes.tolist() == [*y, 1, 1, 1, 1]
    made = more[8:, 0]
    assert ((made > 0) & (made < 1)).all()
    np.testing.assert_allclose(odds, [*offset, *(2 + 2 * made)])
    assert len(set(made)) == 4


def test_neighbours_are_the_nearest_of_the_rarer_class():
    """Two clumps of six at 0 and at 100: five neighbours are in one's own clump, so nothing lies between them."""
    x = np.r_[np.arange(6) / 10, 100 + np.arange(6) / 10, np.full(60, 50.0)][:, None]
    more, outcomes, _ = smote(x, np.repeat([1, 0], [12, 60]), None, seed=1)
    made = more[72:, 0]
    assert outcomes.sum() == 60
    assert ((made <= 0.5) | ((made >= 100) & (made <= 100.5))).all()
    assert 0 < (made > 50).sum() < 48


def test_what_is_made_up_hangs_on_no_order():
    x, y = rare()
    generator = np.random.default_rng(2)
    rows, columns = generator.permutation(90), generator.permutation(6)
    first, _, _ = smote(x, y, None, seed=3)
    second, _, _ = smote(x[np.ix_(rows, columns)], y[rows], None, seed=3)
    np.testing.assert_allclose(second[90:], first[90:][:, columns], atol=1e-12)


def test_equal_classes_stay_and_one_unit_alone_is_refused():
    x = np.arange(4.0)[:, None]
    np.testing.assert_array_equal(smote(x, np.array([0, 1, 0, 1]), None, 1)[0], x)
    with pytest.raises(ValueError, match=r"one training unit alone is of its class.*leave fusion.oversample out"):
        smote(x, np.array([0, 0, 0, 1]), None, 1)


class Counting:
    """Remembers how many units of each class it was fitted to."""

    def __init__(self) -> None:
        self.seen: list[list[int]] = []

    def candidates(self) -> tuple[Mapping[str, float], ...]:
        return ({},)

    def fit(self, x: np.ndarray, y: np.ndarray, settings: Mapping[str, float], seed: int) -> FittedLogistic:
        self.seen.append(np.bincount(y).tolist())
        return FittedLogistic(0.0, np.zeros(x.shape[1]))


def training(model: object, oversample: bool = True) -> Training:
    x, y = rare()
    folds = inner_folds(np.arange(90), y, 3, 1)
    return Training(x, y, BLOCKS, NAMES, folds, (), model, EVENT, 7, oversample=oversample)


def test_units_are_made_up_of_training_units_alone():
    """In each inner fold and in the last fit there are as many of either class as there are of the frequent one."""
    model = Counting()
    here = training(model)
    _, inner = inner_predictions([here])[0]
    fit_chain(here, {})
    frequent = [int((here.y[fold.train] == 0).sum()) for fold in here.folds]
    assert model.seen == [[count, count] for count in (*frequent, int((here.y == 0).sum()))]
    assert inner.shape == (1, 90)


def fitted(**settings: object) -> Fit:
    x, y = rare()
    config = build(FusionConfig, {"inner_folds": 3, **settings}, "study.yaml")
    return fit_family(x, y, y, np.arange(90), BLOCKS, NAMES, EVENT, config, 7)


RIDGE = {"kind": "ridge", "spreads": [0.3, 1.0]}


@pytest.mark.parametrize("more", [{"oversample": "smote"}, {"classifier": {**RIDGE, "class_weight": "balanced"}}])
def test_where_asked_probabilities_leave_the_prevalence_and_a_caution_says_so(more: dict[str, object]):
    """By the usual strategies, priority and its offsets among them; a curve on real units brings them back."""
    x, y = rare()
    usual = {"classifier": RIDGE}
    plain, asked = fitted(**usual), fitted(**usual | more)
    mended = fitted(**usual | more | {"recalibrate": {"kind": "platt"}})
    assert plain.remarks == mended.remarks == ()
    (caution,) = asked.remarks
    assert "no longer of the cohort's prevalence and calibration suffers" in caution
    assert "van den Goorbergh 2022" in caution
    share, found = (float(fit.fitted.predict(x).mean()) for fit in (plain, asked))
    assert abs(share - y.mean()) < 0.06
    assert found > share + 0.08
    assert abs(mended.fitted.predict(x).mean() - y.mean()) < 0.06


def test_strategies_weigh_with_the_learner_or_cannot_make_units_up():
    x, y = rare()
    even = [Penalty(spreads=(1.0,)).learn(training(Ridge(class_weight=rule), False)) for rule in (None, "balanced")]
    plain, weighted = (1 / (1 + np.exp(-learned.part.score(x))) for learned in even)
    assert weighted.mean() > plain.mean() + 0.1
    nomogram = Score().learn(training(Ridge(spreads=(1.0,)))).part.score(x)
    assert abs((1 / (1 + np.exp(-nomogram))).mean() - y.mean()) < 0.05  # its own regression is of real units
    with pytest.raises(ValueError, match=r"attention makes up no units; leave fusion.oversample out"):
        Attention().learn(training(Ridge()))


def test_a_machine_with_folds_of_its_own_takes_no_units_made_up():
    with pytest.raises(InputError, match=r"svm makes its probabilities in folds of its own.*class_weight: balanced"):
        build(FusionConfig, {"oversample": "smote", "classifier": {"kind": "svm"}}, "study.yaml")
    with pytest.raises(InputError, match="oversample"):
        build(FusionConfig, {"oversample": "adasyn"}, "study.yaml")
