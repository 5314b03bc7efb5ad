"""Feature tables: names, ids and numbers of a user's file, one scan under two ids, and writing without loss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from realdata import real_file
from tabular import assert_one, errors_of, write_table

from radfuse.cohort.spreadsheet import read_table
from radfuse.errors import InputError
from radfuse.features import FeatureSource, FeatureTable, at_visit, equal_rows, read_features

BY_CASE = """\
case_id,T1_Mean,T1_Energy,T2_Mean
c1,1.5,10,0.1
c2,2.5,20,
c3,3.5,30,0.3
"""

BY_UNIT = """\
patient_id,side,x
p1,left,1
p1,right,2
p2,left,3
"""

TEN = [f"f{i}" for i in range(10)]


def features(folder: Path, text: str) -> Path:
    return write_table(folder, text, "features.csv")


def wide(rows: dict[str, list[float | None]]) -> str:
    """Write a table of ten features f0 ... f9."""
    lines = [",".join([name, *("" if value is None else str(value) for value in row)]) for name, row in rows.items()]
    return "\n".join([",".join(["case_id", *TEN]), *lines]) + "\n"


# what is read


def test_a_table_prints_its_values_and_not_all_that_is_known_of_them() -> None:
    table = FeatureTable(pd.DataFrame({"mean": [1.0]}, index=pd.Index(["c1"], name="case")), provenance={"engine": "x"})
    assert "mean" in str(table)
    assert "engine" not in str(table)


def test_a_table_by_case_is_indexed_by_the_case(tmp_path: Path) -> None:
    table, problems = read_features(features(tmp_path, BY_CASE))
    assert (table.ids, table.names) == (("case_id",), ("T1_Mean", "T1_Energy", "T2_Mean"))
    assert list(table.values.index) == ["c1", "c2", "c3"]
    np.testing.assert_array_equal(table.values, [[1.5, 10, 0.1], [2.5, 20, np.nan], [3.5, 30, 0.3]])
    assert all(table.values[name].dtype == np.float64 for name in table.names)
    assert (problems, table.provenance) == ([], {"source": "features.csv"})


def test_a_table_by_unit_is_indexed_by_all_its_columns(tmp_path: Path) -> None:
    table, _ = read_features(features(tmp_path, BY_UNIT), ids=[("case_id",), ("patient_id", "side")])
    assert (table.ids, table.names) == (("patient_id", "side"), ("x",))
    assert list(table.values.index) == [("p1", "left"), ("p1", "right"), ("p2", "left")]
    assert list(table.values["x"]) == [1.0, 2.0, 3.0]


def test_the_case_is_the_id_where_case_and_unit_both_stand_in_the_table(tmp_path: Path) -> None:
    text = "case_id,patient_id,side,x\nc1,p1,left,1\nc2,p1,left,2\n"
    table, _ = read_features(features(tmp_path, text), ids=[("case_id",), ("patient_id", "side")])
    assert (table.ids, table.names) == (("case_id",), ("x",))


def test_ids_keep_leading_zeros_though_all_are_numbers_and_one_line_is_blank(tmp_path: Path) -> None:
    table, _ = read_features(features(tmp_path, "case_id,x\n007,1.5\n\n7,2.5\n"))
    assert list(table.values.index) == ["007", "7"]


def test_numeric_ids_of_a_parquet_file_are_text(tmp_path: Path) -> None:
    pd.DataFrame({"case_id": [7, 8], "x": [1.5, 2.5]}).to_parquet(tmp_path / "f.parquet")
    table, _ = read_features(tmp_path / "f.parquet")
    assert list(table.values.index) == ["7", "8"]


def test_rows_without_ids_are_named_by_number(tmp_path: Path) -> None:
    table, _ = read_features(features(tmp_path, "x\n1.5\n2.5\n"), ids=[("row_number",)])
    assert (list(table.values.index), table.names) == (["2", "3"], ("x",))


def test_reserved_columns_are_no_features(tmp_path: Path) -> None:
    table, _ = read_features(features(tmp_path, BY_CASE), reserved={"T2_Mean", "absent"})
    assert table.names == ("T1_Mean", "T1_Energy")


def test_a_table_already_read_is_used_as_it_is(tmp_path: Path) -> None:
    table, _ = read_features(read_table(features(tmp_path, BY_CASE)))
    assert table.names == ("T1_Mean", "T1_Energy", "T2_Mean")


def test_excluded_cases_are_gone_and_their_faults_with_them(tmp_path: Path) -> None:
    table, _ = read_features(features(tmp_path, "case_id,x\nc1,1\nc2,broken\nc3,3\n"), excluded={"c2"})
    assert list(table.values.index) == ["c1", "c3"]


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ({}, ("T1_Mean", "T1_Energy", "T2_Mean")),
        ({"columns": ["T1_*"]}, ("T1_Mean", "T1_Energy")),
        ({"columns": ["T2_Mean", "T1_Mean"]}, ("T1_Mean", "T2_Mean")),
        ({"exclude": ["*_Mean"]}, ("T1_Energy",)),
        ({"columns": ["*_Mean"], "exclude": ["T2_*"]}, ("T1_Mean",)),
    ],
)
def test_patterns_choose_columns_in_the_order_of_the_file(
    tmp_path: Path, source: dict[str, list[str]], names: tuple[str, ...]
) -> None:
    table, _ = read_features(features(tmp_path, BY_CASE), source=FeatureSource.model_validate(source))
    assert table.names == names


def test_a_name_with_brackets_is_chosen_by_its_very_name(tmp_path: Path) -> None:
    table, _ = read_features(
        features(tmp_path, "case_id,x[1],x1\nc1,1,2\n"), source=FeatureSource(columns=("x[1]",), exclude=("x1",))
    )
    assert table.names == ("x[1]",)


def test_a_column_without_values_is_left_out_with_a_warning(tmp_path: Path) -> None:
    table, problems = read_features(features(tmp_path, "case_id,x,empty,also\nc1,1,,NA\nc2,2,,\n"))
    (found,) = problems
    assert table.names == ("x",)
    assert (found.column, found.severity) == ("empty", "warning")
    assert found.message == "2 columns without any value left out: empty, also"


# faults


@pytest.mark.parametrize(
    ("text", "source", "row", "column", "words"),
    [
        ("caseid,x\nc1,1\n", {}, None, None, ("needs the column 'case_id'", "did you mean 'caseid'?")),
        ("case_id,x\nc1,1\n,2\n", {}, 3, "case_id", ("the id is missing",)),
        ("case_id,x\nc1,1\nc2,2\n\nc1,3\n", {}, 5, "case_id", ("id 'c1' stands in row 2 too",)),
        (
            "case_id,x\nc1,1\nc2,high\nc3,low\n", {}, 3, "x",
            ("2 cells are no number, first 'high'; correct or empty them", "exclude: [x]"),
        ),
        ("case_id,x\nc1,1\nc2,inf\n", {}, 3, "x", ("1 cell is infinite", "empty what is to be imputed")),
        ("case_id,x\nc1,1\nc2,high\n", {}, 3, "x", ("1 cell is no number, first 'high'; correct or empty it,",)),
        ("case_id,x\nc1,-Infinity\nc2,1e999\n", {}, 2, "x", ("2 cells are infinite",)),
        ("case_id,x\nc1,\nc2,\n", {}, None, "x", ("1 column without any value left out", "no feature is left")),
        ("case_id\nc1\n", {}, None, None, ("no feature columns are left beside the ids",)),
        ("case_id,x\nc1,1\n", {"exclude": ["x"]}, None, None, ("no feature columns are left beside the ids",)),
        (BY_CASE, {"exclude": ["T1_Meen"]}, None, None, ("'T1_Meen' matches no column", "did you mean 'T1_Mean'?")),
        (
            BY_CASE, {"exclude": ["case_id"]}, None, None,
            ("'case_id' is an id or cohort column, not a feature",),
        ),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_row_column_and_mend(
    tmp_path: Path, text: str, source: dict[str, list[str]], row: int | None, column: str | None, words: tuple[str, ...]
) -> None:
    found = errors_of(read_features, features(tmp_path, text), source=FeatureSource.model_validate(source))
    assert_one(found, row, column, *words)


def test_a_pattern_that_matches_nothing_leaves_no_feature(tmp_path: Path) -> None:
    found = errors_of(read_features, features(tmp_path, "case_id,x\nc1,1\n"), source=FeatureSource(columns=("y*",)))
    assert [problem.message.split(";")[0] for problem in found] == [
        "'y*' matches no column",
        "no feature columns are left beside the ids",
    ]


def test_a_unit_twice_is_named_by_all_its_columns(tmp_path: Path) -> None:
    text = BY_UNIT + "p1,right,4\n"
    found = errors_of(read_features, features(tmp_path, text), ids=[("case_id",), ("patient_id", "side")])
    assert_one(found, 5, "patient_id", "id 'p1/right' stands in row 3 too")


def test_a_table_of_neither_case_nor_unit_says_what_it_needs(tmp_path: Path) -> None:
    found = errors_of(read_features, features(tmp_path, "id,x\na,1\n"), ids=[("case_id",), ("patient_id", "side")])
    assert_one(found, None, None, "needs the column 'case_id' or 'patient_id' + 'side'")


def test_faults_of_ids_and_of_three_columns_are_reported_at_once(tmp_path: Path) -> None:
    text = "case_id,words,large,fine\nc1,1,1,1\nc2,two,inf,2\nc1,3,3,3\n,4,4,4\n"
    found = errors_of(read_features, features(tmp_path, text), source=FeatureSource(exclude=("absent*",)))
    assert {(problem.row, problem.column) for problem in found} == {
        (5, "case_id"),
        (4, "case_id"),
        (None, None),
        (3, "words"),
        (3, "large"),
    }
    assert len(found) == 5


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="several columns are named 'x'"):
        read_features(features(tmp_path, "case_id,x,x\nc1,1,2\n"))


# one scan under two ids


def test_two_ids_with_the_very_same_ten_values_are_one_scan(tmp_path: Path) -> None:
    row: list[float | None] = [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, None]
    text = wide({"c1": row, "c2": [*row[:-1], 9.5], "c3": row})
    found = errors_of(read_features, features(tmp_path, text))
    assert_one(found, 4, None, "'c3' has the very values of 'c1' in all 10 features", "cohort.exclude: {c3: same scan")


def test_equal_rows_are_allowed_where_the_caller_says_so(tmp_path: Path) -> None:
    row: list[float | None] = [1.5] * 10
    table, _ = read_features(features(tmp_path, wide({"c1": row, "c2": row})), unique=False)
    assert len(table.values) == 2


def test_equal_rows_of_few_features_may_be_chance(tmp_path: Path) -> None:
    table, _ = read_features(features(tmp_path, "case_id,x,y\nc1,1,2\nc2,1,2\n"))
    assert len(table.values) == 2


def test_rows_without_any_value_are_not_equal() -> None:
    values = pd.DataFrame(np.nan, index=["a", "b"], columns=TEN)
    assert list(equal_rows(values)) == []


def test_three_equal_rows_are_two_pairs_with_the_first() -> None:
    values = pd.DataFrame(1.0, index=["a", "b", "c"], columns=TEN)
    assert list(equal_rows(values)) == [("a", "b"), ("a", "c")]


def test_prostate_rows_n26_and_n27_are_one_scan() -> None:
    path = real_file("tables/prostate_fae.csv")
    found = errors_of(read_features, path, ids=[("column_1",)], reserved={"label"})
    assert_one(found, 130, None, "'N27' has the very values of 'N26' in all 264 features", "{N27: same scan as N26}")


def test_prostate_without_n27_is_a_table_of_259_patients_and_264_features() -> None:
    path = real_file("tables/prostate_fae.csv")
    table, problems = read_features(path, ids=[("column_1",)], reserved={"label"}, excluded={"N27"})
    assert (table.values.shape, problems) == ((259, 264), [])


# names at visits


@pytest.mark.parametrize(
    ("feature", "visit", "name"),
    [
        ("dess/tibia/original_glcm_Contrast", "V00", "dess@V00/tibia/original_glcm_Contrast"),
        ("dess/x", "V01", "dess@V01/x"),
        ("age", "V01", "age@V01"),
    ],
)
def test_the_visit_stands_after_the_sequence(feature: str, visit: str, name: str) -> None:
    assert at_visit(feature, visit) == name


# the table itself


def frame(columns: dict[str, list[float]], ids: list[str]) -> pd.DataFrame:
    return pd.DataFrame(columns, index=pd.Index(ids, name="case_id", dtype=object))


def test_names_ids_and_infinities_are_checked_on_making() -> None:
    good = frame({"x": [1.0, 2.0]}, ["a", "b"])
    with pytest.raises(InputError, match="features of the same name: x"):
        FeatureTable(pd.concat([good, good], axis=1))
    with pytest.raises(InputError, match="ids of the same name: a"):
        FeatureTable(frame({"x": [1.0, 2.0]}, ["a", "a"]))
    with pytest.raises(InputError, match="infinite values"):
        FeatureTable(frame({"x": [1.0, np.inf]}, ["a", "b"]))


def test_parquet_brings_values_units_and_provenance_back(tmp_path: Path) -> None:
    values = frame({"dess/tibia/shape_Volume": [0.1, np.nan], "y": [1e-300, -2.0]}, ["007", "8"])
    table = FeatureTable(values, {"dess/tibia/shape_Volume": "mm³"}, {"engine": "fast", "folds": [1, 2]})
    table.to_parquet(tmp_path / "f.parquet")
    back = FeatureTable.from_parquet(tmp_path / "f.parquet")
    pd.testing.assert_frame_equal(back.values, values, check_exact=True, check_index_type=False)
    assert (back.units, back.provenance) == (table.units, table.provenance)


def test_parquet_brings_the_columns_of_a_unit_back(tmp_path: Path) -> None:
    index = pd.MultiIndex.from_tuples([("p1", "left"), ("p1", "right")], names=["patient_id", "side"])
    FeatureTable(pd.DataFrame({"x": [1.0, 2.0]}, index=index)).to_parquet(tmp_path / "f.parquet")
    back = FeatureTable.from_parquet(tmp_path / "f.parquet")
    assert (back.ids, list(back.values.index)) == (("patient_id", "side"), [("p1", "left"), ("p1", "right")])


def test_another_parquet_file_is_no_feature_table(tmp_path: Path) -> None:
    frame({"x": [1.0]}, ["a"]).to_parquet(tmp_path / "f.parquet")
    with pytest.raises(InputError, match="is not a radfuse feature table; read it with read_features"):
        FeatureTable.from_parquet(tmp_path / "f.parquet")


def test_a_file_that_is_no_parquet_is_no_feature_table(tmp_path: Path) -> None:
    (tmp_path / "f.parquet").write_text("case_id,x\na,1\n")
    with pytest.raises(InputError, match=r"f\.parquet"):
        FeatureTable.from_parquet(tmp_path / "f.parquet")


@given(st.lists(st.floats(-1e100, 1e100), min_size=1, max_size=20))
@settings(max_examples=25, deadline=None)
def test_csv_brings_every_digit_back(tmp_path_factory: pytest.TempPathFactory, numbers: list[float]) -> None:
    path = tmp_path_factory.mktemp("csv") / "f.csv"
    rows = range(len(numbers))
    values = frame({"x": numbers, "varies": [float(row) for row in rows]}, [f"c{row}" for row in rows])
    FeatureTable(values).to_csv(path)
    assert list(read_features(path)[0].values["x"]) == numbers


def test_codes_for_missing_are_remarked_once_for_all_columns() -> None:
    values = np.random.default_rng(1).normal(size=(12, 3))
    values[4, :2] = -999
    frame = pd.DataFrame(values, columns=["a", "b", "c"]).assign(case_id=[f"c{i}" for i in range(12)])
    table, (remark,) = read_features(frame)
    assert (remark.severity, remark.row, remark.column) == ("warning", 6, "a")
    assert "-999 (row 6)" in remark.message
    assert "and 1 more column holds such codes" in remark.message
    assert table.values.loc["c4", "a"] == -999


def test_all_columns_of_new_patients_may_be_empty_where_the_caller_says_so() -> None:
    frame = pd.DataFrame({"case_id": ["c1"], "a": [np.nan], "b": [np.nan]})
    with pytest.raises(InputError, match="no feature is left"):
        read_features(frame)
    table, (warning,) = read_features(frame, hollow=True)
    assert (list(table.values.index), table.names) == (["c1"], ())
    assert (warning.severity, warning.message) == ("warning", "2 columns without any value left out: a, b")
