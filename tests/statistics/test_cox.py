"""Cox's partial likelihood: published coefficients, derivatives by differences, a baseline hazard counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from rossi import rossi

from radfuse.statistics.cox import (
    baseline,
    by_score,
    curving,
    hazard_at,
    information,
    ranked,
    regression,
    score_test,
    slope_of,
)

PUBLISHED = (-0.37942, -0.05744, 0.31390, -0.14980, -0.43370, -0.08487, 0.09150)
"""R survival::coxph with Efron ties on rossi."""


def tied(units: int = 40, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times with many ties, of events and of events with censoring."""
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((units, 3))
    time = np.ceil(5 * generator.exponential(size=units) / np.exp(x[:, 0]))
    return x, time, (generator.random(units) < 0.7).astype(float)


def test_rossi_has_the_published_coefficients() -> None:
    found = regression(*rossi())
    np.testing.assert_allclose(found.coefficients, PUBLISHED, atol=1e-5)
    assert 2 * (found.log_likelihood - found.null) == pytest.approx(33.27, abs=0.005)  # R: likelihood ratio test


def test_coefficients_and_errors_are_those_of_statsmodels_where_times_are_tied() -> None:
    from statsmodels.duration.hazard_regression import PHReg

    x, time, event = tied()
    peer = PHReg(time, x, event, ties="efron").fit()
    found = regression(x, time, event)
    np.testing.assert_allclose(found.coefficients, peer.params, atol=1e-7)
    np.testing.assert_allclose(np.sqrt(np.diag(found.covariance)), peer.bse, atol=1e-7)
    assert found.log_likelihood == pytest.approx(peer.llf)


def test_derivatives_are_those_of_differences() -> None:
    x, time, event = tied()
    units, score, small = ranked(time, event), x @ np.array([0.8, -0.3, 0.1]), 1e-5
    _, slope, bend = by_score(units, score)
    whole = np.empty((len(time), len(time)))
    for i, step in enumerate(small * np.eye(len(time))):
        above, below = by_score(units, score + step), by_score(units, score - step)
        assert slope[i] == pytest.approx((above[0] - below[0]) / (2 * small), abs=1e-6)
        whole[:, i] = (above[1] - below[1]) / (2 * small)
    np.testing.assert_allclose(bend, np.diag(whole), atol=1e-6)
    np.testing.assert_allclose(x.T @ whole @ x, information(units, score, x), atol=1e-5)
    np.testing.assert_allclose(curving(units, score)(x[:, 1]), whole @ x[:, 1], atol=1e-6)


def test_the_score_test_of_a_column_is_its_slope_over_its_spread() -> None:
    x, time, event = tied()
    units, nothing = ranked(time, event), np.zeros(len(time))
    slope = x.T @ by_score(units, nothing)[1]
    expected = slope**2 / np.diag(information(units, nothing, x))
    np.testing.assert_allclose(score_test(np.column_stack([x, np.ones(40)]), time, event), [*expected, 0.0], atol=1e-9)


def test_the_baseline_hazard_counts_events_over_the_risk_that_is_left() -> None:
    time, event = np.array([1.0, 2.0, 2.0, 3.0]), np.array([1.0, 1.0, 0.0, 1.0])
    times, hazard = baseline(time, event, np.log([1.0, 2.0, 1.0, 4.0]))
    assert times.tolist() == [1, 2, 3]
    np.testing.assert_allclose(hazard, np.cumsum([1 / 8, 1 / 7, 1 / 4]))
    np.testing.assert_allclose(hazard_at(times, hazard, np.array([0.5, 1.0, 2.9, 9.0])), [0, 1 / 8, 15 / 56, 29 / 56])


def test_scores_twice_too_far_have_a_slope_of_one_half() -> None:
    generator = np.random.default_rng(3)
    score = generator.standard_normal(3000)
    time = generator.exponential(size=3000) / np.exp(score)
    found = slope_of(2 * score, np.minimum(time, 1.0), (time <= 1).astype(float), np.arange(3000), 1.0)
    assert found.low < 0.5 < found.high
    assert found.high - found.low < 0.1
    assert np.isnan(slope_of(np.ones(5), time[:5], np.ones(5), np.arange(5), 1.0).value)


def test_units_twice_make_a_clustered_error_no_smaller() -> None:
    x, time, event = tied()
    once = regression(x, time, event, np.arange(40))
    twice = regression(np.tile(x, (2, 1)), np.tile(time, 2), np.tile(event, 2), np.tile(np.arange(40), 2))
    np.testing.assert_allclose(np.diag(twice.covariance), np.diag(once.covariance), rtol=0.2)


def test_without_an_event_there_is_nothing_to_rank() -> None:
    with pytest.raises(ValueError, match="none of 3 units has the event"):
        ranked(np.array([1.0, 2.0, 3.0]), np.zeros(3))
