"""What a reader of a clinical table would ask about, and what is nobody's question."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from cohorts import config
from tabular import write_table

from radfuse.cohort.read import read_cohort
from radfuse.cohort.remarks import odd_values
from radfuse.errors import Finding
from radfuse.outcomes.binary import BinaryOutcome

AGES = [41.0, 44, 48, 50, 52, 55, 57, 61, 64, 70]


def found(*more: float, values: list[float] | None = None) -> list[Finding]:
    return list(odd_values(pd.Series([*(values or AGES), *more], name="age")))


@pytest.mark.parametrize("code", [-9, -99, -999, -9999, 999, 9999, 99999, -1])
def test_a_code_for_missing_is_named_with_its_rows(code: float) -> None:
    (finding,) = found(code, code)
    assert finding.message == (
        f'2 cells hold {code}, which looks like a code for "missing" and is read as a number; empty them to have them '
        "imputed (rows 12, 13)"
    )
    assert (finding.label, finding.column) == (10, "age")


def test_two_codes_are_two_findings() -> None:
    assert [finding.message.split(",")[0] for finding in found(-999, 9999)] == [
        "1 cell holds -999",
        "1 cell holds 9999",
    ]


@pytest.mark.parametrize(
    "values", [[*AGES, 99.0, 84.0], [-3.0, -1, 0, 1, 2, 3, -2, 5, -9], [900.0, 950, 999, 1100] * 3]
)
def test_a_nine_among_its_like_is_a_measurement(values: list[float]) -> None:
    assert found(values=values) == []


def test_a_value_that_no_patient_has_is_named_with_its_row() -> None:
    """Quartiles 48.5 and 62.5 of eleven values, so that ten ranges end at 202.5."""
    (finding,) = found(191953)
    assert finding.message == (
        "191953 is implausible: half of all values lie between 49 and 62.5; correct it, or leave the cell empty "
        "(row 12)"
    )
    assert (finding.label, finding.column) == (10, "age")
    assert found(195) == []


def test_early_events_are_not_odd_where_most_times_end_with_the_study() -> None:
    """As in Rossi's table: half of all weeks lie between 50 and 52, and people were arrested from the first on."""
    weeks = pd.Series([1.0, 8, 17, 20, 44, *[52.0] * 14, 50], name="week")
    assert [finding.label for finding in odd_values(weeks)] == [0]
    assert list(odd_values(weeks, small=False)) == []
    assert [finding.label for finding in odd_values(pd.concat([weeks, pd.Series([4e5], [99])]), small=False)] == [99]


def test_few_values_say_nothing() -> None:
    assert found(values=[1.0, 2, 3, 1e9, -999]) == []


def test_a_column_of_two_values_has_no_outliers() -> None:
    assert found(values=[0.0] * 30 + [1.0]) == []


def test_missing_and_infinite_cells_are_left_to_others() -> None:
    assert found(float("nan"), float("inf")) == []


def people(folder: Path, events: list[str], smoker: list[str] | None = None) -> Path:
    rows = [f"c{i},p{i},{50 + i},{(smoker or ['1', '0'] * 9)[i]},{event}" for i, event in enumerate(events)]
    return write_table(folder, "\n".join(["case_id,patient_id,age,smoker,event", *rows]) + "\n")


TRUTHS = [
    (("True", "False"), None),
    (("true", "false"), None),
    (("TRUE", "FALSE"), None),
    (("yes", "no"), None),
    (("Yes", "NO"), None),
    (("1", "0"), None),
    (("True", "False"), True),
    (("TRUE", "FALSE"), True),
    (("true", "false"), "True"),
    (("1", "0"), True),
    (("1", "0"), 1),
    (("1", "0"), 1.0),
    (("2", "7"), 2),
    (("Yes", "No"), "yes"),
    (("y", "n"), "y"),
    (("False", "True"), False),
]


@pytest.mark.parametrize(("words", "positive"), TRUTHS)
def test_words_of_truth_are_read_as_they_are(words: tuple[str, str], positive: object, tmp_path: Path) -> None:
    table = people(tmp_path, [*words, *words])
    settings = config(outcome={"column": "event", **({} if positive is None else {"positive": positive})})
    assert list(read_cohort(table, settings).cases["event"]) == [1.0, 0.0, 1.0, 0.0]


@pytest.mark.parametrize("name", ["cohort.parquet", "cohort.xlsx"])
@pytest.mark.parametrize("positive", [None, True])
def test_booleans_of_other_files_are_read_as_they_are(name: str, positive: object, tmp_path: Path) -> None:
    rows = {"case_id": list("abcd"), "patient_id": list("wxyz"), "age": [50, 51, 52, 53], "event": [True, False] * 2}
    frame = pd.DataFrame(rows)
    if name.endswith("xlsx"):
        frame.to_excel(tmp_path / name, index=False)
    else:
        frame.to_parquet(tmp_path / name)
    settings = config(outcome={"column": "event", **({} if positive is None else {"positive": positive})})
    assert list(read_cohort(tmp_path / name, settings).cases["event"]) == [1.0, 0.0, 1.0, 0.0]


@pytest.mark.parametrize("words", [("True", "False"), ("yes", "no"), ("TRUE", "false")])
def test_a_clinical_column_of_truths_is_one_and_nought(words: tuple[str, str], tmp_path: Path) -> None:
    table = people(tmp_path, ["1", "0"] * 2, [*words, "", words[0]])
    cases = read_cohort(table, config(clinical=["smoker"])).cases
    assert cases["smoker"].fillna(-1).tolist() == [1.0, 0.0, -1.0, 1.0]


@pytest.mark.parametrize("levels", [[False, True], ["False", "True"], ["no", "yes"], [0, 1]])
def test_levels_are_the_words_that_yaml_reads_as_booleans(levels: list[object], tmp_path: Path) -> None:
    words = {"no": ["yes", "No"], "0": ["1", "0"]}.get(str(levels[0]), ["True", "FALSE"])
    table = people(tmp_path, ["1", "0"] * 2, words * 2)
    cases = read_cohort(table, config(clinical=[{"column": "smoker", "levels": levels}])).cases
    (name,) = [name for name in cases if str(name).startswith("smoker=")]
    assert list(cases[name]) == [1.0, 0.0, 1.0, 0.0]


def test_truths_among_other_words_are_words(tmp_path: Path) -> None:
    column = pd.Series(["True", "maybe", "False"], dtype=object)
    assert BinaryOutcome(column="event", positive=True).positive == "true"  # type: ignore[arg-type]
    from radfuse.cohort.spreadsheet import to_numbers

    assert to_numbers(column)[1].tolist() == [True, True, True]


def test_the_remarks_stand_among_the_warnings_of_a_cohort_but_not_of_new_patients(tmp_path: Path) -> None:
    rows = [f"c{i},p{i},{age},{i % 2}" for i, age in enumerate([*AGES, -999, 191953])]
    table = write_table(tmp_path, "\n".join(["case_id,patient_id,age,event", *rows]) + "\n")
    found = [(warning.row, warning.column) for warning in read_cohort(table, config()).warnings]
    assert found == [(12, "age"), (13, "age")]
    assert read_cohort(table, config(), new=True).warnings == ()
