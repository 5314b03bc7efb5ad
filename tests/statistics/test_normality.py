"""Shapiro-Wilk of all columns at once against SciPy's of each."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from radfuse.statistics.normality import shapiro_wilk


@pytest.mark.parametrize("units", [3, 4, 5, 6, 11, 12, 50, 700])
def test_equals_scipy(units: int):
    generator = np.random.default_rng(units)
    normal = generator.standard_normal((units, 6))
    x = np.hstack([normal, np.exp(normal), generator.random((units, 4))])
    expected = [stats.shapiro(column).pvalue for column in x.T]
    np.testing.assert_allclose(shapiro_wilk(x), expected, rtol=1e-6, atol=1e-9)


def test_of_what_is_constant_or_too_little_nothing_can_be_said():
    assert shapiro_wilk(np.ones((20, 2))).tolist() == [0, 0]
    assert shapiro_wilk(np.array([[1.0], [2.0]])).tolist() == [0]
