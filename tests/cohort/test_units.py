"""Units and visits: every contradiction between the cases of a unit is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cohorts import KNEES, config, knees
from tabular import assert_one, errors_of, with_rows, write_table

from radfuse.cohort.read import read_cohort

UNIT_FAULTS: dict[str, tuple[dict[int, str], dict[str, Any], int | None, str | None, tuple[str, ...]]] = {
    "two cases at one visit": (
        {3: "b,p1,right,V00,62,0"}, {}, 3, "visit", ("unit p1/right has two cases at visit 'V00'",)
    ),
    "visit missing": (
        {3: "b,p1,right,,62,0"}, {}, 3, "visit", ("unit p1/right has 2 cases, so each needs its visit",)
    ),
    "another outcome": (
        {5: "d,p2,left,V01,59,0"}, {}, 5, "event", ("unit p2/left has another outcome in row 4",)
    ),
    "side missing": (
        {6: "e,p3,,V00,70,0"}, {}, 6, "side", ("the cell is empty, and cohort.unit needs it",)
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", UNIT_FAULTS)
def test_a_fault_of_a_unit_is_the_only_one_named(tmp_path: Path, fault: str) -> None:
    edits, changes, row, column, words = UNIT_FAULTS[fault]
    found = errors_of(read_cohort, write_table(tmp_path, with_rows(KNEES, edits)), knees(**changes))
    assert_one(found, row, column, *words)


def test_a_unit_of_two_patients_is_named_with_both_and_the_mend(tmp_path: Path) -> None:
    text = "case_id,patient_id,knee,visit,event\na,p1,k1,V0,0\nb,p9,k1,V1,0\nc,p2,k2,V0,1\nd,p3,k3,V0,0\ne,p4,k4,V0,1\n"
    found = errors_of(read_cohort, write_table(tmp_path, text), config(unit=["knee"], clinical=[]))
    assert_one(found, 3, "patient_id", "unit k1 belongs to 'p1' (row 2) and to 'p9'", "add 'patient_id' to cohort.unit")


def test_a_missing_patient_of_a_unit_is_named_once_only(tmp_path: Path) -> None:
    text = "case_id,patient_id,knee,visit,event\na,,k1,V0,0\nb,p1,k1,V1,0\nc,p2,k2,V0,1\nd,p3,k3,V0,0\ne,p4,k4,V0,1\n"
    found = errors_of(read_cohort, write_table(tmp_path, text), config(unit=["knee"], clinical=[]))
    assert_one(found, 2, "patient_id", "the id is missing")


def test_a_missing_outcome_of_a_first_visit_is_named_once_only(tmp_path: Path) -> None:
    found = errors_of(read_cohort, write_table(tmp_path, with_rows(KNEES, {2: "a,p1,right,V00,61,"})), knees())
    assert_one(found, 2, "event", "the outcome is missing")


def test_two_cases_of_a_unit_without_a_visit_column_are_refused(tmp_path: Path) -> None:
    text = KNEES.replace(",visit,", ",timepoint,")
    found = errors_of(read_cohort, write_table(tmp_path, text), knees())
    assert [problem.row for problem in found] == [3, 5]
    assert found[0].message == "unit p1/right has 2 cases, but there is no visit column 'visit' (cohort.visit); add it"
