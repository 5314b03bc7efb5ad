"""Gaussian naive Bayes: scikit-learn's, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logit
from sklearn.naive_bayes import GaussianNB
from tables import learnt, unseen

from radfuse.fusion.models.naive_bayes import NaiveBayes


@pytest.mark.parametrize("smoothing", [1e-9, 0.1, 1.0])
def test_equals_scikit_learn(smoothing: float):
    x, y = learnt()
    rows = np.vstack([x, unseen()])
    found = NaiveBayes().fit(x, y, {"naive_bayes_smoothing": smoothing}, 0).predict(rows)
    np.testing.assert_allclose(
        found, GaussianNB(var_smoothing=smoothing).fit(x, y).predict_proba(rows)[:, 1], atol=1e-9
    )


def test_log_odds_by_hand():
    """Means -1 and 1 and variances 1 in both classes, one unit in three has the event: 2 x - log 2."""
    x = np.array([-2.0, 0.0, -2.0, 0.0, 0.0, 2.0])[:, None]
    model = NaiveBayes().fit(x, np.array([0, 0, 0, 0, 1, 1]), {"naive_bayes_smoothing": 1e-12}, 0)
    rows = np.array([[0.0], [1.0], [-0.5]])
    assert logit(model.predict(rows)) == pytest.approx(2 * rows[:, 0] - np.log(2))
