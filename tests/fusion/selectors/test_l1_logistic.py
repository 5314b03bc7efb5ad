"""L1-penalised logistic regression against its conditions of a minimum, and another solver's."""

from __future__ import annotations

import numpy as np
import pytest
from columns import planted, tables
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from radfuse.fusion.selectors.l1_logistic import l1_path


def off(x: np.ndarray, y: np.ndarray, coefficients: np.ndarray, intercept: float, penalty: float) -> float:
    """Return how far the slopes are from those of a minimum, as a share of the penalty."""
    columns = np.column_stack([x, np.full(len(x), 10.0)])
    weights = np.append(coefficients, intercept / 10)
    slope = (expit(x @ coefficients + intercept) - y) @ columns
    beyond = np.where(weights == 0, np.abs(slope) - penalty, np.abs(slope + penalty * np.sign(weights)))
    return float(beyond.max() / penalty)


@given(tables(), st.lists(st.floats(0.05, 0.99), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_slopes_are_those_of_a_minimum_at_every_penalty(drawn: tuple[np.ndarray, np.ndarray], shares: list[float]):
    """Equal columns, columns of sums, more columns than units, penalties in any order and twice."""
    x, y = drawn
    x = np.hstack([x, x[:, ::-1], x[:, :1] - x[:, -1:]])
    most = max(np.abs((y - y.mean()) @ x).max(), 1e-3)
    penalties = [share * most for share in [*shares, shares[0]]]
    for penalty, (coefficients, intercept) in zip(penalties, l1_path(x, y, penalties), strict=True):
        assert off(x, y, coefficients, intercept, penalty) < 1e-4


def test_it_is_what_liblinear_comes_near_to():
    x, y = planted(3, units=200, columns=300)
    penalties = [share * np.abs((y - y.mean()) @ x).max() for share in (0.7, 0.3, 0.1)]
    for penalty, (coefficients, intercept) in zip(penalties, l1_path(x, y, penalties), strict=True):
        peer = LogisticRegression(
            C=1 / penalty, l1_ratio=1.0, solver="liblinear", intercept_scaling=10.0, tol=1e-8, max_iter=5000
        ).fit(x, y)
        np.testing.assert_allclose(coefficients, peer.coef_[0], atol=1e-4)
        assert intercept == pytest.approx(peer.intercept_[0], abs=1e-4)
        assert ((coefficients != 0) == (np.abs(peer.coef_[0]) > 1e-6)).all()


def test_classes_that_a_line_parts_end_too():
    x = np.column_stack([np.linspace(-2, 2, 40), np.random.default_rng(0).standard_normal(40)])
    y = (x[:, 0] > 0).astype(float)
    (coefficients, intercept), *_ = l1_path(x, y, [1e-3])
    assert off(x, y, coefficients, intercept, 1e-3) < 1e-4
    assert coefficients[0] > 5
