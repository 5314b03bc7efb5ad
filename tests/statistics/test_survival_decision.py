"""Net benefit where times are censored: counted by hand, and as the binary one where nobody is."""

from __future__ import annotations

import numpy as np
import pytest

from radfuse.statistics.decision import decision_curve
from radfuse.statistics.survival import censoring
from radfuse.statistics.survival_decision import survival_decision_curve

AT = np.array([0.2, 0.5])


def test_without_censoring_it_is_the_binary_curve() -> None:
    generator = np.random.default_rng(0)
    time, p, who = generator.exponential(size=60), generator.random(60), np.arange(60) // 2
    event = np.ones(60)
    found = survival_decision_curve(time, event, p, 0.7, AT, who, censoring(time, event), 1.3)
    peer = decision_curve((time <= 0.7).astype(int), p, AT, who, overlap=1.3)
    for name in ("net_benefit", "low", "high", "treat_all", "avoided"):
        np.testing.assert_allclose(getattr(found, name), getattr(peer, name), atol=1e-12)


def test_four_units_of_whom_one_leaves_early() -> None:
    time, event = np.array([1.0, 2.0, 3.0, 5.0]), np.array([1.0, 0.0, 1.0, 0.0])
    p = np.array([0.9, 0.1, 0.6, 0.3])
    found = survival_decision_curve(time, event, p, 4.0, AT, np.arange(4), censoring(time, event))
    # the unit that leaves at 2 hands its weight to the two behind it: 1.5 each
    assert found.net_benefit == pytest.approx([(1 + 1.5 - 1.5 * 0.25) / 4, (1 + 1.5) / 4])
    assert found.treat_all == pytest.approx([(1 + 1.5 - 1.5 * 0.25) / 4, (1 + 1.5 - 1.5) / 4])
