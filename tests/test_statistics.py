"""AUC, proportions and calibration: published numbers, hand counts, and intervals that hold what they promise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from realdata import real_file
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from radfuse.statistics.auc import (
    AucSet,
    auc,
    auc_covariance,
    auc_difference,
    auc_interval,
    fold_averaged,
    youden_threshold,
)
from radfuse.statistics.calibration import calibration
from radfuse.statistics.estimate import Estimate, clustered_mean
from radfuse.statistics.icc import icc, icc_table
from radfuse.statistics.multiple import holm
from radfuse.statistics.scores import to_logit


@st.composite
def labelled_scores(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes of both kinds with scores on a coarse grid, so that ties are common."""
    outcome = np.array([0, 1, *draw(st.lists(st.integers(0, 1), max_size=30))])
    score = draw(st.lists(st.integers(0, 12), min_size=len(outcome), max_size=len(outcome)))
    return outcome, np.array(score) / 12


@st.composite
def knees(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcomes, two scores and patients of 1 to 3 units; at least two patients of each outcome."""
    outcome, score = draw(labelled_scores())
    _, other = draw(labelled_scores())
    outcome = np.r_[0, 1, 0, 1, outcome]
    other = np.resize(other, len(outcome))
    score = np.r_[0.1, 0.9, 0.5, 0.5, score]
    patients = np.r_[0, 1, 2, 3, draw(st.lists(st.integers(0, 9), min_size=len(score) - 4, max_size=len(score) - 4))]
    return outcome, np.column_stack([score, other]), patients


def obuchowski(outcome: np.ndarray, scores: np.ndarray, patients: np.ndarray) -> np.ndarray:
    """The covariance as the paper writes it: pair kernel, placement values, sums over patients in loops."""
    events, others = np.flatnonzero(outcome == 1), np.flatnonzero(outcome == 0)
    people = sorted(set(patients))
    m, n = len(events), len(others)
    kernel = (scores[events][:, None] > scores[others][None]) + 0.5 * (
        scores[events][:, None] == scores[others][None]
    )  # (event, other, score)
    v10, v01 = kernel.mean(axis=1), kernel.mean(axis=0)
    theta = kernel.mean(axis=(0, 1))
    t10 = [(v10[patients[events] == who] - theta).sum(axis=0) for who in people]
    t01 = [(v01[patients[others] == who] - theta).sum(axis=0) for who in people]
    i, i10, i01 = len(people), len(set(patients[events])), len(set(patients[others]))
    s10 = i10 / ((i10 - 1) * m) * sum(np.outer(a, a) for a in t10)
    s01 = i01 / ((i01 - 1) * n) * sum(np.outer(a, a) for a in t01)
    s11 = i / (i - 1) * sum(np.outer(a, b) for a, b in zip(t10, t01, strict=True))
    return s10 / m + s01 / n + (s11 + s11.T) / (m * n)


class TestAuc:
    def test_three_of_four_pairs_are_in_order(self):
        assert auc([0, 0, 1, 1], [1, 3, 2, 4]) == 0.75

    def test_a_tie_counts_one_half(self):
        assert auc([0, 1, 0], [5, 5, 1]) == 0.75

    def test_one_outcome_only_has_none(self):
        assert np.isnan(auc([1, 1], [0.2, 0.3]))

    @given(labelled_scores())
    def test_equals_sklearn_with_ties(self, drawn: tuple[np.ndarray, np.ndarray]):
        assert auc(*drawn) == pytest.approx(roc_auc_score(*drawn), abs=1e-12)

    @given(labelled_scores())
    def test_turning_the_score_round_mirrors_it(self, drawn: tuple[np.ndarray, np.ndarray]):
        outcome, score = drawn
        assert auc(outcome, score) + auc(outcome, -score) == pytest.approx(1)

    @pytest.mark.parametrize(
        ("outcome", "score", "message"),
        [
            ([0, 1, 1], [1, 2], "one shape"),
            ([0, 2], [1, 2], r"0 or 1; found \[2\]"),
            ([0, 1], [np.nan, 2], "finite"),
            ([[0, 1]], [[1, 2]], "one shape"),
        ],
    )
    def test_says_what_it_cannot_use(self, outcome: list, score: list, message: str):
        with pytest.raises(ValueError, match=message):
            auc(outcome, score)


class TestCovariance:
    def test_two_by_two_by_hand(self):
        """Placements 0.5 and 1 on either side: each variance 0.125, over two units each."""
        found = auc_covariance([0, 0, 1, 1], [1, 3, 2, 4])
        assert found.values[0] == 0.75
        assert found.covariance[0, 0] == pytest.approx(0.125 / 2 + 0.125 / 2)
        assert found.smaller_class == 2

    @pytest.mark.parametrize(
        ("marker", "z", "p"),
        [("s100b", 2.20898359144091, 0.0271757822291882), ("ndka", 2.79777591868904, 0.00514557970691098)],
    )
    def test_delong_of_pROC(self, marker: str, z: float, p: float):
        """roc.test(..., method = "delong") of pROC 1.18 on its aSAH data."""
        table = pd.read_csv(real_file("tables/asah.csv"))
        part = auc_covariance(table["outcome"] == "Poor", table[["wfns", marker]])
        difference, found_z, found_p = auc_difference(part, 0, 1)
        assert found_z == pytest.approx(z, rel=1e-11)
        assert found_p == pytest.approx(p, rel=1e-11)
        assert difference.value == pytest.approx(part.values[0] - part.values[1])
        back, other_z, other_p = auc_difference(part, 1, 0)
        assert (other_z, other_p) == (pytest.approx(-z), pytest.approx(p))
        assert (back.low, back.high) == (pytest.approx(-difference.high), pytest.approx(-difference.low))

    @given(knees())
    @settings(max_examples=60)
    def test_equals_obuchowski_as_printed(self, drawn: tuple[np.ndarray, np.ndarray, np.ndarray]):
        found = auc_covariance(*drawn).covariance
        np.testing.assert_allclose(found, obuchowski(*drawn), atol=1e-12)

    @given(knees())
    @settings(max_examples=60)
    def test_one_unit_a_patient_is_delong(self, drawn: tuple[np.ndarray, np.ndarray, np.ndarray]):
        outcome, scores, _ = drawn
        patients = [f"P{i}" for i in range(len(outcome))]
        plain, clustered = auc_covariance(outcome, scores), auc_covariance(outcome, scores, patients)
        np.testing.assert_allclose(clustered.covariance, plain.covariance, atol=1e-14)

        def placements(score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            pair = (score[outcome == 1][:, None] > score[outcome == 0]) + 0.5 * (
                score[outcome == 1][:, None] == score[outcome == 0]
            )
            return pair.mean(axis=1), pair.mean(axis=0)

        columns = [placements(scores[:, i]) for i in range(2)]
        delong = sum(np.cov([columns[0][side], columns[1][side]]) / len(columns[0][side]) for side in (0, 1))
        np.testing.assert_allclose(plain.covariance, delong, atol=1e-12)

    @given(knees())
    @settings(max_examples=60)
    def test_seeing_every_unit_twice_adds_nothing(self, drawn: tuple[np.ndarray, np.ndarray, np.ndarray]):
        outcome, scores, patients = drawn
        once = auc_covariance(outcome, scores, patients)
        twice = auc_covariance(np.r_[outcome, outcome], np.vstack([scores, scores]), np.r_[patients, patients])
        np.testing.assert_allclose(twice.values, once.values)
        np.testing.assert_allclose(twice.covariance, once.covariance, atol=1e-12)

    def test_seeing_every_unit_twice_halves_the_plain_variance(self):
        generator = np.random.default_rng(0)
        outcome = np.repeat([0, 1], 100)
        score = outcome + generator.standard_normal(200)
        once = auc_covariance(outcome, score).covariance[0, 0]
        twice = auc_covariance(np.tile(outcome, 2), np.tile(score, 2)).covariance[0, 0]
        assert twice / once == pytest.approx(0.5, abs=0.01)

    def test_patients_may_be_named_in_any_order(self):
        outcome, score = np.array([0, 1, 0, 1, 1, 0]), np.array([1.0, 4, 3, 2, 5, 0])
        who = np.array(["c", "a", "c", "b", "b", "a"])
        order = np.array([3, 5, 0, 2, 4, 1])
        first, second = auc_covariance(outcome, score, who), auc_covariance(outcome[order], score[order], who[order])
        assert first.covariance == pytest.approx(second.covariance)

    def test_one_patient_with_events_has_no_variance(self):
        found = auc_covariance([1, 1, 0, 0], [3, 4, 1, 2], ["a", "a", "b", "c"])
        assert found.values[0] == 1
        assert np.isnan(found.covariance).all()

    def test_an_absent_outcome_gives_nan_for_every_score(self):
        found = auc_covariance([1, 1], [[1, 2], [3, 4]])
        assert np.isnan(found.values).all()
        assert found.covariance.shape == (2, 2)

    def test_a_missing_score_is_an_error(self):
        with pytest.raises(ValueError, match="finite"):
            auc_covariance([0, 1], [[1, np.nan], [2, 3]])

    def test_the_clustered_interval_covers_where_the_plain_one_does_not(self):
        """Two knees of a patient share outcome and 0.7 of the variance; AUC = Phi(1 / sqrt 2) = 0.7602."""
        generator = np.random.default_rng(11)
        truth = stats.norm.cdf(1 / np.sqrt(2))
        patients = np.repeat(np.arange(60), 2)
        outcome = np.repeat([0, 1], 60)
        hits = {"clustered": 0, "plain": 0}
        for _ in range(1000):
            person = np.repeat(generator.standard_normal(60), 2)
            score = outcome + np.sqrt(0.7) * person + np.sqrt(0.3) * generator.standard_normal(120)
            for name, who in (("clustered", patients), ("plain", None)):
                interval = auc_interval(auc_covariance(outcome, score, who))
                hits[name] += interval.low <= truth <= interval.high
        assert hits["clustered"] == pytest.approx(950, abs=20)
        assert hits["plain"] < 900


class TestAucInterval:
    def test_lies_on_the_logit_scale(self):
        found = auc_interval(AucSet(np.array([0.8]), np.array([[0.0016]]), 20))
        half = 1.959963984540054 * 0.04 / (0.8 * 0.2)
        logit = np.log(4)
        assert found.low == pytest.approx(1 / (1 + np.exp(-(logit - half))))
        assert found.high == pytest.approx(1 / (1 + np.exp(-(logit + half))))

    def test_a_perfect_auc_has_wilsons_lower_end(self):
        """n / (n + z^2) for n = 5 events."""
        found = auc_interval(auc_covariance([1] * 5 + [0] * 7, [2.0] * 5 + [1.0] * 7))
        assert (found.value, found.high) == (1, 1)
        assert found.low == pytest.approx(5 / (5 + 1.959963984540054**2))

    def test_a_constant_score_has_an_interval_around_one_half(self):
        found = auc_interval(auc_covariance([1] * 5 + [0] * 7, np.ones(12)))
        assert found.value == 0.5
        assert 0 < found.low < 0.5 < found.high < 1

    def test_no_variance_no_interval(self):
        found = auc_interval(AucSet(np.array([0.8]), np.array([[np.nan]]), 3))
        assert found.value == 0.8
        assert np.isnan([found.low, found.high]).all()

    @given(knees(), st.sampled_from([0.8, 0.95, 0.99]))
    @settings(max_examples=60)
    def test_holds_the_value_and_stays_in_range(self, drawn: tuple, level: float):
        found = auc_interval(auc_covariance(*drawn), level=level)
        assert 0 <= found.low <= found.value <= found.high <= 1


class TestDifference:
    def test_of_a_score_with_itself_is_nothing(self):
        part = auc_covariance([0, 1, 0, 1], [[1, 1], [2, 2], [3, 3], [4, 4]])
        difference, z, p = auc_difference(part, 0, 1)
        assert difference == Estimate(0, 0, 0)
        assert (z, p) == (0, 1)

    def test_without_variance_claims_no_certainty(self):
        """A perfect score against a constant one, 3 units a class: the sample variance is 0, the truth is not known."""
        part = auc_covariance([0, 0, 0, 1, 1, 1], np.column_stack([[1, 1, 1, 2, 2, 2], np.ones(6)]))
        difference, z, p = auc_difference(part, 0, 1)
        assert difference.value == 0.5
        assert np.isnan([z, p]).all()
        assert np.isnan([difference.low, difference.high]).all()

    def test_nan_without_both_outcomes(self):
        difference, z, p = auc_difference(auc_covariance([1, 1], [[1, 2], [3, 4]]), 0, 1)
        assert np.isnan([difference.value, difference.low, difference.high, z, p]).all()


class TestFoldAveraged:
    def test_is_the_mean_and_its_variance(self):
        parts = [
            AucSet(np.array([0.6, 0.7]), np.array([[0.01, 0.002], [0.002, 0.02]]), 5),
            AucSet(np.array([0.8, 0.5]), np.array([[0.03, 0.0], [0.0, 0.02]]), 4),
        ]
        found = fold_averaged(parts)
        assert found.values == pytest.approx([0.7, 0.6])
        assert found.covariance == pytest.approx(np.array([[0.01, 0.0005], [0.0005, 0.01]]))
        assert found.smaller_class == 9

    def test_a_fold_of_one_outcome_does_not_count(self):
        whole = auc_covariance([0, 1, 0, 1], [1, 2, 3, 4])
        found = fold_averaged([auc_covariance([1, 1], [1, 2]), whole])
        assert found.values == pytest.approx(whole.values)
        assert found.covariance == pytest.approx(whole.covariance)

    def test_only_folds_of_one_outcome_give_nan(self):
        assert np.isnan(fold_averaged([auc_covariance([1, 1], [1, 2])]).values).all()

    def test_one_fold_is_that_fold(self):
        whole = auc_covariance([0, 1, 0, 1, 1], [1, 2, 3, 4, 2])
        assert fold_averaged([whole]).covariance == pytest.approx(whole.covariance)


class TestHolm:
    def test_by_hand(self):
        """Sorted 0.005 * 4, 0.01 * 3, 0.03 * 2, and 0.04 * 1 pulled up to 0.06."""
        assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])

    def test_as_p_adjust_of_R(self):
        """p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm") of R 4."""
        assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])

    def test_nan_stays_and_does_not_count(self):
        assert holm([0.02, np.nan, 0.01]) == pytest.approx([0.02, np.nan, 0.02], nan_ok=True)

    def test_of_nothing_is_nothing(self):
        assert holm([]).shape == (0,)

    @given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
    def test_lies_between_p_and_bonferroni_and_keeps_the_order(self, p: list[float]):
        found = holm(p)
        assert (found >= np.array(p)).all()
        assert (found <= np.minimum(1, np.array(p) * len(p)) + 1e-15).all()
        assert (np.diff(found[np.argsort(p)]) >= 0).all()


