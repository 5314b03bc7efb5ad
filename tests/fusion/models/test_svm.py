"""Support vector machines: scikit-learn's decision values, a logistic function of which is the probability."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from scipy.special import logit
from sklearn.svm import SVC
from tables import learnt, unseen

from radfuse.fusion.models.penalised import FittedLogistic
from radfuse.fusion.models.svm import FittedSvm, Svm


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
    with pytest.raises(ValueError, match="one training unit alone is of its class; classifier svm needs two of each"):
        Svm().fit(x, y, {"svm_gamma": 1.0, "svm_c": 1.0}, 0)


def test_a_huge_c_ends():
    """The machine of the last step is taken, without a word from scikit-learn."""
    x, y = learnt(60, 3)
    found = Svm(kernel="linear").fit(x, y, {"svm_c": 1e9}, 0).predict(x)
    assert np.isfinite(found).all()
