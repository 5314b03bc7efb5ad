"""Calibration beside logistic regression and hand counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from radfuse.statistics.calibration import calibration


def drawn_calibration(slope: float, intercept: float, seed: int = 4) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    logit = generator.normal(-0.5, 1.5, 400)
    outcome = (generator.random(400) < 1 / (1 + np.exp(-(intercept + slope * logit)))).astype(int)
    return outcome, 1 / (1 + np.exp(-logit))


class TestCalibration:
    def test_shares_that_equal_the_probability_are_perfect(self):
        probability = np.repeat([0.2, 0.5, 0.8], 10)
        outcome = np.r_[[1] * 2, [0] * 8, [1] * 5, [0] * 5, [1] * 8, [0] * 2]
        found = calibration(outcome, probability, range(30))
        assert found.intercept.value == pytest.approx(0, abs=1e-9)
        assert found.slope.value == pytest.approx(1, abs=1e-9)
        assert found.slope_intercept == pytest.approx(0, abs=1e-9)
        assert (found.observed, found.expected) == (0.5, pytest.approx(0.5))

    @pytest.mark.parametrize(("slope", "intercept"), [(1, 0), (0.4, 0.7), (2, -1)])
    def test_slope_is_that_of_unpenalised_logistic_regression(self, slope: float, intercept: float):
        outcome, probability = drawn_calibration(slope, intercept)
        found = calibration(outcome, probability, range(400))
        logit = np.log(probability / (1 - probability))
        oracle = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(logit[:, None], outcome)
        assert found.slope.value == pytest.approx(oracle.coef_[0, 0], abs=1e-5)
        assert found.slope_intercept == pytest.approx(oracle.intercept_[0], abs=1e-5)
        assert found.slope.low < slope < found.slope.high
        shifted = 1 / (1 + np.exp(-(logit + found.intercept.value)))
        assert shifted.mean() == pytest.approx(outcome.mean(), abs=1e-9)

    def test_errors_are_the_sandwich(self):
        outcome, probability = drawn_calibration(1, 0)
        found = calibration(outcome, probability, range(400))
        logit = np.log(probability / (1 - probability))
        x = np.column_stack([np.ones(400), logit])
        fitted = 1 / (1 + np.exp(-(x @ [found.slope_intercept, found.slope.value])))
        bread = np.linalg.inv((x.T * (fitted * (1 - fitted))) @ x)
        scores = x * (outcome - fitted)[:, None]
        error = np.sqrt((bread @ (scores.T @ scores) @ bread)[1, 1] * 400 / 399)
        assert found.slope.high - found.slope.value == pytest.approx(1.959963984540054 * error, rel=1e-6)

    def test_seeing_every_unit_twice_adds_nothing(self):
        outcome, probability = drawn_calibration(0.7, 0.2)
        once = calibration(outcome, probability, range(400))
        twice = calibration(np.tile(outcome, 2), np.tile(probability, 2), np.tile(np.arange(400), 2))
        for a, b in ((once.slope, twice.slope), (once.intercept, twice.intercept)):
            assert (b.value, b.low, b.high) == (pytest.approx(a.value), pytest.approx(a.low), pytest.approx(a.high))

    @pytest.mark.parametrize("scale", [0.1, 1.0, 3.0])
    @pytest.mark.parametrize("right", [True, False])
    def test_separated_outcomes_have_no_slope(self, scale: float, right: bool):
        logit = np.random.default_rng(0).normal(size=40) * scale
        outcome = ((logit > 0) == right).astype(int)
        found = calibration(outcome, 1 / (1 + np.exp(-logit)), range(40))
        assert np.isnan([found.slope.value, found.slope.low, found.slope.high, found.slope_intercept]).all()
        assert np.isfinite(found.intercept.value)

    @given(st.lists(st.sampled_from([0.001, 0.02, 0.1, 0.5, 0.9, 0.99]), min_size=4, max_size=20), st.data())
    def test_the_intercept_makes_the_mean_right_however_wrong_it_was(self, levels: list[float], data: st.DataObject):
        outcome = [0, 1, *data.draw(st.lists(st.integers(0, 1), min_size=len(levels) - 2, max_size=len(levels) - 2))]
        found = calibration(outcome, levels, range(len(levels)))
        shifted = 1 / (1 + np.exp(-(np.log(levels) - np.log1p(-np.array(levels)) + found.intercept.value)))
        assert shifted.mean() == pytest.approx(np.mean(outcome), abs=1e-6)

    @pytest.mark.parametrize("level", [0.1, 0.25, 0.5, 0.75])
    def test_the_intercept_of_equal_probabilities_by_hand(self, level: float):
        """Half have the event, so the shift is minus the logit."""
        found = calibration([0, 1] * 5, np.full(10, level), range(10))
        assert found.intercept.value == pytest.approx(-np.log(level / (1 - level)), abs=1e-9)

    @pytest.mark.parametrize("level", [0.1, 0.3, 0.5])
    def test_equal_probabilities_have_no_slope(self, level: float):
        found = calibration([0, 1] * 5, np.full(10, level), range(10))
        assert np.isnan([found.slope.value, found.slope.low, found.slope.high, found.slope_intercept]).all()

    def test_one_outcome_only_has_nothing(self):
        found = calibration(np.ones(8), np.linspace(0.1, 0.9, 8), range(8))
        assert np.isnan([found.intercept.value, found.slope.value]).all()
        assert found.observed == 1

    def test_probabilities_of_nought_and_one_are_borne(self):
        found = calibration([0, 0, 1, 1, 0, 1], [0, 0.3, 1, 0.6, 0.7, 0.2], range(6))
        assert np.isfinite(found.slope.value)

    def test_a_probability_beyond_one_is_an_error(self):
        with pytest.raises(ValueError, match=r"\[0, 1\]"):
            calibration([0, 1], [0.5, 1.2], range(2))
