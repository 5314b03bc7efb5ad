"""Shares of a weighted mean of scores: nearly equal with few units, the better ones with many."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radfuse.fusion import regress
from radfuse.outcomes.binary import BinaryOutcome
from radfuse.outcomes.continuous import ContinuousOutcome
from radfuse.outcomes.survival import SurvivalOutcome


def shares_of(outcome, scores: np.ndarray, y: np.ndarray, **more: np.ndarray) -> np.ndarray:
    """Return shares of scores that count alike beforehand."""
    count = scores.shape[1]
    return regress.shares_of(outcome, scores, y, np.full(count, 1 / count), **more)


BINARY = BinaryOutcome(column="y")


def drawn(units: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return a score that is the truth, a noisy one and one of noise alone, and outcomes."""
    generator = np.random.default_rng(seed)
    truth = generator.normal(size=units)
    y = (generator.random(units) < 1 / (1 + np.exp(-truth))).astype(int)
    noisy = 0.7 * truth + 0.7 * generator.normal(size=units)
    return np.column_stack([truth, noisy, generator.normal(size=units)]), y


def penalised(shares: np.ndarray, scores: np.ndarray, y: np.ndarray) -> float:
    score = scores @ shares
    held = 1000 / len(y) * len(shares)
    away = shares - 1 / len(shares)
    return float((np.logaddexp(0, score) - y * score).sum() + held / 2 * away @ away)


@pytest.mark.parametrize("units", [40, 300, 4000])
def test_shares_have_the_smallest_loss_on_a_grid(units: int) -> None:
    scores, y = drawn(units)
    scores = scores[:, :2]
    found = shares_of(BINARY, scores, y)
    grid = [np.array([share, 1 - share]) for share in np.linspace(0, 1, 1001)]
    best = min(grid, key=lambda shares: penalised(shares, scores, y))
    assert found == pytest.approx(best, abs=0.011)  # shares below 0.01 are none


def test_the_better_score_counts_more_the_more_units_there_are() -> None:
    few, many = (shares_of(BINARY, *drawn(units)) for units in (40, 4000))
    assert np.abs(few - 1 / 3).max() < 0.15
    assert many[0] > 0.9
    assert many[2] == 0.0


def test_a_score_that_counts_little_beforehand_does_so_with_few_units() -> None:
    scores, y = drawn(40)
    usual = np.array([0.1, 0.45, 0.45])
    assert np.abs(regress.shares_of(BINARY, scores, y, usual) - usual).max() < 0.15
    assert regress.shares_of(BINARY, *drawn(4000), usual)[0] > 0.9


def test_scores_that_say_the_same_count_the_same() -> None:
    scores, y = drawn(200)
    assert shares_of(BINARY, scores[:, [0, 0, 0, 0]], y) == pytest.approx(np.full(4, 0.25))


def test_what_was_known_before_is_not_counted_again() -> None:
    scores, y = drawn(2000)
    both = scores[:, [0, 2]]
    alone, beside = shares_of(BINARY, both, y), shares_of(BINARY, both, y, offset=scores[:, 0])
    assert alone[0] > 0.9
    assert beside[0] < alone[0]


def test_a_survival_outcome_is_weighed_by_its_partial_likelihood() -> None:
    generator = np.random.default_rng(1)
    truth = generator.normal(size=1500)
    times = generator.exponential(np.exp(-truth))
    y = np.column_stack([times, np.ones(len(times))])
    outcome = SurvivalOutcome(time="t", event="e", horizon=1.0)
    shares = shares_of(outcome, np.column_stack([generator.normal(size=1500), truth]), y)
    assert shares[1] > 0.9


@given(st.integers(0, 1000), st.integers(2, 5), st.integers(20, 200))
def test_shares_are_shares_whatever_the_scores(seed: int, count: int, units: int) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.normal(scale=generator.choice([0.01, 1, 20]), size=(units, count))
    y = np.r_[0, 1, generator.integers(0, 2, units - 2)]
    shares = shares_of(BINARY, scores, y)
    assert shares.sum() == pytest.approx(1.0)
    assert (shares >= 0).all()
    assert penalised(shares, scores, y) <= penalised(np.full(count, 1 / count), scores, y) + 0.05
    order = generator.permutation(count)
    assert shares_of(BINARY, scores[:, order], y) == pytest.approx(shares[order], abs=1e-3)


@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e12])
def test_weights_of_values_do_not_hang_on_their_unit(unit: float) -> None:
    """The second score is against the outcome and gets nothing; what is left is a line through the first."""
    truth = np.arange(20.0)
    scores = np.column_stack([truth + np.sin(truth), -truth])
    intercept, weights = regress.bounded_of(
        ContinuousOutcome(column="y"), unit * scores, unit * truth, 0.5, 0.0, 0.0, 5.0
    )
    slope, start = np.polyfit(scores[:, 0], truth, 1)
    np.testing.assert_allclose([*weights, intercept / unit], [slope, 0.0, start], rtol=0, atol=1e-6)
    assert weights[1] == 0.0  # where all are so near, the rest would be what ranks


def test_blocks_that_say_nothing_rank_nobody() -> None:
    """Scores that are against the outcome: a stack of them is the mean, not 1e-13 of each."""
    truth = np.arange(20.0)
    against = np.column_stack([-truth, -truth + np.sin(truth)])
    intercept, weights = regress.bounded_of(ContinuousOutcome(column="y"), against, truth, 0.5, 0.0, 0.0, 5.0)
    assert weights.tolist() == [0.0, 0.0]
    assert intercept == pytest.approx(truth.mean())


@pytest.mark.parametrize("kind", ["event", "value", "time"])
def test_a_prior_holds_weights_of_few_units_and_lets_many_speak(kind: str) -> None:
    """The first score is the truth and the second noise: 1 and 1 beforehand, 1 and 0 in the end."""
    outcome = {
        "event": BINARY,
        "value": ContinuousOutcome(column="y"),
        "time": SurvivalOutcome(time="t", event="e", horizon=1.0),
    }[kind]
    noise = []
    for units in (12, 4000):
        generator = np.random.default_rng(units)
        truth, other = generator.normal(size=(2, units))
        y = {
            "event": (generator.random(units) < 1 / (1 + np.exp(-truth))).astype(int),
            "value": truth + generator.normal(size=units),
            "time": np.column_stack([generator.exponential(np.exp(-truth)), np.ones(units)]),
        }[kind]
        _, weights = regress.bounded_of(outcome, np.column_stack([truth, other]), y, 1.0, 10.0, 0.0, 5.0)
        assert weights[0] == pytest.approx(1.0, abs=0.5 if units == 12 else 0.1)
        noise.append(weights[1])
    assert noise[0] > 0.3
    assert noise[1] < 0.1


def test_a_weight_is_where_the_slope_of_likelihood_and_prior_is_zero() -> None:
    """One score that is 1 or -1, three events of four where it is 1: w = 1 + (4 (3/4 - p) - 4 (1/4 - q)) / 10."""
    from scipy.special import expit

    scores, y = np.array([[1.0]] * 4 + [[-1.0]] * 4), np.array([1, 1, 1, 0, 1, 0, 0, 0])
    _, weights = regress.bounded_of(BINARY, scores, y, 1.0, 10.0, 0.0, 5.0)
    expected = 1 + (4 * (0.75 - expit(weights[0])) - 4 * (0.25 - expit(-weights[0]))) / 10
    assert weights[0] == pytest.approx(expected, abs=1e-5)