class TestClusteredMean:
    def test_wilson_of_eight_in_ten(self):
        """0.4902 to 0.9433: Wilson's interval of 8/10 independent units."""
        found = clustered_mean([1] * 8 + [0] * 2, range(10), share=True)
        assert (found.low, found.high) == (pytest.approx(0.4901625, abs=1e-6), pytest.approx(0.9433178, abs=1e-6))

    def test_wilson_of_ten_in_ten(self):
        found = clustered_mean([1] * 10, range(10), share=True)
        assert (found.low, found.high) == (pytest.approx(10 / (10 + 1.959963984540054**2)), pytest.approx(1))

    def test_two_patients_by_hand(self):
        """Sums about the mean 2.5 are -2 and 2: variance 2/1 * 8 / 16 = 1, t of one degree 12.7062."""
        found = clustered_mean([1, 2, 3, 4], ["a", "a", "b", "b"])
        assert (found.low, found.high) == (pytest.approx(2.5 - 12.706205), pytest.approx(2.5 + 12.706205))

    @given(st.lists(st.floats(-100, 100), min_size=2, max_size=20))
    def test_one_unit_a_patient_is_students_interval(self, values: list[float]):
        found = clustered_mean(values, range(len(values)))
        half = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
        assert found.high - found.value == pytest.approx(half, abs=1e-9)

    @pytest.mark.parametrize("share", [False, True])
    def test_seeing_every_unit_twice_adds_nothing(self, share: bool):
        values = np.array([1, 0, 1, 1, 0, 1, 1])
        once = clustered_mean(values, range(7), share=share)
        twice = clustered_mean(np.tile(values, 2), np.tile(np.arange(7), 2), share=share)
        assert (twice.low, twice.high) == (pytest.approx(once.low), pytest.approx(once.high))

    def test_no_unit_and_one_patient(self):
        assert np.isnan(clustered_mean([], []).value)
        one = clustered_mean([1, 0], ["a", "a"])
        assert one.value == 0.5
        assert np.isnan([one.low, one.high]).all()

    @given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6)), min_size=2, max_size=30))
    def test_a_share_stays_in_range(self, rows: list[tuple[int, int]]):
        values, patients = zip(*rows, strict=True)
        found = clustered_mean(values, patients, share=True)
        if len(set(patients)) > 1:
            assert 0 <= found.low <= found.value + 1e-12
            assert found.value - 1e-12 <= found.high <= 1


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


