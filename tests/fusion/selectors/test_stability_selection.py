"""Stability selection: shares by hand, and few false columns."""

from __future__ import annotations

import numpy as np
from columns import planted, standardised

from radfuse.fusion.selectors.stability_selection import StabilitySelection
from radfuse.outcomes.binary import BinaryOutcome

EVENT = BinaryOutcome(column="event")


def test_noise_is_hardly_ever_stable():
    """At most a column a table of 49 of noise, and the planted one each time."""
    false = 0
    for seed in range(5):
        generator = np.random.default_rng(seed)
        x = generator.standard_normal((100, 50))
        y = np.arange(100) % 2
        x[:, 0] += 1.5 * y
        found = StabilitySelection(halves=20, threshold=0.9).choose(standardised(x), y, {}, EVENT)
        assert found[0]
        false += found[1:].sum()
    assert false <= 5


def test_a_higher_threshold_keeps_fewer():
    x, y = planted(2, columns=20)
    masks = [StabilitySelection(threshold=t, halves=20).choose(x, y, {}, EVENT) for t in (0.51, 0.7, 1.0)]
    assert masks[0].sum() >= masks[1].sum() >= masks[2].sum()
    assert masks[0][masks[1]].all()


def test_the_most_frequent_stays_where_none_is_stable():
    generator = np.random.default_rng(3)
    x, y = standardised(generator.standard_normal((40, 30))), np.arange(40) % 2
    step = StabilitySelection(threshold=1, halves=20, strengths=(0.9,))
    kept = step.choose(x, y, {}, EVENT)
    assert kept.sum() == 1
    np.testing.assert_array_equal(step.choose(x[:, ::-1], y, {}, EVENT), kept[::-1])
    assert "the one in most" in step.remark(x, y, {}, EVENT)
