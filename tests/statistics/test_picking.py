"""The luck of a pick, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from radfuse.statistics.picking import picking_bias


def test_what_the_best_of_each_fold_has_more_than_the_best_of_all():
    first = {"1": 0.8, "2": 0.6, "3": 0.7}
    second = {"1": 0.5, "2": 0.9, "3": 0.6}
    assert picking_bias([first, second]) == pytest.approx((0 + 0.3 + 0) / 3)
    assert picking_bias([first]) == 0.0
    assert picking_bias([first, {**second, "2": None, "1": float("nan")}]) is None


def test_families_that_know_nothing_are_brought_back_to_a_half():
    """Six of them, five folds, many draws: the best is too high by about what is said."""
    generator = np.random.default_rng(1)
    best, bias = [], []
    for _ in range(400):
        each = 0.5 + 0.1 * generator.standard_normal((6, 5))
        best.append(each.mean(axis=1).max())
        bias.append(picking_bias([dict(enumerate(row)) for row in each]))
    assert np.mean(best) > 0.55
    assert 0.35 < np.mean(best) - np.mean(bias) < 0.52
