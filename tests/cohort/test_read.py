"""The cohort table: what is read from it, and every fault named by row and column with its mend."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cohorts import KNEES, PEOPLE, config, images, knees, people
from tabular import assert_one, errors_of, with_rows, write_table

from radfuse.cohort.case import Case, Cohort
from radfuse.cohort.read import read_cohort
from radfuse.cohort.splits import ByColumn, Grouped, Holdout, LeaveSiteOut, Temporal
from radfuse.errors import InputError


def messages(cohort: Cohort) -> list[str]:
    return [problem.message for problem in cohort.warnings]


# what is read


def test_ids_clinical_numbers_and_outcome_are_read(tmp_path: Path) -> None:
    cohort = read_cohort(people(tmp_path), config())
    assert list(cohort.cases.index) == ["c1", "c2", "c3", "c4"]
    assert cohort.cases.index.name == "case_id"
    assert list(cohort.cases["patient_id"]) == ["p1", "p2", "p3", "p4"]
    assert list(cohort.cases["age"]) == [61.0, 58.0, 70.0, 66.0]
    assert list(cohort.cases["event"]) == [0.0, 1.0, 0.0, 1.0]
    assert (len(cohort), cohort.warnings, cohort.folder) == (4, (), tmp_path)


def test_without_a_config_only_ids_are_read(tmp_path: Path) -> None:
    text = "case_id,patient_id,event\n" + "".join(f"c{i},p{i},maybe\n" for i in range(5))
    cohort = read_cohort(write_table(tmp_path, text))
    assert list(cohort.cases.columns) == ["patient_id"]


def test_neither_table_nor_config_is_refused() -> None:
    with pytest.raises(InputError, match="needs a table or a config that names one"):
        read_cohort()


def test_the_config_names_the_table_where_none_is_given(tmp_path: Path) -> None:
    assert len(read_cohort(config=config(table=people(tmp_path)))) == 4


def test_levels_become_columns_after_the_reference_and_a_missing_one_is_nan(tmp_path: Path) -> None:
    levels = {"column": "sex", "levels": ["f", "m", "x"]}
    cohort = read_cohort(people(tmp_path, {4: "c3,p3,70,,0"}), config(clinical=["age", levels]))
    assert cohort.clinical_features == ("age", "sex=m", "sex=x")
    np.testing.assert_array_equal(cohort.cases["sex=m"], [0.0, 1.0, np.nan, 1.0])
    np.testing.assert_array_equal(cohort.cases["sex=x"], [0.0, 0.0, np.nan, 0.0])
    assert "sex" not in cohort.cases
    numbers = PEOPLE.replace(",f,", ",0.0,").replace(",m,", ",1.0,")  # as pandas writes them beside a gap
    levels = {"column": "sex", "levels": [0, 1]}
    cohort = read_cohort(write_table(tmp_path, numbers, "numbers.csv"), config(clinical=["age", levels]))
    assert set(cohort.cases["sex=1"]) == {0.0, 1.0}


def test_a_missing_clinical_value_is_nan(tmp_path: Path) -> None:
    cohort = read_cohort(people(tmp_path, {3: "c2,p2,,m,1"}), config())
    np.testing.assert_array_equal(cohort.cases["age"], [61.0, np.nan, 70.0, 66.0])


def test_the_positive_word_is_one(tmp_path: Path) -> None:
    text = PEOPLE.replace(",0\n", ",Good\n").replace(",1\n", ",Poor\n")
    cohort = read_cohort(write_table(tmp_path, text), config(outcome={"column": "event", "positive": "Poor"}))
    assert list(cohort.cases["event"]) == [0.0, 1.0, 0.0, 1.0]


def test_the_positive_value_may_be_a_number(tmp_path: Path) -> None:
    text = PEOPLE.replace(",0\n", ",2\n")
    for written in (text, text.replace(",2\n", ",2.0\n").replace(",1\n", ",1.0\n"), text.replace(",2\n", ",2.0\n")):
        cohort = read_cohort(write_table(tmp_path, written), config(outcome={"column": "event", "positive": "2"}))
        assert list(cohort.cases["event"]) == [1.0, 0.0, 1.0, 0.0]


def test_ids_keep_their_leading_zeros(tmp_path: Path) -> None:
    text = PEOPLE.replace("c", "00").replace("00ase", "case")
    assert list(read_cohort(write_table(tmp_path, text), config()).cases.index) == ["001", "002", "003", "004"]


def test_cases_carry_paths_relative_to_the_table(tmp_path: Path) -> None:
    text = (
        "case_id,patient_id,visit,t1,t2,mask\na,p1,V0,img/a1.nii,img/a2.nii,m/a.nii\nb,p2,V0,img/b1.nii,img/b2.nii,\n"
    )
    (tmp_path / "img").mkdir()
    (tmp_path / "m").mkdir()
    for name in ("img/a1.nii", "img/a2.nii", "img/b1.nii", "img/b2.nii", "m/a.nii"):
        (tmp_path / name).write_text(name)
    cohort = read_cohort(
        write_table(tmp_path, text),
        config(clinical=[], outcome=None, images={"T1": "t1", "T2": "t2"}, mask="mask"),
    )
    assert list(cohort) == [
        Case(
            "a",
            "p1",
            ("a",),
            "V0",
            {"T1": tmp_path / "img/a1.nii", "T2": tmp_path / "img/a2.nii"},
            tmp_path / "m/a.nii",
        ),
        Case("b", "p2", ("b",), "V0", {"T1": tmp_path / "img/b1.nii", "T2": tmp_path / "img/b2.nii"}, None),
    ]  # fmt: skip


def test_a_case_without_visits_has_the_visit_none(tmp_path: Path) -> None:
    assert next(iter(read_cohort(people(tmp_path), config()))).visit is None


def test_an_excluded_case_is_gone_and_its_faults_with_it(tmp_path: Path) -> None:
    text = with_rows(PEOPLE + "c5,p5,old,f,\n", {})
    cohort = read_cohort(write_table(tmp_path, text), config(exclude={"c5": "no consent"}))
    assert list(cohort.cases.index) == ["c1", "c2", "c3", "c4"]


def test_without_leaves_cases_out(tmp_path: Path) -> None:
    assert list(read_cohort(people(tmp_path), config()).without(["c2", "c9"]).cases.index) == ["c1", "c3", "c4"]


def test_row_numbers_serve_as_ids_of_a_table_without_any(tmp_path: Path) -> None:
    text = "age,event\n61,0\n\n58,1\n70,0\n66,1\n"
    cohort = read_cohort(write_table(tmp_path, text), config(case="row_number", patient="row_number"))
    assert list(cohort.cases.index) == ["2", "4", "5", "6"]


def test_visits_of_a_unit_are_cases_of_one_unit(tmp_path: Path) -> None:
    cohort = read_cohort(write_table(tmp_path, KNEES), knees())
    assert [(case.unit, case.visit) for case in cohort][:3] == [
        (("p1", "right"), "V00"),
        (("p1", "right"), "V01"),
        (("p2", "left"), "V00"),
    ]


def test_two_knees_of_a_person_are_two_units(tmp_path: Path) -> None:
    cohort = read_cohort(write_table(tmp_path, with_rows(KNEES, {3: "b,p1,left,V00,62,1"})), knees())
    assert len({case.unit for case in cohort}) == 5


def test_a_clinical_column_of_one_value_is_a_warning(tmp_path: Path) -> None:
    text = PEOPLE.replace("61", "60").replace("58", "60").replace("70", "60").replace("66", "60")
    cohort = read_cohort(write_table(tmp_path, text), config())
    (found,) = cohort.warnings
    assert (found.row, found.column, found.severity) == (None, "age", "warning")
    assert found.message == "every value is the same; it cannot inform a model"


def test_notes_of_the_file_are_warnings_of_the_cohort(tmp_path: Path) -> None:
    cohort = read_cohort(write_table(tmp_path, PEOPLE.replace(",", ";")), config())
    assert messages(cohort) == ["columns are separated by semicolon"]


def test_new_patients_need_no_outcome_no_split_and_may_all_be_alike(tmp_path: Path) -> None:
    text = "case_id,patient_id,age\nn1,q1,60\nn2,q2,60\n"
    cohort = read_cohort(
        write_table(tmp_path, text), config(split=LeaveSiteOut(column="site")), labelled=False, new=True
    )
    assert (list(cohort.cases.index), "event" in cohort.cases, cohort.warnings) == (["n1", "n2"], False, ())


def test_labelled_new_patients_may_be_of_one_class(tmp_path: Path) -> None:
    text = "case_id,patient_id,age,event\nn1,q1,60,1\nn2,q2,61,1\n"
    cohort = read_cohort(write_table(tmp_path, text), config(), new=True)
    assert list(cohort.cases["event"]) == [1.0, 1.0]


CLASSES = {"column": "event", "kind": "multiclass", "levels": ["0", "1", "3"]}
GRADES = CLASSES | {"kind": "ordinal"}
NUMBERS = {"column": "event", "kind": "continuous"}


@pytest.mark.parametrize(
    ("outcome", "cell", "study", "alone"),
    [
        (None, "", "the outcome is missing; fill it, or EXCLUDE", "fill it, or take its row out"),
        (
            CLASSES,
            "7",
            "'3'; correct it, add the class, or EXCLUDE",
            "none of the study's; known: '0', '1', '3'; correct it, or",
        ),
        (
            GRADES,
            "7",
            "'3'; correct it, add the level, or EXCLUDE",
            "none of the study's; known: '0', '1', '3'; correct it, or",
        ),
        (NUMBERS, "x", "found 'x'; correct it, or EXCLUDE", "found 'x'; correct it, or take its row out"),
        (NUMBERS, "1e300", "too large to compute with; correct it, or EXCLUDE", "correct it, or take its row out"),
        ("images", "./a.nii", "leaks between folds: list one under cohort.exclude", "correct one, or take its row out"),
        ("images", "./e.nii", "correct the path, or EXCLUDE", "correct the path, or take its row out"),
        ("images", "", "fill it, EXCLUDE, or the sequence", "fill it, take its row out"),
    ],
)
def test_new_patients_have_no_setting_that_leaves_a_case_out(
    tmp_path: Path, outcome: Any, cell: str, study: str, alone: str
) -> None:
    """Each fault that tells a study to exclude a case, told to who has no study."""
    if outcome == "images":
        table, settings = images(tmp_path, {3: f"c2,p2,{cell},1"})
        if "a" not in cell:  # a row is left out alone where others can be used
            for name in "abcd":
                (tmp_path / f"{name}.nii").unlink()
    else:
        table = people(tmp_path, {3: f"c2,p2,58,m,{cell}"})
        settings = config(**({} if outcome is None else {"outcome": outcome}))
    for new, mend in ((False, study), (True, alone)):
        with pytest.raises(InputError) as told:
            read_cohort(table, settings, new=new)
        assert mend.replace("EXCLUDE", "list the case under cohort.exclude") in str(told.value)
    assert "cohort." not in str(told.value).replace("cohort.csv", "")


# one fault at a time


FAULTS: dict[str, tuple[dict[int, str], dict[str, Any], int | None, str | None, tuple[str, ...]]] = {
    # name: rows changed, settings changed, row and column of the fault, words of the message
    "id twice": (
        {4: "c1,p3,70,f,0"}, {}, 4, "case_id", ("'c1'", "rows 2, 4", "ids must be unique")
    ),
    "id three times": (
        {3: "c1,p2,58,m,1", 5: "c1,p4,66,m,1"}, {}, 3, "case_id", ("'c1'", "rows 2, 3, 5")
    ),
    "id twice but for spaces": (
        {4: " c1 ,p3,70,f,0"}, {}, 4, "case_id", ("'c1'", "rows 2, 4")
    ),
    "id missing": (
        {3: ",p2,58,m,1"}, {}, 3, "case_id", ("the id is missing",)
    ),
    "id NA": (
        {3: "NA,p2,58,m,1"}, {}, 3, "case_id", ("the id is missing",)
    ),
    "patient missing": (
        {5: "c4,,66,m,1"}, {"split": Temporal(column="age")}, 5, "patient_id", ("the id is missing",)
    ),
    "no case column": (
        {1: "caseid,patient_id,age,sex,event"}, {}, None, None,
        ("no column 'case_id'", "(cohort.case)", "did you mean 'caseid'?"),
    ),
    "no patient column": (
        {1: "case_id,Patient_ID,age,sex,event"}, {}, None, None,
        ("no column 'patient_id'", "(cohort.patient)", "did you mean 'Patient_ID'?"),
    ),
    "no unit column": (
        {}, {"unit": ["patient_id", "side"]}, None, None, ("no column 'side'", "(cohort.unit)", "known: 'age',")
    ),
    "no clinical column": (
        {}, {"clinical": ["aeg"]}, None, None, ("no column 'aeg'", "(cohort.clinical)", "did you mean 'age'?")
    ),
    "no levels column": (
        {}, {"clinical": [{"column": "sexx", "levels": ["f", "m"]}]}, None, None,
        ("no column 'sexx'", "(cohort.clinical)", "did you mean 'sex'?"),
    ),
    "no outcome column": (
        {}, {"outcome": {"column": "events"}}, None, None,
        ("no column 'events'", "(cohort.outcome.column)", "did you mean 'event'?"),
    ),
    "no image column": (
        {}, {"images": {"dess": "imagee"}}, None, None, ("no column 'imagee'", "(cohort.images.dess)")
    ),
    "no mask column": (
        {}, {"mask": "masks"}, None, None, ("no column 'masks'", "(cohort.mask)")
    ),
    "no site column": (
        {}, {"site": "centre"}, None, None, ("no column 'centre'", "(cohort.site)")
    ),
    "no split column": (
        {}, {"split": ByColumn(column="fold")}, None, None, ("no column 'fold'", "(cohort.split.column)")
    ),
    "a word among numbers": (
        {3: "c2,p2,fifty,m,1"}, {}, 3, "age", ("'fifty' is not a number", "correct it, or leave the cell empty")
    ),
    "below a limit": (
        {3: "c2,p2,<50,m,1"}, {}, 3, "age", ("'<50' is not a number",)
    ),
    "decimal comma in quotes": (
        {3: 'c2,p2,"58,5",m,1'}, {}, 3, "age", ("'58,5' is not a number",)
    ),
    "infinite": (
        {5: "c4,p4,inf,m,1"}, {}, 5, "age", ("infinite (inf)", "correct it, or leave the cell empty")
    ),
    "minus infinity": (
        {5: "c4,p4,-Infinity,m,1"}, {}, 5, "age", ("the value is infinite",)
    ),
    "too large": (
        {5: "c4,p4,1e999,m,1"}, {}, 5, "age", ("the value is infinite",)
    ),
    "a column of words": (
        {}, {"clinical": ["sex"]}, None, "sex",
        ("holds words ('f', 'm')", "declare it as {column: sex, levels: [f, m]} under cohort.clinical"),
    ),
    "a column of question marks": (
        {2: "c1,p1,?,f,0", 3: "c2,p2,?,m,1", 4: "c3,p3,?,f,0", 5: "c4,p4,?,m,1"}, {}, None, "age",
        ("holds words ('?'), not numbers; write numbers, or leave those cells empty",),
    ),
    "no value at all": (
        {2: "c1,p1,,f,0", 3: "c2,p2,NA,m,1", 4: "c3,p3,,f,0", 5: "c4,p4,,m,1"}, {}, None, "age",
        ("the column holds no value", "fill it, or remove it from cohort.clinical"),
    ),
    "undeclared level": (
        {3: "c2,p2,58,M,1"}, {"clinical": [{"column": "sex", "levels": ["f", "m"]}]}, 3, "sex",
        ("'M' is none of the declared levels ('f', 'm')",),
    ),
    "levels without a value": (
        {2: "c1,p1,61,,0", 3: "c2,p2,58,,1", 4: "c3,p3,70,,0", 5: "c4,p4,66,,1"},
        {"clinical": [{"column": "sex", "levels": ["f", "m"]}]}, None, "sex", ("the column holds no value",),
    ),
    "outcome missing": (
        {3: "c2,p2,58,m,"}, {"split": Temporal(column="age")}, 3, "event",
        ("the outcome is missing", "fill it, or list the case under cohort.exclude"),
    ),
    "outcome constant": (
        {3: "c2,p2,58,m,0", 5: "c4,p4,66,m,0"}, {}, None, "event", ("every case has the outcome '0'",)
    ),
    "outcome constant word": (
        {2: "c1,p1,61,f,1", 4: "c3,p3,70,f,1"}, {"outcome": {"column": "event", "positive": "1"}}, None, "event",
        ("every case has the outcome '1'", "nothing to tell apart"),
    ),
    "words without positive": (
        {2: "c1,p1,61,f,Good", 3: "c2,p2,58,m,Poor", 4: "c3,p3,70,f,Good", 5: "c4,p4,66,m,Poor"}, {}, None, "event",
        ("holds the words 'Good' and 'Poor'", "say which is the event: cohort.outcome.positive: Poor"),
    ),
    "a number that is neither 0 nor 1": (
        {5: "c4,p4,66,m,2"}, {}, 5, "event", ("a binary outcome is 0 or 1; found '2'",)
    ),
    "one word among 0 and 1": (
        {5: "c4,p4,66,m,yes"}, {}, 5, "event", ("a binary outcome is 0 or 1; found 'yes'",)
    ),
    "a probability": (
        {5: "c4,p4,66,m,0.5"}, {}, 5, "event", ("a binary outcome is 0 or 1; found '0.5'",)
    ),
    "positive that no row holds": (
        {2: "c1,p1,61,f,Good", 3: "c2,p2,58,m,Poor", 4: "c3,p3,70,f,Good", 5: "c4,p4,66,m,Poor"},
        {"outcome": {"column": "event", "positive": "poor"}}, None, "event",
        ("no row holds the event 'poor' (cohort.outcome.positive)", "did you mean 'Poor'?"),
    ),
    "three words with positive": (
        {2: "c1,p1,61,f,Good", 3: "c2,p2,58,m,Poor", 4: "c3,p3,70,f,Fair", 5: "c4,p4,66,m,Poor"},
        {"outcome": {"column": "event", "positive": "Poor"}}, None, "event",
        ("a binary outcome has two values; found 3: 'Fair', 'Good', 'Poor'",),
    ),
    "excluded id unknown": (
        {}, {"exclude": {"c44": "twin"}}, None, None, ("cohort.exclude names 'c44'", "no case_id", "did you mean 'c4'?")
    ),
    "more folds than patients": (
        {}, {"split": Grouped(folds=5)}, None, None, ("4 patients cannot fill 5 folds", "cohort.split.folds")
    ),
    "more folds than events": (
        {3: "c2,p2,58,m,0"}, {"split": Grouped(folds=2)}, None, "event",
        ("1 patient has an event, fewer than the 2 folds", "one class only"),
    ),
    "more folds than those without": (
        {2: "c1,p1,61,f,1"}, {"split": Grouped(folds=2)}, None, "event", ("1 patient has no event", "the 2 folds")
    ),
    "one event for a holdout": (
        {3: "c2,p2,58,m,0"}, {"split": Holdout()}, None, "event", ("1 patient has an event",)
    ),
    "no date": (
        {3: "c2,p2,last May,m,1"}, {"clinical": [], "split": Temporal(column="age")}, 3, "age",
        ("'last May' is no date; write 2019-05-31, or a number",),
    ),
    "a date of another order": (
        {2: "c1,p1,2019-05-30,f,0", 3: "c2,p2,2019-05-31,m,1", 4: "c3,p3,31.05.2019,f,0", 5: "c4,p4,2019-06-01,m,1"},
        {"clinical": [], "split": Temporal(column="age")}, 4, "age", ("'31.05.2019' is no date", "2019-05-31"),
    ),
    "a month 13": (
        {2: "c1,p1,2019-05-30,f,0", 3: "c2,p2,2019-13-01,m,1", 4: "c3,p3,2019-05-31,f,0", 5: "c4,p4,2019-06-01,m,1"},
        {"clinical": [], "split": Temporal(column="age")}, 3, "age", ("'2019-13-01' is no date",),
    ),
    "a start that is no date": (
        {}, {"split": Temporal(column="age", test_from="soon")}, None, None,
        ("cohort.split.test_from 'soon' is no date",),
    ),
    "a start after everyone": (
        {}, {"split": Temporal(column="age", test_from="71")}, None, "age", ("leaves the test set empty",)
    ),
    "a start before everyone": (
        {}, {"split": Temporal(column="age", test_from="58")}, None, "age", ("leaves the training set empty",)
    ),
    "one site": (
        {2: "c1,p1,61,f,0", 3: "c2,p2,58,f,1", 4: "c3,p3,70,f,0", 5: "c4,p4,66,f,1"},
        {"split": LeaveSiteOut(column="sex")}, None, "sex", ("all cases are of one site",),
    ),
    "site missing": (
        {4: "c3,p3,70,,0"}, {"split": LeaveSiteOut(column="sex")}, 4, "sex", ("the value is missing",)
    ),
    "a patient at two sites": (
        {5: "c4,p1,66,m,1"}, {"split": LeaveSiteOut(column="sex")}, 5, "sex",
        ("patient 'p1' is in split 'f' (row 2) and in 'm'", "a patient belongs to one"),
    ),
    "a patient in two splits": (
        {5: "c4,p1,66,m,1"}, {"split": ByColumn(column="sex")}, 5, "sex",
        ("patient 'p1' is in split 'f' (row 2) and in 'm'", "a patient belongs to one"),
    ),
    "one split": (
        {3: "c2,p2,58,f,1", 5: "c4,p4,66,f,1"}, {"split": ByColumn(column="sex")}, None, "sex",
        ("all cases are in one split; two or more are needed",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_the_only_one_named_with_its_row_column_and_mend(tmp_path: Path, fault: str) -> None:
    edits, changes, row, column, words = FAULTS[fault]
    assert_one(errors_of(read_cohort, people(tmp_path, edits), config(**changes)), row, column, *words)


def test_the_text_of_a_fault_reads_file_row_column_finding(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_cohort(people(tmp_path, {3: "c2,p2,fifty,m,1"}), config())
    assert str(caught.value) == (
        "cohort.csv, row 3, column 'age': 'fifty' is not a number; correct it, or leave the cell empty"
    )


def test_row_numbers_of_faults_count_blank_lines(tmp_path: Path) -> None:
    text = "case_id,patient_id,age,event\n\nc1,p1,61,0\n\n\nc2,p2,old,1\nc3,p3,70,0\nc4,p4,66,1\n"
    assert_one(errors_of(read_cohort, write_table(tmp_path, text), config()), 6, "age", "'old' is not a number")


def test_row_numbers_of_faults_count_excluded_cases(tmp_path: Path) -> None:
    text = "case_id,patient_id,age,event\nx,p9,40,0\nc1,p1,61,0\nc2,p2,old,1\nc3,p3,70,0\nc4,p4,66,1\n"
    found = errors_of(read_cohort, write_table(tmp_path, text), config(exclude={"x": "no consent"}))
    assert_one(found, 4, "age", "'old' is not a number")


def test_three_words_without_positive_are_one_problem(tmp_path: Path) -> None:
    edits = {2: "c1,p1,61,f,Good", 3: "c2,p2,58,m,Poor", 4: "c3,p3,70,f,Fair", 5: "c4,p4,66,m,Poor"}
    found = errors_of(read_cohort, people(tmp_path, edits), config())
    assert [(problem.row, problem.column) for problem in found] == [(None, "event")]
    assert found[0].message == (
        "a binary outcome has two values; the column holds 3: 'Fair', 'Good', 'Poor': make it two and say which is the "
        "event (cohort.outcome.positive), or exclude cases, or set kind: multiclass"
    )


def test_dates_in_the_place_of_a_binary_outcome_are_one_problem(tmp_path: Path) -> None:
    rows = [f"c{i},p{i},6{i % 10},f,2021-03-{i:02d}" for i in range(1, 13)]
    text = "\n".join(["case_id,patient_id,age,sex,event", *rows]) + "\n"
    found = errors_of(read_cohort, write_table(tmp_path, text), config())
    assert_one(found, None, "event", "the column holds 12: '2021-03-01'", "name another column")


def test_a_declared_level_that_no_case_has_is_remarked(tmp_path: Path) -> None:
    said = config(clinical=[{"column": "sex", "levels": ["f", "m", "other"]}])
    (problem,) = read_cohort(people(tmp_path, {}), said).warnings
    assert (problem.column, problem.severity) == ("sex", "warning")
    assert problem.message.startswith("no case has the level 'other', so that no model learns of it; remove it from")


def test_of_two_levels_one_that_no_case_has_leaves_nothing_to_tell(tmp_path: Path) -> None:
    said = config(clinical=[{"column": "sex", "levels": ["other", "f"]}])
    (problem,) = read_cohort(people(tmp_path, {}, PEOPLE.replace(",m,", ",f,")), said).warnings
    assert (problem.column, problem.message) == ("sex", "every value is the same; it cannot inform a model")


def test_a_value_beyond_what_can_be_computed_with_is_told_once(tmp_path: Path) -> None:
    rows = [f"c{i},p{i},{'1e308' if i == 4 else 60 + i},f,{i % 2}" for i in range(1, 13)]
    text = "\n".join(["case_id,patient_id,age,sex,event", *rows]) + "\n"
    with pytest.raises(InputError) as caught:
        read_cohort(write_table(tmp_path, text), config())
    assert_one(caught.value.problems, 5, "age", "infinite (1e308), or too large")


def test_each_id_that_repeats_is_named_once(tmp_path: Path) -> None:
    edits = {3: "c1,p2,58,m,1", 5: "c3,p4,66,m,1"}
    found = errors_of(read_cohort, people(tmp_path, edits), config())
    assert [(problem.row, problem.column) for problem in found] == [(3, "case_id"), (5, "case_id")]


def test_leading_zeros_tell_cases_apart_beside_a_blank_line(tmp_path: Path) -> None:
    text = "case_id,patient_id,event\n7,p1,0\n007,p2,1\n\n07,p3,0\n70,p4,1\n"
    cohort = read_cohort(write_table(tmp_path, text), config(clinical=[]))
    assert list(cohort.cases.index) == ["7", "007", "07", "70"]


# many at once


def test_ten_faults_of_ten_kinds_are_reported_at_once(tmp_path: Path) -> None:
    text = """\