class TestLogit:
    def test_is_bounded(self):
        assert to_logit([0, 0.5, 1]).tolist() == [-30, 0, 30]

    @given(st.floats(1e-12, 1 - 1e-12))
    def test_is_undone_by_the_logistic_function(self, p: float):
        assert 1 / (1 + np.exp(-to_logit([p])[0])) == pytest.approx(p, rel=1e-6)


class TestYouden:
    def test_lies_midway(self):
        assert youden_threshold([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.9]) == pytest.approx(0.4)

    def test_equal_probabilities_or_one_outcome_give_one_half(self):
        assert youden_threshold([0, 1], [0.3, 0.3]) == 0.5
        assert youden_threshold([1, 1], [0.2, 0.4]) == 0.5

    @given(labelled_scores())
    def test_is_the_best_of_all_midpoints(self, drawn: tuple[np.ndarray, np.ndarray]):
        outcome, probability = drawn
        values = np.unique(probability)
        if len(values) < 2:
            return

        def index(threshold: float) -> float:
            called = probability >= threshold
            return called[outcome == 1].mean() + (~called[outcome == 0]).mean() - 1

        midpoints = (values[1:] + values[:-1]) / 2
        found = youden_threshold(outcome, probability)
        assert np.isclose(midpoints, found).any()
        assert index(found) == pytest.approx(max(map(index, midpoints)))


def test_intraclass_correlations_with_their_limits_are_the_published_ones() -> None:
    """Shrout and Fleiss 1979; limits as in R's psych::ICC on the same ratings."""
    ratings = np.array(
        [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float
    )
    agreed = np.repeat(np.arange(6.0)[:, None], 4, axis=1)
    found = icc_table(np.stack([ratings, agreed, np.zeros((6, 4))], axis=2))
    assert found["1,1"][0] == pytest.approx([0.166, -0.133, 0.723], abs=5e-4)
    assert found["2,1"][0] == pytest.approx([0.290, 0.019, 0.761], abs=5e-4)
    assert found["3,1"][0] == pytest.approx([0.715, 0.342, 0.946], abs=5e-4)
    for form, table in found.items():
        assert table[0, 0] == pytest.approx(icc(ratings, form))
        assert table[1].tolist() == [1, 1, 1]
        assert np.isnan(table[2]).all()
    with pytest.raises(ValueError, match="2 and more"):
        icc_table(ratings[:1, :, None])
