"""Survival curves and Brier scores that can be counted by hand, and a published log-rank test."""

from __future__ import annotations

import numpy as np
import pytest
from rossi import rossi

from radfuse.statistics.survival import at_risk, brier_parts, censoring, kaplan_meier, log_rank

TIME, EVENT = np.array([1.0, 2.0, 2.0, 3.0, 5.0]), np.array([1, 1, 0, 0, 1])


def test_a_curve_of_five_units() -> None:
    curve = kaplan_meier(TIME, EVENT)
    assert curve.times.tolist() == [1, 2, 5]
    np.testing.assert_allclose(curve.survival, [0.8, 0.6, 0.0])
    np.testing.assert_allclose(curve.at(np.array([0.5, 1.0, 4.9, 9.0])), [1, 0.8, 0.6, 0])
    assert curve.before(np.array([1.0, 2.0])).tolist() == [1.0, 0.8]
    assert curve.median() == 5
    assert at_risk(TIME, [0, 2, 3, 6]) == [5, 4, 2, 0]
    half = curve.estimate(2)
    greenwood = np.sqrt(1 / (5 * 4) + 1 / (4 * 3))  # of log survival
    assert half.low == pytest.approx(0.6 ** np.exp(1.959964 * greenwood / -np.log(0.6)), abs=1e-6)


def test_events_come_before_censoring_at_the_same_time() -> None:
    left = censoring(TIME, EVENT)
    np.testing.assert_allclose(left.before(TIME), [1, 1, 1, 2 / 3, 1 / 3])
    np.testing.assert_allclose(left.at(np.array([2.0, 3.0])), [2 / 3, 1 / 3], atol=1e-12)


def test_rossi_has_the_published_log_rank_test() -> None:
    x, time, event = rossi()
    statistic, p = log_rank(time, event, x[:, 0])
    assert (statistic, p) == (pytest.approx(3.84, abs=0.005), pytest.approx(0.0501, abs=5e-5))  # R: survdiff


def test_three_groups_are_compared_as_statsmodels_does() -> None:
    from statsmodels.duration.survfunc import survdiff

    generator = np.random.default_rng(0)
    group = generator.integers(0, 3, 90)
    time, event = np.ceil(9 * generator.exponential(size=90) / (1 + group)), generator.integers(0, 2, 90)
    np.testing.assert_allclose(log_rank(time, event, group), survdiff(time, event, group), rtol=1e-9)
    assert np.isnan(log_rank(time, event, np.zeros(90))).all()


def test_the_brier_score_without_censoring_is_the_squared_error() -> None:
    time, p = np.array([1.0, 2.0, 3.0]), np.array([[0.2], [0.4], [0.9]])
    np.testing.assert_allclose(brier_parts(time, np.ones(3), p, np.array([2.0]))[:, 0], [0.04, 0.16, 0.01])


def test_a_censored_unit_hands_its_weight_to_those_who_stay() -> None:
    parts = brier_parts(TIME, EVENT, np.full((5, 1), 0.5), np.array([4.0]))
    np.testing.assert_allclose(parts[:, 0], [0.25, 0.25, 0.0, 0.0, 0.75])
    assert parts.mean() == pytest.approx(0.25)
