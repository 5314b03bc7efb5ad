"""Platt's probabilities: a fit by hand, perfect separation, and decisions that tell nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from radfuse.fusion.models.platt import platt


def test_two_decisions_have_the_drawn_in_shares():
    """At +1 three of four units have the event, at -1 one of four: targets are 5/6 and 1/6, mean 4/6 and 2/6."""
    decisions = np.repeat([1.0, -1.0], 4)
    y = np.array([1, 1, 1, 0, 1, 0, 0, 0])
    slope, offset = platt(decisions, y)
    assert expit(slope + offset) == pytest.approx((3 * 5 / 6 + 1 / 6) / 4, abs=1e-6)
    assert expit(-slope + offset) == pytest.approx((5 / 6 + 3 * 1 / 6) / 4, abs=1e-6)


@pytest.mark.parametrize(("size", "moved"), [(1.0, 0.0), (1e6, 0.0), (1e-6, 0.0), (1.0, 1e3)])
def test_a_perfect_separation_stays_finite_in_any_unit(size: float, moved: float):
    """Four units a class: none is surer than 5 in 6."""
    decisions = size * (np.repeat([1.0, -1.0], 4) + moved)
    slope, offset = platt(decisions, np.repeat([1, 0], 4))
    assert expit(slope * decisions + offset) == pytest.approx(np.repeat([5 / 6, 1 / 6], 4), abs=1e-5)


@pytest.mark.parametrize("decisions", [np.repeat([-1.0, 1.0], [6, 3]), np.ones(9), 1 + 1e-15 * np.arange(9.0)])
def test_decisions_that_tell_nothing_or_backwards_leave_the_share(decisions: np.ndarray):
    """Six events drawn in to 7/8 and three others to 1/5."""
    slope, offset = platt(decisions, np.repeat([1, 0], [6, 3]))
    assert slope == 0
    assert expit(offset) == pytest.approx((6 * 7 / 8 + 3 * 1 / 5) / 9)
