"""Bootstrap of means: against the normal interval, patients drawn whole, columns with gaps."""

from __future__ import annotations

import math

import numpy as np
import pytest

from radfuse.statistics.bootstrap import bootstrap_means
from radfuse.statistics.estimate import Estimate, clustered_mean


def bootstrap_mean(values: object, patients: object, **options: int) -> Estimate:
    return bootstrap_means(np.asarray(values, dtype=float)[:, None], np.asarray(patients), **options)[0]


def test_independent_values_have_about_the_normal_interval() -> None:
    values = np.random.default_rng(3).normal(5, 2, 400)
    found, normal = bootstrap_mean(values, np.arange(400)), clustered_mean(values, np.arange(400))
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((normal.low, normal.high), abs=0.03)


def test_two_equal_knees_a_patient_count_once() -> None:
    values = np.random.default_rng(3).normal(5, 2, 100)
    once = bootstrap_mean(values, np.arange(100))
    twice = bootstrap_mean(np.repeat(values, 2), np.repeat(np.arange(100), 2))
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high))


def test_draws_in_parts_are_as_many_and_the_seed_decides() -> None:
    values, who = np.arange(30_000) % 7, np.arange(30_000)
    found = bootstrap_mean(values, who, draws=700)
    assert found == bootstrap_mean(values, who, draws=700)
    assert found.low < found.value < found.high
    assert found != bootstrap_mean(values, who, draws=700, seed=1)


def test_what_is_not_finite_is_left_out_of_its_column() -> None:
    values = np.array([[1, 5.0], [2, math.inf], [3, math.nan], [4, math.inf]])
    whole, gaps = bootstrap_means(values, ["a", "b", "c", "d"])
    assert (whole.value, gaps.value) == (2.5, 5)
    assert whole.low < 2.5 < whole.high
    assert np.isnan([gaps.low, gaps.high]).all()  # one patient has them all
    of_two = bootstrap_means(np.array([[1.0], [3.0], [math.inf]]), ["a", "b", "c"])[0]
    assert (of_two.value, of_two.low, of_two.high) == (2, 1, 3)


def test_one_patient_has_no_interval_and_none_no_mean() -> None:
    alone = bootstrap_mean([1.0, 2.0], ["p", "p"])
    assert alone.value == 1.5
    assert np.isnan([alone.low, alone.high]).all()
    assert np.isnan(bootstrap_mean([], []).value)
