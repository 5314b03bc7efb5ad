"""Readers beside models, on units that can be counted, and with what is known of tests they equal."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radfuse.evaluation.config import Reader
from radfuse.outcomes.readers import compare_readers
from radfuse.results import ReaderResults
from radfuse.statistics.auc import auc, auc_covariance, auc_difference
from radfuse.statistics.mcnemar import mcnemar

UNITS = 240


def world(folds: int = 1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return predictions of one family and scores of three readers; the first reads all, the second four of five."""
    generator = np.random.default_rng(5)
    signal = generator.normal(size=UNITS)
    y = (signal + generator.normal(size=UNITS) > 0.3).astype(int)
    probability = 1 / (1 + np.exp(-(signal + generator.normal(size=UNITS))))
    predictions = pd.DataFrame(
        {
            "position": np.arange(UNITS),
            "family": "clinical",
            "fold": [str(i % folds) for i in range(UNITS)],
            "repeat": 1,
            "patient": [f"P{i // 2}" for i in range(UNITS)],
            "outcome": y,
            "probability": probability,
            "threshold": 0.5,
        }
    )
    grade = np.digitize(signal + generator.normal(size=UNITS), [-1, 0, 1]) + 1.0
    other = np.digitize(signal + generator.normal(size=UNITS), [-1, 0, 1]) + 1.0
    falling = 5.0 - other
    falling[::5] = np.nan
    return predictions, pd.DataFrame({"rising": grade, "falling": falling, "sure": generator.uniform(size=UNITS)})


READERS = {
    "rising": Reader(column="a", cut=3),
    "falling": Reader(column="b", reverse=True, cut=2),
    "sure": Reader(column="c"),
}


@pytest.fixture(scope="module")
def found() -> ReaderResults:
    return compare_readers(*world(), READERS, ["clinical"])


def test_a_reader_alone_is_measured_on_what_was_read(found: ReaderResults) -> None:
    predictions, scores = world()
    rising, falling, sure = found.scores
    assert (rising.units, falling.units, falling.cut) == (240, 192, 2)
    assert rising.auc.value == pytest.approx(auc(predictions["outcome"], scores["rising"]))
    read = scores["falling"].notna()
    assert falling.auc.value == pytest.approx(auc(predictions["outcome"][read], -scores["falling"][read]))
    events = predictions["outcome"] == 1
    assert rising.sensitivity.value == pytest.approx((scores["rising"][events] >= 3).mean())
    assert falling.specificity.value == pytest.approx((scores["falling"][read & ~events] > 2).mean())
    assert sure.sensitivity.value is None


def test_with_one_fold_a_pair_is_delongs_test_by_patient(found: ReaderResults) -> None:
    predictions, scores = world()
    both = np.column_stack([predictions["probability"], scores["rising"]])
    difference, _, p = auc_difference(auc_covariance(predictions["outcome"], both, predictions["patient"]), 0, 1)
    beside = found.beside[0]
    assert beside.difference.value == pytest.approx(difference.value)
    assert beside.p == pytest.approx(p)
    assert beside.together.value is None
    assert any("two test folds of both outcomes in a deal" in text for text in found.remarks)


def test_calls_are_compared_by_mcnemars_test(found: ReaderResults) -> None:
    predictions, scores = world()
    y = predictions["outcome"] == 1
    model, reader = (predictions["probability"] >= 0.5) == y, (scores["rising"] >= 3) == y
    beside = found.beside[0]
    assert beside.p_right == pytest.approx(mcnemar(model, reader, predictions["patient"])[1])
    assert beside.p_sensitivity == pytest.approx(mcnemar(model[y], reader[y], predictions["patient"][y])[1])
    assert found.beside[2].p_right is None


def test_who_did_not_read_all_is_told(found: ReaderResults) -> None:
    assert "falling read 192 of 240 units, and is compared on these alone" in found.remarks
    assert [item.units for item in found.beside] == [240, 192, 240]


def test_readers_of_opposite_scales_agree_by_what_they_mean(found: ReaderResults) -> None:
    pairs = {item.readers: item for item in found.agreement}
    both = pairs["rising", "falling"]
    assert both.units == 192
    assert both.kappa.value is not None
    assert both.kappa.value > 0.3
    assert both.icc.value == pytest.approx(both.kappa.value, abs=0.02)
    assert pairs["rising", "sure"].icc.value is None  # a grade and a probability
    assert ("rising", "falling", "sure") in pairs


def test_reader_and_model_together_are_better_than_either_and_know_no_test_unit() -> None:
    predictions, scores = world(folds=4)
    found = compare_readers(predictions, scores, READERS, ["clinical"]).beside[0]
    assert found.together.value is not None
    assert found.reader_auc.value is not None
    assert found.family_auc.value is not None
    assert found.together.value > max(found.reader_auc.value, found.family_auc.value) + 0.01
    noise = predictions.assign(outcome=np.random.default_rng(0).permutation(predictions["outcome"]))
    shuffled = compare_readers(noise, scores, READERS, ["clinical"]).beside[0]
    assert shuffled.together.value is not None
    assert shuffled.together.value < 0.6


def test_a_readers_interval_does_not_grow_by_training_sets() -> None:
    predictions, scores = world(folds=4)
    found = compare_readers(predictions, scores, READERS, ["clinical"]).beside[0]
    assert found.reader_auc.high is not None
    assert found.reader_auc.low is not None
    alone = auc_covariance(predictions["outcome"], scores["rising"], predictions["patient"])
    width = 2 * 1.96 * np.sqrt(alone.covariance[0, 0])
    assert found.reader_auc.high - found.reader_auc.low == pytest.approx(width, rel=0.15)


def test_a_reader_of_events_alone_ranks_nothing() -> None:
    predictions, scores = world()
    scores.loc[predictions["outcome"] == 0, "rising"] = np.nan
    found = compare_readers(predictions, scores, {"rising": READERS["rising"]}, ["clinical"])
    assert found.beside == ()
    assert found.scores[0].auc.value is None
    assert "all units that rising read have one outcome, so that nothing can be ranked" in found.remarks
