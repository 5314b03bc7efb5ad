"""Reclassification: Pencina's own table, and small ones counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from radfuse.statistics.reclassification import discrimination_improvement, reclassification

EVENTS = [[39, 15, 0], [4, 87, 14], [0, 3, 21]]
OTHERS = [[1959, 142, 0], [148, 703, 31], [1, 25, 72]]
"""Rows: category by the old model; columns: by the new one."""


def spread_out() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    middle = [0.03, 0.1, 0.5]
    rows = [
        (outcome, middle[i], middle[j])
        for outcome, table in ((1, EVENTS), (0, OTHERS))
        for i, line in enumerate(table)
        for j, count in enumerate(line)
        for _ in range(count)
    ]
    y, old, new = np.array(rows).T
    return y, old, new


def test_the_published_table_gives_the_published_numbers() -> None:
    """Pencina et al. 2008, table II: NRI 0.1205, z 3.616."""
    y, old, new = spread_out()
    found = reclassification(y, old, new, np.arange(len(y)), cuts=(0.06, 0.2))
    assert found.nri.value == pytest.approx(0.1205, abs=5e-5)
    assert found.z == pytest.approx(3.616, abs=5e-4)
    assert found.p < 0.001
    assert found.nri.low < 0.1205 < found.nri.high


def test_any_change_counts_without_categories() -> None:
    """Both events rise; one other of two falls, one rises: 1 + 0."""
    found = reclassification([1, 1, 0, 0], [0.5, 0.5, 0.5, 0.5], [0.6, 0.51, 0.4, 0.9], range(4))
    assert (found.events.value, found.others.value, found.nri.value) == (1, 0, 1)


def test_a_probability_at_a_border_is_above_it() -> None:
    found = reclassification([1, 0], [0.19, 0.2], [0.2, 0.19], [0, 1], cuts=[0.2])
    assert found.nri.value == 2


def test_discrimination_improvement_by_hand() -> None:
    """Events gain 0.1 and 0.3, others lose 0.1 and 0.1: 0.2 + 0.1; events' mean varies by 2 * 0.1^2 / 4 * 4 / 3."""
    found, p = discrimination_improvement([1, 1, 0, 0], [0.5, 0.5, 0.5, 0.5], [0.6, 0.8, 0.4, 0.4], range(4))
    assert found.value == pytest.approx(0.3)
    error = np.sqrt(2 * 0.05**2 * 4 / 3)
    assert found.high - found.value == pytest.approx(1.959964 * error)
    assert p == pytest.approx(2 * stats.norm.sf(0.3 / error))


def test_units_of_one_patient_on_both_sides_cancel_where_they_move_together() -> None:
    """Both knees of everyone rise alike, one with and one without the event: nothing is gained, and that is certain."""
    rise = np.repeat([0.1, 0.2, 0.3], 2)
    found, _ = discrimination_improvement([1, 0] * 3, [0.2] * 6, 0.2 + rise, np.repeat([0, 1, 2], 2))
    assert found.value == pytest.approx(0)
    assert found.high == pytest.approx(0, abs=1e-12)


def test_deals_of_the_same_patients_are_no_new_ones() -> None:
    generator = np.random.default_rng(0)
    y, old, new = generator.integers(0, 2, 60), generator.random(60), generator.random(60)
    once, p = discrimination_improvement(y, old, new, range(60))
    many, q = discrimination_improvement(*(np.tile(values, 10) for values in (y, old, new, np.arange(60))))
    assert (many.low, q) == (pytest.approx(once.low), pytest.approx(p))
    wide, _ = discrimination_improvement(y, old, new, range(60), overlap=2.25)
    assert wide.high - wide.value == pytest.approx(1.5 * (once.high - once.value))


def test_nothing_moved_has_no_p() -> None:
    found = reclassification([1, 0], [0.5, 0.5], [0.5, 0.5], [0, 1])
    assert found.nri.value == 0
    assert np.isnan(found.p)


def test_cuts_that_fall_are_refused() -> None:
    with pytest.raises(ValueError, match="must rise"):
        reclassification([1, 0], [0.5, 0.5], [0.5, 0.5], [0, 1], cuts=[0.3, 0.1])
