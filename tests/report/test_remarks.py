"""What a reviewer would object to is said, by family and with its numbers; what is fine is not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from radfuse.report.remarks import performance_remarks, study_remarks
from radfuse.report.sections import findings
from radfuse.results import Explanation, FittedFamily, Interval, Performance, SegmentationReport, UsedColumn

NONE = Interval(value=None)
GOOD = Interval(value=1.0, low=0.6, high=1.4)


def measured(
    family: str = "deep",
    *,
    slope: Interval = GOOD,
    sensitivity: float = 0.8,
    specificity: float = 0.7,
    events: int = 200,
) -> Performance:
    return Performance(
        family=family,
        units=500,
        patients=500,
        events=events,
        auc=NONE,
        auc_pooled=NONE,
        fold_aucs={},
        brier=NONE,
        brier_scaled=None,
        sensitivity=Interval(value=sensitivity),
        specificity=Interval(value=specificity),
        ppv=NONE,
        npv=NONE,
        calibration_intercept=NONE,
        calibration_slope=slope,
        observed=None,
        expected=None,
    )


def fitted(fold: str, *names: str, candidates: int = 10, family: str = "deep") -> FittedFamily:
    columns = tuple(UsedColumn(name=name, block="deep", importance=1.0) for name in names)
    said = Explanation(measure="coefficient", unit="log odds", columns=columns)
    return FittedFamily(
        family=family, fold=fold, explanation=said, threshold=0.5, tuned={}, inner_auc=0.5, columns_in=candidates
    )


def remarks(
    item: Performance, folds: list[FittedFamily], final: FittedFamily, agreement: pd.Series | None = None
) -> list[str]:
    return study_remarks([item], {"deep": folds}, {"deep": final}, agreement)


def test_a_sound_study_has_no_remarks() -> None:
    agreement = pd.Series({"a": 0.9, "b": 0.1})
    assert remarks(measured(), [fitted("1", "a")], fitted("all", "a"), agreement) == []


def test_events_per_column_count_candidates_and_selected_against_the_rarer_outcome() -> None:
    """480 of 500 have the event: 20 have not, for 100 candidates 0.2 each and for 4 selected 5.0 each."""
    (said,) = remarks(
        measured(events=480), [fitted("1", *"abcd", candidates=100)], fitted("all", *"abcd", candidates=100)
    )
    assert "(20 units have the rarer outcome) lie below 10" in said
    assert "deep 0.2 for each of 100 candidates, 5.0 for each of 4 selected" in said
    of_all = np.r_[np.ones(900), np.zeros(40)]  # a test set of 500; the model that ships learned from the others too
    folds, final = [fitted("1", *"abcd", candidates=100)], fitted("all", *"abcd", candidates=100)
    (said,) = study_remarks([measured(events=480)], {"deep": folds}, {"deep": final}, None, of_all)
    assert "(40 units have the rarer outcome)" in said
    assert "deep 0.4 for each of 100 candidates, 10 for each of 4 selected" in said


def test_slopes_below_0_and_far_from_1_are_said_once() -> None:
    low = performance_remarks([measured(slope=Interval(value=-0.3, low=-1, high=0.4))])
    assert len(low) == 1
    assert "The calibration slope of deep is −0.30 (−1.00 to 0.40), below 0" in low[0]
    extreme = performance_remarks([measured(slope=Interval(value=0.3, low=0.1, high=0.5))])
    assert extreme == [
        "The calibration slope of deep is 0.30 (0.10–0.50), far from 1: its probabilities are too extreme and must not "
        "be read as risks"
    ]
    timid = performance_remarks([measured(slope=Interval(value=2.5, low=0.9, high=4))])
    assert "too timid" in timid[0]
    assert timid[0].endswith("though so few units do not rule out a slope of 1")
    assert performance_remarks([measured(slope=NONE)]) == []


def test_a_family_that_calls_all_alike_is_named() -> None:
    (said,) = performance_remarks([measured(sensitivity=1.0, specificity=0.0)])
    assert "deep calls every unit positive (sensitivity 1.00, specificity 0.00)" in said
    (said,) = performance_remarks([measured(sensitivity=0.001, specificity=0.999)])
    assert "deep calls every unit negative (sensitivity 0.00, specificity 1.00)" in said


def test_selected_columns_that_masks_disagree_about_are_named_with_their_icc() -> None:
    agreement = pd.Series({"t1/tumour/x": 0.12, "t1/tumour/y": 0.3, "t1/tumour/z": 0.8, "t1/tumour/w": 0.1})
    names = ("t1@V00/tumour/x", "t1/tumour/y", "t1/tumour/z")
    (said,) = remarks(measured(), [fitted("1", *names)], fitted("all", *names), agreement)
    assert "deep uses 2 columns on which predicted and manual masks disagree, ICC(2,1) below 0.5: " in said
    assert "t1@V00/tumour/x (0.12), t1/tumour/y (0.30)." in said


def test_families_that_use_the_same_columns_of_poor_agreement_are_told_once() -> None:
    agreement = pd.Series({f"t1/tumour/x{i}": i / 100 for i in range(9)})
    final = {name: fitted("all", *agreement.index, family=name) for name in ("radiomic", "radiomic-deep")}
    folds = {name: [fitted("1", *agreement.index, family=name)] for name in final}
    (said,) = study_remarks([measured(name) for name in final], folds, final, agreement)
    assert said.startswith("radiomic and radiomic-deep use 9 columns on which predicted and manual masks disagree")
    assert "t1/tumour/x3 (0.03) and 5 more. What they say depends" in said


def test_columns_of_the_refitted_model_that_no_fold_chose_are_named() -> None:
    (said,) = remarks(measured(), [fitted("1", "a"), fitted("2", "b")], fitted("all", "a", "c"))
    assert said.startswith("The refitted model of deep uses 1 column that no test fold chose (c).")
    final = {name: fitted("all", "a", "c", family=name) for name in ("deep", "radiomic-deep")}
    folds = {name: [fitted("1", "a", family=name)] for name in final}
    (said,) = study_remarks([measured(name) for name in final], folds, final, None)
    assert said.startswith("The refitted models of deep and radiomic-deep use 1 column that no test fold chose (c).")


def test_the_page_holds_the_agreement_of_features_against_the_models() -> None:
    masks = pd.DataFrame([{"case": "c1", "patient": "p1", "label": "tumour", "dice": 0.9}])
    report: Any = SimpleNamespace(
        performance=[measured()],
        folds={"deep": [fitted("1", "t1/tumour/original_shape_Elongation")]},
        final={"deep": fitted("all", "t1/tumour/original_shape_Elongation")},
        segmentation=SegmentationReport(masks, (), pd.Series({"t1/tumour/original_shape_Elongation": 0.1}), 1),
        results=SimpleNamespace(failures=()),
        warnings=(),
        events=None,
    )
    assert "on which predicted and manual masks disagree, ICC(2,1) below 0.5" in findings.study(report).html


def test_what_fits_fell_back_on_is_said_once_with_the_fits() -> None:
    one, two = "radiomic: nothing is stable", "radiomic: no column has p <= 0.05"
    folds = [fitted(str(i), "a").model_copy(update={"remarks": (one, two) if i == 2 else (one,)}) for i in (1, 2, 3)]
    final = fitted("all", "a").model_copy(update={"remarks": (one,)})
    found = remarks(measured(), folds, final)
    assert found == [f"{one} (deep in folds 1, 2, 3 and the fit on all units)", f"{two} (deep in fold 2)"]
    many = fitted("1", "a").model_copy(update={"remarks": tuple(f"column {i} stays" for i in range(20))})
    *_, last = remarks(measured(), [many], fitted("all", "a"))
    assert last == "8 more remarks on single fits stand in models/*/*.json of the run folder"
