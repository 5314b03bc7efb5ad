"""Joining: by case, by unit, visits side by side, and every mismatch between cohort and tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tabular import errors_of, write_table

from radfuse.cohort.case import Cohort
from radfuse.cohort.config import CohortConfig
from radfuse.cohort.read import read_cohort
from radfuse.cohort.splits import Grouped, LeaveSiteOut
from radfuse.errors import InputError
from radfuse.features import FeatureTable
from radfuse.fusion.design import Design, join

PEOPLE = """\
case_id,patient_id,age,site,event
c1,p1,61,north,0
c2,p2,58,north,1
c3,p3,70,south,0
c4,p4,66,south,1
"""

VISITS = """\
case_id,patient_id,side,visit,bmi,pain,event
b,p1,right,V01,24,5,0
a,p1,right,V00,24,3,0
c,p2,left,V00,28,7,1
d,p2,left,V01,28,8,1
e,p3,left,V00,22,1,0
f,p4,left,V00,30,9,1
"""


def people(folder: Path, **changes: Any) -> Cohort:
    settings = {
        "table": "cohort.csv",
        "clinical": ["age"],
        "outcome": {"column": "event"},
        "split": Grouped(folds=2),
        **changes,
    }
    return read_cohort(write_table(folder, PEOPLE), CohortConfig.model_validate(settings))


def knees(folder: Path, text: str = VISITS, **changes: Any) -> Cohort:
    settings = {
        "table": "cohort.csv",
        "unit": ["patient_id", "side"],
        "clinical": ["bmi", "pain"],
        "outcome": {"column": "event"},
        "split": Grouped(folds=2),
        **changes,
    }
    return read_cohort(write_table(folder, text), CohortConfig.model_validate(settings))


def by_case(values: Mapping[str, float], name: str = "x") -> FeatureTable:
    index = pd.Index(list(values), name="case_id", dtype=object)
    return FeatureTable(pd.DataFrame({name: list(values.values())}, index=index))


def by_unit(values: Mapping[tuple[str, str], float], name: str = "x") -> FeatureTable:
    index = pd.MultiIndex.from_tuples(list(values), names=["patient_id", "side"])
    return FeatureTable(pd.DataFrame({name: list(values.values())}, index=index))


def rows(design: Design, block: str) -> dict[str, list[float]]:
    return {str(name): list(values) for name, values in design.blocks[block].items()}


# cases


def test_a_table_by_case_is_put_into_the_order_of_the_cohort(tmp_path: Path) -> None:
    design = join(people(tmp_path), {"radiomic": by_case({"c4": 4, "c1": 1, "c3": 3, "c2": 2})})
    assert list(design.units["case_id"]) == ["c1", "c2", "c3", "c4"]
    assert rows(design, "radiomic") == {"x": [1.0, 2.0, 3.0, 4.0]}
    assert rows(design, "clinical") == {"age": [61.0, 58.0, 70.0, 66.0]}
    assert design.warnings == ()


def test_units_hold_ids_patient_site_split_and_outcome_and_no_inputs(tmp_path: Path) -> None:
    design = join(people(tmp_path, split=LeaveSiteOut(), site="site"), {})
    assert list(design.units.columns) == ["case_id", "patient_id", "site", "event"]
    assert list(design.units.index) == [0, 1, 2, 3]
    assert list(design.units["event"]) == [0.0, 1.0, 0.0, 1.0]


def test_without_clinical_columns_there_is_no_clinical_block(tmp_path: Path) -> None:
    design = join(people(tmp_path, clinical=[]), {"deep": by_case({"c1": 1, "c2": 2, "c3": 3, "c4": 4})})
    assert list(design.blocks) == ["deep"]


def test_ids_match_as_text_with_their_leading_zeros(tmp_path: Path) -> None:
    text = PEOPLE.replace("c1", "07").replace("c2", "7")
    cohort = read_cohort(
        write_table(tmp_path, text),
        CohortConfig(table=Path("cohort.csv"), outcome={"column": "event"}, split=Grouped(folds=2)),
    )
    design = join(cohort, {"radiomic": by_case({"7": 2, "07": 1, "c3": 3, "c4": 4})})
    assert rows(design, "radiomic") == {"x": [1.0, 2.0, 3.0, 4.0]}


# visits


def test_visits_stand_side_by_side_and_units_keep_the_order_of_the_table(tmp_path: Path) -> None:
    table = by_case({"a": 10, "b": 11, "c": 20, "d": 21, "e": 30, "f": 40}, "dess/tibia/x")
    design = join(knees(tmp_path), {"radiomic": table})
    assert list(design.units["patient_id"] + "/" + design.units["side"]) == [
        "p1/right",
        "p2/left",
        "p3/left",
        "p4/left",
    ]
    np.testing.assert_equal(
        rows(design, "radiomic"),
        {"dess@V00/tibia/x": [10.0, 20.0, 30.0, 40.0], "dess@V01/tibia/x": [11.0, 21.0, np.nan, np.nan]},
    )


def test_a_clinical_column_that_never_changes_stays_one_column(tmp_path: Path) -> None:
    np.testing.assert_equal(
        rows(join(knees(tmp_path), {}), "clinical"),
        {"bmi": [24.0, 28.0, 22.0, 30.0], "pain@V00": [3.0, 7.0, 1.0, 9.0], "pain@V01": [5.0, 8.0, np.nan, np.nan]},
    )


def test_a_clinical_value_missing_at_one_visit_is_taken_from_the_other(tmp_path: Path) -> None:
    design = join(knees(tmp_path, VISITS.replace("b,p1,right,V01,24,5", "b,p1,right,V01,,5")), {})
    assert rows(design, "clinical")["bmi"] == [24.0, 28.0, 22.0, 30.0]


def test_one_visit_each_gives_names_without_a_visit(tmp_path: Path) -> None:
    text = "\n".join(line for line in VISITS.splitlines() if ",V01," not in line) + "\n"
    design = join(knees(tmp_path, text), {"radiomic": by_case({"a": 1, "c": 2, "e": 3, "f": 4})})
    assert rows(design, "radiomic") == {"x": [1.0, 2.0, 3.0, 4.0]}
    assert list(rows(design, "clinical")) == ["bmi", "pain"]


def test_a_layout_spreads_one_visit_as_the_model_knows_it(tmp_path: Path) -> None:
    text = "\n".join(line for line in VISITS.splitlines() if ",V01," not in line) + "\n"
    design = join(
        knees(tmp_path, text), {"radiomic": by_case({"a": 1, "c": 2, "e": 3, "f": 4})}, layout={"bmi", "x@V00"}
    )
    assert rows(design, "radiomic") == {"x@V00": [1.0, 2.0, 3.0, 4.0]}
    assert list(rows(design, "clinical")) == ["bmi", "pain@V00"]


def test_a_column_that_the_layout_keeps_takes_the_earliest_visit(tmp_path: Path) -> None:
    design = join(knees(tmp_path), {}, layout={"bmi", "pain"})  # V01 of p1 stands above V00 in the table
    assert rows(design, "clinical") == {"bmi": [24.0, 28.0, 22.0, 30.0], "pain": [3.0, 7.0, 1.0, 9.0]}


def test_a_table_by_unit_is_joined_by_all_its_columns(tmp_path: Path) -> None:
    table = by_unit({("p4", "left"): 4, ("p1", "right"): 1, ("p2", "left"): 2, ("p3", "left"): 3})
    assert rows(join(knees(tmp_path), {"deep": table}), "deep") == {"x": [1.0, 2.0, 3.0, 4.0]}


def test_one_table_by_case_and_one_by_unit_describe_the_same_units(tmp_path: Path) -> None:
    design = join(
        knees(tmp_path, clinical=[]),
        {
            "radiomic": by_case({"a": 10, "b": 11, "c": 20, "d": 21, "e": 30, "f": 40}, "r"),
            "deep": by_unit({("p1", "right"): 1, ("p2", "left"): 2, ("p3", "left"): 3, ("p4", "left"): 4}, "d"),
        },
    )
    assert {block: len(values) for block, values in design.blocks.items()} == {"radiomic": 4, "deep": 4}
    assert rows(design, "radiomic")["r@V00"] == [10.0, 20.0, 30.0, 40.0]


# mismatches


def test_lacking_cases_are_named_with_three_mends(tmp_path: Path) -> None:
    (found,) = errors_of(join, people(tmp_path), {"radiomic": by_case({"c1": 1, "c3": 3})})
    assert found.where == "features.radiomic"
    assert found.message == (
        "the table lacks 2 of 4 rows: c2, c4; add them, list them under cohort.exclude, "
        "or impute them with features.radiomic.allow_missing: true"
    )


def test_lacking_cases_may_be_left_to_imputation_with_a_warning(tmp_path: Path) -> None:
    design = join(people(tmp_path), {"radiomic": by_case({"c1": 1, "c3": 3})}, frozenset({"radiomic"}))
    np.testing.assert_equal(rows(design, "radiomic"), {"x": [1.0, np.nan, 3.0, np.nan]})
    (found,) = design.warnings
    assert (found.severity, found.message) == (
        "warning",
        "the table lacks 2 of 4 rows: c2, c4; they are imputed, or predicted from other blocks, by fusion.strategy",
    )


def test_lacking_units_are_named_by_all_their_columns(tmp_path: Path) -> None:
    table = by_unit({("p1", "right"): 1, ("p2", "left"): 2, ("p3", "right"): 3, ("p4", "left"): 4})
    (found,) = errors_of(join, knees(tmp_path), {"deep": table})
    assert "lacks 1 of 4 rows: p3/left" in found.message


def test_extra_rows_are_left_out_with_a_warning(tmp_path: Path) -> None:
    table = by_case({"c1": 1, "c2": 2, "z9": 99, "c3": 3, "c4": 4})
    design = join(people(tmp_path), {"radiomic": table})
    assert rows(design, "radiomic") == {"x": [1.0, 2.0, 3.0, 4.0]}
    (found,) = design.warnings
    assert found.message == "1 row of the table without a case in the cohort left out: z9"


def test_rows_of_excluded_cases_are_no_surprise(tmp_path: Path) -> None:
    text = PEOPLE + "c5,p5,50,south,1\n"
    settings = {
        "table": "cohort.csv",
        "outcome": {"column": "event"},
        "split": Grouped(folds=2),
        "exclude": {"c5": "no"},
    }
    cohort = read_cohort(write_table(tmp_path, text), CohortConfig.model_validate(settings))
    design = join(cohort, {"radiomic": by_case({"c1": 1, "c2": 2, "c3": 3, "c4": 4, "c5": 5})})
    assert design.warnings == ()


@pytest.mark.parametrize("allow", [frozenset(), frozenset({"radiomic"})])
def test_no_id_in_common_shows_ids_of_both_sides(tmp_path: Path, allow: frozenset[str]) -> None:
    (found,) = errors_of(join, people(tmp_path), {"radiomic": by_case({"K1": 1, "K2": 2})}, allow)
    assert found.message == (
        "no id of the cohort stands in the table (case_id): cohort has c1, c2, c3, c4; the table has K1, K2; write ids "
        "as the cohort does, or name the right table under features.radiomic"
    )


def test_only_the_first_eight_ids_are_listed(tmp_path: Path) -> None:
    text = "case_id,patient_id,event\n" + "".join(f"c{i:02d},p{i},{i % 2}\n" for i in range(12))
    settings = {"table": "cohort.csv", "outcome": {"column": "event"}, "split": Grouped(folds=2)}
    cohort = read_cohort(write_table(tmp_path, text), CohortConfig.model_validate(settings))
    (found,) = errors_of(join, cohort, {"radiomic": by_case({"c00": 1})})
    assert "lacks 11 of 12 rows: c01, c02, c03, c04, c05, c06, c07, c08 and 3 more;" in found.message


def test_a_name_in_two_blocks_is_refused_by_name(tmp_path: Path) -> None:
    table = by_case({"c1": 1, "c2": 2, "c3": 3, "c4": 4}, "age")
    (found,) = errors_of(join, people(tmp_path), {"radiomic": table})
    assert found.where == "features.radiomic"
    assert found.message == (
        "column 'age' stands in block 'clinical' too (1 shared in all); rename it, or leave it out with `exclude`"
    )


def test_all_mismatches_are_reported_at_once(tmp_path: Path) -> None:
    complete = by_case({"c1": 1, "c2": 2, "c3": 3, "c4": 4}, "age")
    with pytest.raises(InputError) as caught:
        join(people(tmp_path), {"radiomic": complete, "deep": by_case({"c1": 1})})
    assert [problem.where for problem in caught.value.problems] == ["features.deep", "features.radiomic"]


# blocks that differ between folds


def test_a_fold_has_its_own_frame_where_there_is_one(tmp_path: Path) -> None:
    design = join(people(tmp_path), {"deep": by_case({"c1": 1, "c2": 2, "c3": 3, "c4": 4})})
    own = design.blocks["deep"] + 100
    design = Design(design.units, design.blocks, (), {"deep": {"1": own}})
    assert list(design.blocks_of("1")["deep"]["x"]) == [101.0, 102.0, 103.0, 104.0]
    assert list(design.blocks_of("2")["deep"]["x"]) == [1.0, 2.0, 3.0, 4.0]
    assert list(design.blocks_of("1")["clinical"]["age"]) == [61.0, 58.0, 70.0, 66.0]


@pytest.mark.parametrize("changes", [None, {"between": ["V00", "V01"], "keep": "baseline"}])
def test_columns_are_worked_on_some_at_a_time_and_it_makes_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any] | None
) -> None:
    cohort = knees(tmp_path, **({} if changes is None else {"changes": changes}))
    index = pd.Index(list("fbadce"), name="case_id", dtype=object)
    values = np.random.default_rng(0).normal(size=(6, 5))
    values[2, 3] = np.nan
    table = FeatureTable(pd.DataFrame(values, index=index, columns=["y", "x", "a/z", "a/y", "b"]))
    units = by_unit({("p3", "left"): 3.0, ("p1", "right"): 1.0, ("p2", "left"): 2.0, ("p4", "left"): 4.0}, "u")
    whole = join(cohort, {"radiomic": table, "deep": units})
    monkeypatch.setattr("radfuse.fusion.design._COLUMNS", 2)
    parts = join(cohort, {"radiomic": table, "deep": units})
    for block, found in whole.blocks.items():
        pd.testing.assert_frame_equal(found, parts.blocks[block], check_exact=True)
    assert list(whole.blocks["radiomic"]) == sorted(whole.blocks["radiomic"])
    assert rows(whole, "radiomic")["x@V00"] == [values[2, 1], values[4, 1], values[5, 1], values[0, 1]]
    assert rows(whole, "deep") == {"u": [1.0, 2.0, 3.0, 4.0]}
