"""Bootstrap of a mean: against the normal interval, and patients drawn whole."""

from __future__ import annotations

import numpy as np
import pytest

from radfuse.statistics.bootstrap import bootstrap_mean
from radfuse.statistics.estimate import clustered_mean


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


def test_one_patient_has_no_interval_and_none_no_mean() -> None:
    alone = bootstrap_mean([1.0, 2.0], ["p", "p"])
    assert alone.value == 1.5
    assert np.isnan([alone.low, alone.high]).all()
    assert np.isnan(bootstrap_mean([], []).value)
