"""Reclassification: Pencina's own table, and small ones counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

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
    """Events gain 0.1 and 0.3, others lose 0.1 and 0.1: 0.2 + 0.1."""
    found, p = discrimination_improvement([1, 1, 0, 0], [0.5, 0.5, 0.5, 0.5], [0.6, 0.8, 0.4, 0.4], range(4))
    assert found.value == pytest.approx(0.3)
    assert p == pytest.approx(2 * 0.00135, rel=0.01)  # z = 0.3 / sqrt(0.02 / 2) = 3


def test_nothing_moved_has_no_p() -> None:
    found = reclassification([1, 0], [0.5, 0.5], [0.5, 0.5], [0, 1])
    assert found.nri.value == 0
    assert np.isnan(found.p)


def test_cuts_that_fall_are_refused() -> None:
    with pytest.raises(ValueError, match="must rise"):
        reclassification([1, 0], [0.5, 0.5], [0.5, 0.5], [0, 1], cuts=[0.3, 0.1])
