"""Performances of several kinds of outcome in one list, and what was written before there were several."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from radfuse.errors import InputError
from radfuse.results import (
    AtCut,
    Classes,
    ContinuousPerformance,
    Interval,
    Measured,
    MulticlassPerformance,
    OfClass,
    OrdinalPerformance,
    Performance,
    StudyResults,
    SurvivalPerformance,
)

SOME = Interval(value=0.7, low=0.6, high=0.8)
BINARY = Performance(
    family="a",
    units=10,
    patients=8,
    events=4,
    auc=SOME,
    auc_pooled=SOME,
    fold_aucs={"1": 0.7},
    brier=SOME,
    brier_scaled=0.1,
    sensitivity=SOME,
    specificity=SOME,
    ppv=SOME,
    npv=SOME,
    calibration_intercept=SOME,
    calibration_slope=SOME,
    observed=0.4,
    expected=0.4,
)
SURVIVAL = SurvivalPerformance(
    family="a",
    units=10,
    patients=8,
    events=4,
    horizon=60,
    c=SOME,
    c_pooled=SOME,
    fold_cs={"1": 0.7, "2": None},
    uno=SOME,
    auc_at_horizon=SOME,
    auc_over_time=(),
    brier=SOME,
    brier_scaled=0.1,
    integrated_brier=SOME,
    integrated_brier_scaled=None,
    calibration_slope=SOME,
    observed=SOME,
    expected=0.4,
    follow_up=None,
)

CONTINUOUS = ContinuousPerformance(
    family="a",
    units=10,
    patients=8,
    value_unit="mm",
    c=SOME,
    c_pooled=SOME,
    fold_cs={"1": 0.7},
    **dict.fromkeys(("r2", "rmse", "mae", "spearman", "calibration_slope", "calibration_intercept"), SOME),
    **dict.fromkeys(("bias", "limit_low", "limit_high"), SOME),
)
ORDINAL = OrdinalPerformance(
    family="a",
    units=10,
    patients=8,
    levels=("0", "1", "2"),
    counts=(3, 3, 4),
    c=SOME,
    c_pooled=SOME,
    fold_cs={"1": 0.7},
    cuts=(AtCut(level="1", observed=0.5, expected=None, intercept=SOME, slope=SOME),),
    **dict.fromkeys(("kappa", "mae", "accuracy", "within_one", "rps", "calibration_slope"), SOME),
)

MULTICLASS = MulticlassPerformance(
    family="a",
    units=10,
    patients=8,
    levels=("a", "b", "c"),
    counts=(3, 3, 4),
    fold_aucs={"1": 0.7},
    brier_scaled=None,
    classes=(
        OfClass(
            name="a",
            units=3,
            given=2,
            observed=0.3,
            expected=0.2,
            **dict.fromkeys(("auc", "sensitivity", "specificity", "ppv", "f1", "intercept", "slope"), SOME),
        ),
    ),
    **dict.fromkeys(("auc", "auc_pooled", "auc_weighted", "hand_till", "log_loss", "brier"), SOME),
    **dict.fromkeys(("accuracy", "balanced_accuracy", "kappa", "calibration_slope"), SOME),
)


def results(*performance: object) -> dict:
    return {
        "outer_folds": 2,
        "comparisons": [],
        "performance": [json.loads(item.model_dump_json()) for item in performance],
    }


def test_each_kind_comes_back_as_itself() -> None:
    each = (BINARY, SURVIVAL, CONTINUOUS, ORDINAL, MULTICLASS)
    read = StudyResults.model_validate(results(*each))
    assert read.performance == each
    assert [item.measure for item in read.performance] == ["AUC", "C", "C", "C", "macro AUC"]
    assert [item.loss for item in read.performance] == [
        *("log loss", "Brier score", "squared error", "ranked probability score", "log loss")
    ]
    for item in read.performance:
        assert isinstance(item, Measured)
        assert item.headline == SOME
        assert next(iter(item.columns)) == next(iter(item.judged)) == item.measure


def test_what_was_written_before_there_were_kinds_is_binary() -> None:
    old = results(BINARY)
    del old["performance"][0]["kind"]
    assert StudyResults.model_validate(old).performance == (BINARY,)


def test_a_kind_that_nobody_knows_is_refused() -> None:
    other = results(BINARY)
    other["performance"][0]["kind"] = "other"
    with pytest.raises(ValidationError, match="other"):
        StudyResults.model_validate(other)


def test_names_of_classes_are_three_or_more_each_once() -> None:
    with pytest.raises(InputError, match="stands twice"):
        Classes(names=("a", "b", "b"))
    with pytest.raises(InputError, match="at least 3"):
        Classes(names=("a", "b"))
