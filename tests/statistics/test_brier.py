"""The parts of the Brier score, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from radfuse.statistics.brier import brier


def test_the_parts_are_murphys_where_shares_rise() -> None:
    """Ten at 0.2 with 1 event, ten at 0.6 with 7: reliability 0.5 * (0.1^2 + 0.1^2), resolution 0.5 * 2 * 0.3^2."""
    y = np.repeat([1, 0, 1, 0], [1, 9, 7, 3])
    found = brier(y, np.repeat([0.2, 0.6], 10))
    assert found.reliability == pytest.approx(0.01)
    assert found.resolution == pytest.approx(0.09)
    assert found.uncertainty == pytest.approx(0.24)
    assert found.score == pytest.approx(0.16)
    assert found.score == pytest.approx(found.reliability - found.resolution + found.uncertainty)


def test_shares_that_fall_are_pooled() -> None:
    """Three events of four at 0.2 and one of four at 0.8: recalibrated to one half each, there is no resolution."""
    found = brier([1, 1, 1, 0, 1, 0, 0, 0], np.repeat([0.2, 0.8], 4))
    assert found.resolution == pytest.approx(0)
    assert found.uncertainty == 0.25
    assert found.reliability == pytest.approx(found.score - 0.25)


def test_a_perfect_and_a_constant_model() -> None:
    assert brier([0, 1], [0.0, 1.0]).resolution == pytest.approx(0.25)
    constant = brier([0, 1, 1, 1], [0.75] * 4)
    assert (constant.reliability, constant.resolution) == (pytest.approx(0), pytest.approx(0))


def test_no_units_are_an_error() -> None:
    with pytest.raises(ValueError, match="no units"):
        brier([], [])
