"""Performance and comparisons of predictions that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from realdata import real_file
from scipy import stats

from radfuse.outcomes.pairs import patients_to_show
from radfuse.outcomes.performance import compare, measure
from radfuse.statistics.auc import auc, auc_covariance, auc_interval
from radfuse.statistics.estimate import Estimate
from radfuse.statistics.multiple import holm


def predictions(
    outcome: list[int] | np.ndarray,
    probability: list[float] | np.ndarray,
    fold: list[str] | str = "1",
    patient: list[str] | None = None,
    threshold: float | list[float] = 0.5,
    family: str = "clinical",
    repeat: int | list[int] = 1,
    position: list[int] | None = None,
) -> pd.DataFrame:
    count = len(outcome)
    return pd.DataFrame(
        {
            "position": np.arange(count) if position is None else position,
            "family": family,
            "fold": fold,
            "repeat": repeat,
            "patient": patient if patient is not None else [f"P{i}" for i in range(count)],
            "outcome": outcome,
            "probability": probability,
            "threshold": threshold,
        }
    )


HAND = predictions([1, 1, 1, 0, 0, 0, 0, 0], [0.9, 0.7, 0.2, 0.8, 0.3, 0.2, 0.1, 0.1])
"""Called above 0.5: two of three events, one of five others."""


class TestMeasure:
    def test_counts_by_hand(self):
        found = measure(HAND)
        assert (found.units, found.patients, found.events) == (8, 8, 3)
        assert found.sensitivity.value == pytest.approx(2 / 3)
        assert found.specificity.value == pytest.approx(4 / 5)
        assert found.ppv.value == pytest.approx(2 / 3)
        assert found.npv.value == pytest.approx(4 / 5)
        brier = (0.1**2 + 0.3**2 + 0.8**2 + 0.8**2 + 0.3**2 + 0.2**2 + 2 * 0.1**2) / 8
        assert found.brier.value == pytest.approx(brier)
        assert found.brier_scaled == pytest.approx(1 - brier / (3 / 8 * 5 / 8))
        assert found.auc.value == pytest.approx((5 + 4 + 2.5) / 15)
        assert (found.observed, found.expected) == (3 / 8, pytest.approx(3.3 / 8))

    def test_a_unit_of_several_deals_counts_once_and_shares_are_means_over_the_deals(self):
        """The first deal calls p0 and not p1, p2; the second calls p0 and p2: 1 of 2 events, then both."""
        people = ["p0", "p1", "p2", "p0", "p1", "p2"]
        probability = [0.9, 0.2, 0.3, 0.9, 0.2, 0.7]
        about = {"fold": list("aaabbb"), "repeat": [1, 1, 1, 2, 2, 2], "position": [0, 1, 2, 0, 1, 2]}
        found = measure(predictions([1, 0, 1, 1, 0, 1], probability, patient=people, **about))
        assert (found.units, found.patients, found.events) == (3, 3, 2)
        assert found.sensitivity.value == pytest.approx((1 / 2 + 1) / 2)
        assert found.specificity.value == 1
        assert found.auc.value == 1

    def test_copies_of_a_deal_change_no_estimate_and_no_interval_that_sums_over_patients(self):
        """A second deal that says the same adds nothing; what sums over patients knows that they are the same."""
        generator = np.random.default_rng(0)
        y, p = generator.integers(0, 2, 60), generator.random(60)
        folds, people = [f"{i % 3}" for i in range(60)], [f"P{i}" for i in range(60)]
        once = predictions(y, p, folds, people)
        copy = once.assign(fold=once["fold"] + ".2", repeat=2)
        one, two = measure(once), measure(pd.concat([once, copy], ignore_index=True))
        for name in ("brier", "calibration_slope", "calibration_intercept"):
            first, second = getattr(one, name), getattr(two, name)
            np.testing.assert_allclose(
                [first.value, first.low, first.high], [second.value, second.low, second.high], rtol=1e-9, err_msg=name
            )
        assert two.auc.value == pytest.approx(one.auc.value)

    def test_a_probability_at_the_threshold_is_called(self):
        assert measure(predictions([1, 0], [0.5, 0.4])).sensitivity.value == 1

    def test_each_row_has_the_threshold_of_its_fold(self):
        found = measure(predictions([1, 0, 1, 0], [0.4, 0.2, 0.8, 0.6], list("aabb"), threshold=[0.3, 0.3, 0.7, 0.7]))
        assert (found.sensitivity.value, found.specificity.value) == (1, 1)

    def test_fold_averaged_and_pooled_auc_differ_where_folds_are_on_other_scales(self):
        """Each fold ranks perfectly; pooled, 0.4 (event) lies below 0.6 (none)."""
        found = measure(predictions([1, 0, 1, 0], [0.4, 0.2, 0.8, 0.6], list("aabb")))
        assert found.auc.value == 1
        assert found.auc_pooled.value == 0.75
        assert found.fold_aucs == {"a": 1.0, "b": 1.0}

    def test_a_fold_of_one_outcome_has_no_auc_and_does_not_count(self):
        found = measure(predictions([1, 0, 1, 0, 0], [0.9, 0.2, 0.3, 0.6, 0.1], list("aaaab")))
        assert found.fold_aucs == {"a": 0.75, "b": None}
        assert found.auc.value == 0.75

    def test_one_outcome_only_is_measured_as_far_as_it_goes(self):
        found = measure(predictions([1, 1, 1], [0.9, 0.2, 0.6]))
        assert found.sensitivity.value == pytest.approx(2 / 3)
        for item in (found.auc, found.auc_pooled, found.specificity, found.calibration_slope):
            assert item.value is None
        assert found.npv.value == 0
        assert found.brier_scaled is None
        assert type(found).model_validate_json(found.model_dump_json()) == found

    def test_no_rows_is_an_error(self):
        with pytest.raises(ValueError, match="no predictions"):
            measure(HAND.iloc[:0])

    def test_a_patient_seen_twice_narrows_nothing(self):
        twice = pd.concat([HAND, HAND.assign(position=HAND["position"] + 8)], ignore_index=True)
        once, again = measure(HAND), measure(twice)
        assert (again.units, again.patients) == (16, 8)
        for name in ("auc", "auc_pooled", "brier", "sensitivity", "specificity", "ppv", "npv", "calibration_slope"):
            a, b = getattr(once, name), getattr(again, name)
            assert (b.value, b.low, b.high) == (
                pytest.approx(a.value),
                pytest.approx(a.low),
                pytest.approx(a.high),
            ), name

    def test_one_fold_is_the_plain_clustered_interval(self):
        generator = np.random.default_rng(0)
        outcome = generator.integers(0, 2, 60)
        probability = generator.random(60) * 0.6 + 0.4 * outcome * generator.random(60)
        patients = [f"P{i // 2}" for i in range(60)]
        found = measure(predictions(outcome, probability, patient=patients))
        interval = auc_interval(auc_covariance(outcome, probability, patients))
        assert found.auc == found.auc_pooled
        assert (found.auc.value, found.auc.low) == (auc(outcome, probability), interval.low)


def several(families: dict[str, list[float] | np.ndarray], outcome: np.ndarray | list[int], **columns) -> pd.DataFrame:
    return pd.concat(
        [predictions(outcome, probability, family=name, **columns) for name, probability in families.items()],
        ignore_index=True,
    )


class TestCompare:
    @pytest.mark.parametrize(("marker", "p"), [("s100b", 0.0271757822291882), ("ndka", 0.00514557970691098)])
    def test_one_fold_and_one_unit_a_patient_is_delong(self, marker: str, p: float):
        """pROC's aSAH: see tests/statistics/test_auc.py."""
        table = pd.read_csv(real_file("tables/asah.csv"))
        rows = several({"wfns": table["wfns"], marker: table[marker]}, (table["outcome"] == "Poor").astype(int))
        (found,) = compare(rows, ["wfns", marker])
        assert found.p == pytest.approx(p, rel=1e-11)
        assert found.p_holm == found.p

    def test_every_pair_in_order_adjusted_by_holm(self):
        generator = np.random.default_rng(1)
        outcome = generator.integers(0, 2, 80)
        scores = {
            name: 1 / (1 + np.exp(-outcome * weight - generator.standard_normal(80)))
            for weight, name in enumerate("abcd")
        }
        folds = [str(i % 4) for i in range(80)]
        rows = several(scores, outcome, fold=folds)
        found = compare(rows, list("abcd"))
        assert [(item.first, item.second) for item in found] == [
            ("a", "b"),
            ("a", "c"),
            ("a", "d"),
            ("b", "c"),
            ("b", "d"),
            ("c", "d"),
        ]
        assert [item.p_holm for item in found] == pytest.approx(holm([item.p for item in found]))
        measured = {name: measure(rows[rows["family"] == name]).auc.value for name in "abcd"}
        for item in found:
            assert item.difference.value == pytest.approx(measured[item.first] - measured[item.second])
            assert item.difference.low < item.difference.value < item.difference.high

    def test_families_in_another_order_mirror_the_difference(self):
        generator = np.random.default_rng(2)
        outcome = generator.integers(0, 2, 40)
        rows = several({"a": generator.random(40), "b": generator.random(40)}, outcome)
        (one,), (other,) = compare(rows, ["a", "b"]), compare(rows, ["b", "a"])
        assert other.difference.value == pytest.approx(-one.difference.value)
        assert other.difference.low == pytest.approx(-one.difference.high)
        assert other.p == pytest.approx(one.p)

    def test_only_units_that_both_predict_count(self):
        rows = several({"a": [0.9, 0.1, 0.8, 0.3, 0.2], "b": [0.6, 0.7, 0.8, 0.1, 0.2]}, [1, 0, 1, 0, 0])
        shorter = rows[~((rows["family"] == "b") & (rows["position"] == 1))]
        (found,) = compare(shorter, ["a", "b"])
        expected = auc([1, 1, 0, 0], [0.9, 0.8, 0.3, 0.2]) - auc([1, 1, 0, 0], [0.6, 0.8, 0.1, 0.2])
        assert found.difference.value == pytest.approx(expected)

    def test_equal_families_do_not_differ(self):
        (found,) = compare(several({"a": [0.1, 0.8, 0.3, 0.5], "b": [0.1, 0.8, 0.3, 0.5]}, [0, 1, 1, 0]), ["a", "b"])
        assert (found.difference.value, found.p, found.p_holm) == (0, 1, 1)

    def test_one_outcome_only_gives_null(self):
        (found,) = compare(several({"a": [0.1, 0.2], "b": [0.2, 0.1]}, [1, 1]), ["a", "b"])
        assert (found.difference.value, found.p, found.p_holm) == (None, None, None)

    def test_one_family_has_no_pair(self):
        assert compare(HAND, ["clinical"]) == ()

    def test_the_order_of_rows_does_not_matter(self):
        generator = np.random.default_rng(3)
        outcome = generator.integers(0, 2, 40)
        folds = [str(i % 2) for i in range(40)]
        rows = several({"a": generator.random(40), "b": generator.random(40)}, outcome, fold=folds)
        (one,), (other,) = compare(rows, ["a", "b"]), compare(rows.sample(frac=1, random_state=0), ["a", "b"])
        assert other.p == pytest.approx(one.p)

    def test_no_true_difference_is_called_at_the_nominal_rate(self):
        """Two equally good scores, two correlated knees a patient, three folds: 5 % of 600 draws, +- 3 errors."""
        generator = np.random.default_rng(5)
        people = np.repeat(np.arange(90), 2)
        outcome, folds = (np.arange(90) % 2)[people], (np.arange(90) // 2 % 3)[people]
        calls = 0
        for _ in range(600):
            shared = generator.standard_normal((90, 1))[people] * 0.5
            own = generator.standard_normal((90, 2))[people] * 0.7 + generator.standard_normal((180, 2)) * 0.5
            a, b = (outcome[:, None] + shared + own).T
            scores = np.column_stack([a, b])
            parts = [auc_covariance(outcome[folds == k], scores[folds == k], people[folds == k]) for k in range(3)]
            values = np.mean([part.values for part in parts], axis=0)
            covariance = np.sum([part.covariance for part in parts], axis=0) / 9
            z = (values[0] - values[1]) / np.sqrt(np.array([1, -1]) @ covariance @ np.array([1, -1]))
            calls += 2 * stats.norm.sf(abs(z)) < 0.05
        assert 15 <= calls <= 48


def test_patients_to_show_a_difference_follow_from_its_interval():
    """A standard error of 0.02 in 100 patients, a gap of 0.04: (1.96 + 0.84) / 2 squared times 100."""
    half = 1.959964 * 0.02
    assert patients_to_show(Estimate(0.04, 0.04 - half, 0.04 + half), 100) == 197  # 100 * 1.4008**2
    assert patients_to_show(Estimate(-0.04, -0.04 - half, -0.04 + half), 100) == 197
    assert patients_to_show(Estimate(0.0, -half, half), 100) is None
    assert patients_to_show(Estimate(1e-6, -half, half), 100) is None
    assert patients_to_show(Estimate(0.04, float("nan"), float("nan")), 100) is None


def test_the_difference_in_log_loss_is_counted_by_hand():
    first = predictions([1, 0, 1, 0], [0.8, 0.4, 0.6, 0.1], family="a")
    second = predictions([1, 0, 1, 0], [0.5, 0.5, 0.5, 0.5], family="b")
    (found,) = compare(pd.concat([first, second]), ["a", "b"])
    expected = np.mean(-np.log([0.8, 0.6, 0.6, 0.9])) - np.log(2)
    assert found.loss.value == pytest.approx(expected)
    assert found.loss.low < expected < found.loss.high
