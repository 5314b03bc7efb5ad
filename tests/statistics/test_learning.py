"""The power law of learning curves."""

from __future__ import annotations

import numpy as np
import pytest

from radfuse.statistics.learning import PowerLaw, power_law

SIZES = (20.0, 40.0, 60.0, 80.0, 100.0)


def test_a_law_is_found_again() -> None:
    law = PowerLaw(0.9, 1.5, 0.6)
    assert float(law.at(100)) == pytest.approx(0.9 - 1.5 * 100**-0.6)
    found = power_law({size: [float(law.at(size))] for size in SIZES})
    assert found is not None
    assert found.rate == pytest.approx(0.6, rel=0.03)  # the grid's step
    assert float(found.at(200)) == pytest.approx(float(law.at(200)), abs=1e-3)


def test_the_limit_is_at_most_that_of_the_measure() -> None:
    found = power_law({size: [0.5 + 0.1 * np.log(size)] for size in (2.0, 8.0, 32.0, 128.0)})
    assert found is not None
    assert found.limit <= 1


@pytest.mark.parametrize(
    "drawn",
    [
        {20.0: [0.6], 40.0: [0.7], 60.0: [0.75]},  # three sizes
        {size: [0.7] for size in SIZES},  # flat
        {size: [0.9 - size / 500] for size in SIZES},  # falling
        {
            20.0: [0.5, 0.7],
            40.0: [0.5, 0.72],
            60.0: [0.52, 0.72],
            80.0: [0.54, 0.73],
            100.0: [0.64],
        },  # rise in the noise
    ],
)
def test_no_law_where_it_makes_no_sense(drawn: dict[float, list[float]]) -> None:
    assert power_law(drawn) is None


def test_the_rise_is_held_against_what_draws_explain() -> None:
    """Means of 0.605 to 0.68; the error of the first is 0.005 where its two draws are 0.01 apart, 0.105 at 0.21."""
    tight = {20.0: [0.60, 0.61], 40.0: [0.64, 0.65], 60.0: [0.66, 0.67], 80.0: [0.67, 0.68], 100.0: [0.68]}
    wide = {20.0: [0.50, 0.71], 40.0: [0.54, 0.75], 60.0: [0.56, 0.77], 80.0: [0.57, 0.78], 100.0: [0.68]}
    assert power_law(tight) is not None
    assert power_law(wide) is None
