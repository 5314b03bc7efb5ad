"""AUC and its intervals: published numbers, hand counts, and intervals that hold what they promise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from realdata import real_file
from scipy import stats
from sklearn.metrics import roc_auc_score

from radfuse.statistics.auc import (
    AucSet,
    auc,
    auc_covariance,
    auc_difference,
    auc_interval,
    auc_p,
    fold_averaged,
    training_overlap,
    youden_threshold,
)
from radfuse.statistics.estimate import Estimate


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


def test_the_interval_of_a_difference_ends_where_differences_end() -> None:
    """Three events and three others: an AUC of 1 against one of 1/9, and Wald's interval would reach beyond 1."""
    part = auc_covariance([1, 1, 1, 0, 0, 0], [[4, 1], [5, 2], [6, 4], [1, 5], [2, 6], [3, 3]])
    difference, _, _ = auc_difference(part, 0, 1)
    assert difference.value == pytest.approx(8 / 9)
    assert difference.high == 1.0
    assert auc_difference(part, 1, 0)[0].low == -1.0


def test_more_deals_of_the_same_patients_leave_what_the_overlap_adds():
    """Five deals of five folds, variance v a fold: v (1/25 + 20/80) of the mean, where one deal has v (1/5 + 20/80)."""
    part = auc_covariance([0, 1] * 10, np.random.default_rng(1).random(20))
    one = fold_averaged([part] * 5, training_overlap([20] * 5, 100))
    five = fold_averaged([part] * 25, training_overlap([20] * 25, 100))
    np.testing.assert_allclose(one.covariance, part.covariance * (1 / 5 + 20 / 80))
    np.testing.assert_allclose(five.covariance, part.covariance * (1 / 25 + 20 / 80))


def test_training_sets_that_overlap_widen_the_interval_of_a_mean_over_folds():
    """Five folds of 20 of 100: 1 + 5 * 20 / 80; one test set shares no training with another."""
    assert training_overlap([20] * 5, 100) == pytest.approx(2.25)
    assert training_overlap([30, 70], 100) == pytest.approx(1 + 30 / 70 + 70 / 30)
    assert training_overlap([40], 40) == 1.0
    generator = np.random.default_rng(1)
    parts = [auc_covariance([0, 1] * 10, generator.random(20)) for _ in range(5)]
    plain, wide = fold_averaged(parts), fold_averaged(parts, 2.25)
    np.testing.assert_array_equal(plain.values, wide.values)
    np.testing.assert_allclose(wide.covariance, 2.25 * plain.covariance)


def test_the_p_value_of_an_auc_agrees_with_its_interval() -> None:
    """p is 0.05 where the interval ends at a half; without patients of a class there is none."""
    steep = AucSet(np.array([0.6, 0.5, 1.0]), np.diag([0.0, 0.01, 0.0]), 9)
    assert auc_p(steep, 1) == pytest.approx(1.0)
    assert auc_p(steep, 2) == pytest.approx(2 * stats.norm.sf(3.0))  # nine coins that all fall on one side
    for variance in (0.001, 0.004):
        part = AucSet(np.array([0.7]), np.array([[variance]]), 9)
        level = 1 - auc_p(part)
        assert auc_interval(part, level=level).low == pytest.approx(0.5, abs=1e-9)
    assert np.isnan(auc_p(AucSet(np.array([0.7]), np.array([[np.nan]]), 1)))
