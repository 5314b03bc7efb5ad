"""How near values come: figures checked by hand, and intervals that cover."""

from __future__ import annotations

import numpy as np
import pytest

from radfuse.statistics.estimate import clustered_mean
from radfuse.statistics.jackknife import jackknifed
from radfuse.statistics.regression import agreement


def test_figures_of_four_units_by_hand() -> None:
    found = agreement(np.array([1.0, 2, 3, 4]), np.array([1.0, 3, 3, 5]), np.arange(4))
    assert found.r2.value == pytest.approx(1 - 2 / 5)
    assert found.rmse.value == pytest.approx(np.sqrt(0.5))
    assert found.mae.value == pytest.approx(0.5)
    assert found.slope.value == pytest.approx(6 / 8)
    assert found.slope_intercept.value == pytest.approx(2.5 - 0.75 * 3)
    assert found.bias.value == pytest.approx(0.5)
    assert found.low.value == pytest.approx(0.5 - 1.96 * np.sqrt(1 / 3))
    assert found.spearman.value == pytest.approx(0.9486832980505138)  # ranks 1 2 3 4 and 1 2.5 2.5 4


def test_a_constant_prediction_has_no_slope_and_no_rank_correlation() -> None:
    found = agreement(np.array([1.0, 2, 3]), np.full(3, 2.0), np.arange(3))
    assert np.isnan(found.slope.value)
    assert np.isnan(found.spearman.value)
    assert found.r2.value == 0


def test_the_jackknife_of_a_mean_is_its_standard_error_by_patient() -> None:
    values, patients = np.array([1.0, 2, 4, 8, 9, 12]), np.array(list("aabbcc"))
    (found,) = jackknifed(lambda rows: np.array([values[rows].mean()]), patients)
    usual = clustered_mean(values, patients)
    assert (found.value, found.low) == (pytest.approx(usual.value), pytest.approx(usual.low))
    (one,) = jackknifed(lambda rows: np.array([values[rows].mean()]), np.array(["a"] * 6))
    assert np.isnan(one.low)


def test_intervals_of_r2_and_slope_cover_about_as_often_as_they_say() -> None:
    generator, inside = np.random.default_rng(0), np.zeros(2)
    for _ in range(30):
        p = generator.standard_normal(80)
        y = p + generator.standard_normal(80)
        found = agreement(y, p, np.arange(80) // 2)
        inside += [found.r2.low < 0.5 < found.r2.high, found.slope.low < 1 < found.slope.high]
    assert (inside >= 25).all()
