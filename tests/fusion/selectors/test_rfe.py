"""Elimination against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from columns import planted
from sklearn.feature_selection import RFE
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from radfuse.fusion.selectors.rfe import Rfe
from radfuse.outcomes.binary import BinaryOutcome

MODELS = {"logistic": LogisticRegression(C=0.1, max_iter=300), "svm": LinearSVC(C=0.1, dual=False)}


@pytest.mark.parametrize("by", MODELS)
@pytest.mark.parametrize("k", [10, 20, 39, 40, 90])
def test_equals_scikit_learn(by: str, k: int):
    """Both halve 40 columns once or twice; scikit-learn goes on by half of the columns it began with."""
    x, y = planted(9)
    found = Rfe(k=k, by=by).choose(x, y, {}, BinaryOutcome(column="event"))
    oracle = RFE(MODELS[by], n_features_to_select=min(k, 40), step=0.5).fit(x, y)
    np.testing.assert_array_equal(found, oracle.support_)


def test_ends_at_one_column():
    x, y = planted(9)
    found = Rfe(k=1, drop=0.01).choose(x[:, [0, 1, 3, 4, 5]], y, {}, BinaryOutcome(column="event"))
    assert np.flatnonzero(found).tolist() in ([0], [1])