case_id,patient_id,t1,sex,age,bmi,smoker,event,site
c1,p1,a.nii,f,61,24.0,,0,north
c1,p2,b.nii,m,58,25.1,,1,north
c3,,c.nii,f,70,22.8,,0,south
c4,p4,d.nii,m,old,27.3,,1,south
c5,p5,e.nii,f,66,inf,,0,north
c6,p6,f.nii,x,59,26.0,,1,south
c7,p7,g.nii,m,63,23.3,,,north
c8,p8,nowhere.nii,f,71,28.4,,1,south
c9,p9,copy_of_a.nii,m,64,24.9,,0,north
c10,p2,j.nii,f,57,25.5,,1,south
"""
    for name in "abcdefgj":
        (tmp_path / f"{name}.nii").write_text(f"image {name}")
    shutil.copy(tmp_path / "a.nii", tmp_path / "copy_of_a.nii")
    settings = config(
        images={"T1": "t1"},
        clinical=["age", "bmi", "smoker", {"column": "sex", "levels": ["f", "m"]}],
        split=LeaveSiteOut(column="site"),
    )
    found = errors_of(read_cohort, write_table(tmp_path, text), settings)
    expected = {
        (3, "case_id"): "id 'c1' stands in rows 2, 3",
        (4, "patient_id"): "the id is missing",
        (5, "age"): "'old' is not a number",
        (6, "bmi"): "the value is infinite",
        (7, "sex"): "'x' is none of the declared levels",
        (8, "event"): "the outcome is missing",
        (9, "t1"): "no file nowhere.nii",
        (10, "t1"): "the image of 'c9' is that of 'c1' (row 2) by content",
        (11, "site"): "patient 'p2' is in split 'north' (row 3) and in 'south'",
        (None, "smoker"): "the column holds no value",
    }
    assert {(problem.row, problem.column) for problem in found} == set(expected)
    assert len(found) == 10
    for problem in found:
        assert expected[problem.row, problem.column] in problem.message
