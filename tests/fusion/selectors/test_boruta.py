"""Boruta: what it confirms, and what chance is."""

from __future__ import annotations

import numpy as np
from columns import planted
from scipy import stats

from radfuse.fusion.selectors.boruta import Boruta, _beyond_chance
from radfuse.outcomes.binary import BinaryOutcome

EVENT = BinaryOutcome(column="event")


def test_keeps_all_relevant_columns_copies_too_and_drops_most_noise():
    x, y = planted(1, units=300)
    found = Boruta(rounds=20, trees=50).choose(x, y, {}, EVENT)
    assert found[:3].all()
    assert found[3:].sum() <= 2


def test_beyond_chance_needs_both_corrections():
    """Of 20 rounds 20 hits have p 1e-6, as have none; 15 hits pass alone (0.021), but not 0.05 / 20."""
    high, low = _beyond_chance(np.array([20, 15, 10, 0]), 20, 0.05)
    assert high.tolist() == [True, False, False, False]
    assert low.tolist() == [False, False, False, True]
    assert stats.binom.sf(14, 20, 0.5) < 0.05


def test_of_noise_one_column_stays_and_it_is_said():
    generator = np.random.default_rng(1)
    x, y = generator.standard_normal((60, 6)), np.arange(60) % 2
    step = Boruta(rounds=10, trees=20)
    assert step.choose(x, y, {}, EVENT).sum() == 1
    assert step.remark(x, y, {}, EVENT) == "Boruta confirms no column; the most important one stays"
    planted_x, planted_y = planted(1)
    assert step.remark(planted_x[:, :3], planted_y, {}, EVENT) == ""
