"""Univariate, then backward logistic regression, against regressions without a penalty."""

from __future__ import annotations

import math

import numpy as np
import pytest
from columns import planted
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from radfuse.fusion.selectors.multivariable import Multivariable, _p_alone, regression
from radfuse.outcomes.binary import BinaryOutcome

EVENT = BinaryOutcome(column="event")


def oracle(x: np.ndarray, y: np.ndarray) -> float:
    model = LogisticRegression(C=math.inf, tol=1e-10, max_iter=1000).fit(x, y)
    return 2 * log_loss(y, model.predict_proba(x)[:, 1], normalize=False)


@pytest.mark.parametrize("columns", [1, 3, 8])
def test_deviance_is_that_of_a_regression_without_penalty(columns: int):
    x, y = planted(3)
    assert regression(x[:, :columns], y)[0] == pytest.approx(oracle(x[:, :columns], y), abs=1e-4)


def test_p_alone_is_that_of_a_likelihood_ratio_test_also_where_classes_are_apart():
    x, y = planted(3)
    x[:, 5] = 2 * y - 1 + 0.1 * x[:, 5]
    none = oracle(x[:, :1] * 0, y)
    expected = [stats.chi2.sf(none - regression(x[:, [i]], y)[0], 1) for i in range(40)]
    assert expected[5] < 1e-40
    np.testing.assert_allclose(_p_alone(x, y), expected, rtol=1e-4, atol=1e-12)


def test_deviance_of_the_share_alone_and_of_classes_apart():
    y = np.repeat([0, 1], [30, 10])
    assert regression(np.empty((40, 0)), y)[0] == pytest.approx(-2 * (30 * math.log(0.75) + 10 * math.log(0.25)))
    assert regression(y[:, None] * 2.0 - 1, y)[0] == pytest.approx(0, abs=1e-4)


def test_a_copy_that_adds_nothing_is_dropped_last_of_all_noise():
    x, y = planted(4)
    found = np.flatnonzero(Multivariable().choose(x[:, :8], y, {}, EVENT))
    better = 0 if oracle(x[:, [0, 1]], y) < oracle(x[:, [2, 1]], y) else 2
    assert {better, 1} <= set(found)
    left = [int(i) for i in found]
    for i in left:
        without = [j for j in left if j != i]
        assert stats.chi2.sf(oracle(x[:, without], y) - oracle(x[:, left], y), 1) <= 0.05


def test_akaike_keeps_at_least_what_p_keeps():
    x, y = planted(5)
    by_p, by_aic = (Multivariable(rule=rule).choose(x, y, {}, EVENT) for rule in ("p", "aic"))
    assert by_aic[by_p].all()


def test_at_most_one_column_for_five_events():
    x, y = planted(6)
    few = np.flatnonzero(y)[10:]
    x, y = np.delete(x, few, axis=0), np.delete(y, few)
    assert y.sum() == 10
    assert Multivariable(alpha_alone=1, alpha=1).choose(x, y, {}, EVENT).sum() <= 2


def test_what_stays_where_nothing_passes_is_said():
    x, y = planted(7)
    noise = x[:, 10:14]
    strict = Multivariable(alpha=1e-9)
    assert strict.choose(noise, y, {}, EVENT).sum() == 1
    assert strict.remark(noise, y, {}, EVENT).startswith("no column is left")
    assert strict.remark(x, y, {}, EVENT) == "" or strict.choose(x, y, {}, EVENT).sum() == 1
