"""Feature tables: read from users' files, written and read back, and every unusable cell named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from realdata import real_file

from radfuse.errors import InputError
from radfuse.features import FeatureSource, FeatureTable, equal_rows, read_features

PLAIN = "case_id,site,a,b,c\n007,x,1.5,2,3\n008,y,,5,6\n"


def written(folder: Path, text: str) -> Path:
    (folder / "f.csv").write_text(text)
    return folder / "f.csv"


def test_ids_stay_text_and_gaps_are_nan(tmp_path: Path) -> None:
    table, notes = read_features(written(tmp_path, PLAIN), reserved=["site"])
    assert table.ids == ("case_id",)
    assert list(table.values.index) == ["007", "008"]
    assert table.names == ("a", "b", "c")
    assert np.isnan(table.values.loc["008", "a"])
    assert table.values.loc["007"].tolist() == [1.5, 2, 3]
    assert notes == []


@pytest.mark.parametrize(
    ("source", "names"),
    [
        (FeatureSource(columns=("a", "c")), ("a", "c")),
        (FeatureSource(columns=("[ab]",)), ("a", "b")),
        (FeatureSource(exclude=("b",)), ("a", "c")),
        (FeatureSource(columns=("?",), exclude=("a",)), ("b", "c")),
    ],
)
def test_columns_are_chosen_by_name_or_pattern(tmp_path: Path, source: FeatureSource, names: tuple[str, ...]) -> None:
    assert read_features(written(tmp_path, PLAIN), source=source, reserved=["site"])[0].names == names


BAD = {
    "caseid,a\n1,2\n": "needs the column 'case_id'; did you mean 'caseid'?",
    "case_id,a\n1,2\n1,3\n": "f.csv, row 3, column 'case_id': id '1' stands in row 2 too",
    "case_id,a\n,2\n1,3\n": "f.csv, row 2, column 'case_id': the id is missing",
    "case_id,a\n1,inf\n2,3\n": "f.csv, row 2, column 'a': 1 cells are infinite",
    "case_id,a\n1,2\n2,-inf\n": "f.csv, row 3, column 'a': 1 cells are infinite",
    "case_id,a\n1,2\n2,old\n3,new\n": "f.csv, row 3, column 'a': 2 cells are no number, first 'old'",
    "case_id,a\n1,\n2,\n": "1 columns hold no value and are left out: a; no feature is left",
    "case_id\n1\n2\n": "no feature columns are left",
}


@pytest.mark.parametrize("text", BAD)
def test_a_fault_is_named_with_its_row_and_mend(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError) as caught:
        read_features(written(tmp_path, text))
    assert BAD[text] in str(caught.value)


def test_a_pattern_that_matches_nothing_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'glcm_Idm' matches no column; did you mean 'glcm_Idn'\?"):
        read_features(written(tmp_path, "case_id,glcm_Idn\n1,2\n"), source=FeatureSource(columns=("glcm_Idm",)))
    with pytest.raises(InputError, match="'y' is an id or cohort column, not a feature"):
        read_features(written(tmp_path, "case_id,y,a\n1,2,3\n"), source=FeatureSource(columns=("y",)), reserved=["y"])


def test_an_empty_column_is_left_out_with_a_warning(tmp_path: Path) -> None:
    table, notes = read_features(written(tmp_path, "case_id,a,b\n1,,2\n2,,3\n"))
    assert table.names == ("b",)
    assert "1 columns hold no value and are left out: a" in str(notes[0])
    assert notes[0].severity == "warning"


def test_rows_by_unit(tmp_path: Path) -> None:
    path = written(tmp_path, "patient_id,side,a\np1,L,1\np1,R,2\n")
    table, _ = read_features(path, (("case_id",), ("patient_id", "side")))
    assert table.ids == ("patient_id", "side")
    assert table.values.loc[("p1", "R"), "a"] == 2


def test_one_scan_under_two_ids_is_found_in_ten_columns_and_more(tmp_path: Path) -> None:
    values = pd.DataFrame(np.random.default_rng(0).normal(size=(4, 10)), index=list("abcd"))
    values.loc["d"] = values.loc["b"]
    assert list(equal_rows(values)) == [("b", "d")]
    assert list(equal_rows(values.iloc[:, :9])) == []
    values.index.name = "case_id"
    values.columns = [f"f{i}" for i in range(10)]
    values.to_csv(tmp_path / "f.csv")
    with pytest.raises(
        InputError, match=r"row 5: 'd' has the very values of 'b' in all 10 features.*cohort\.exclude: {d:"
    ):
        read_features(tmp_path / "f.csv")
    assert len(read_features(tmp_path / "f.csv", unique=False)[0].values) == 4
    assert len(read_features(tmp_path / "f.csv", excluded=["d"])[0].values) == 3


def test_the_real_twin_scan_is_found() -> None:
    with pytest.raises(InputError, match="'N27' has the very values of 'N26'"):
        read_features(real_file("tables/prostate_fae.csv"), (("column_1",),), reserved=["label"])


def test_a_table_comes_back_with_units_and_provenance(tmp_path: Path) -> None:
    index = pd.MultiIndex.from_tuples([("p1", "L"), ("p1", "R")], names=["patient_id", "side"])
    table = FeatureTable(
        pd.DataFrame({"a": [0.1, np.nan], "b": [1e300, -2.0]}, index=index), {"a": "mm"}, {"made": "by hand"}
    )
    table.to_parquet(tmp_path / "t.parquet")
    back = FeatureTable.from_parquet(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(back.values, table.values)
    assert (back.units, back.provenance) == ({"a": "mm"}, {"made": "by hand"})
    table.to_csv(tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text().splitlines()[1] == "p1,L,0.1,1e+300"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pd.DataFrame({"a": [np.inf]}, index=["x"]), "infinite values"),
        (pd.DataFrame({"a": [1.0, 2.0]}, index=["x", "x"]), "ids of the same name: x"),
        (pd.DataFrame([[1.0, 2.0]], columns=["a", "a"], index=["x"]), "features of the same name: a"),
    ],
)
def test_a_table_that_is_none_is_refused(values: pd.DataFrame, message: str) -> None:
    with pytest.raises(InputError, match=message):
        FeatureTable(values)
