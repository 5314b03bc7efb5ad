"""Stage `tables`: features of all cases as parquet in parts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from boxes import MANUAL, tumour_cohort

from radfuse.errors import InputError
from radfuse.features import FeatureTable
from radfuse.pipeline import run_study
from radfuse.run.stage import Desk
from radfuse.stages import tables
from radfuse.stages.tables import TableJob

STUDY = f"name: boxes\n{MANUAL}"


def test_the_table_holds_what_was_measured_of_each_case(tmp_path: Path) -> None:
    tumour_cohort(tmp_path, 4)
    (tmp_path / "c2.nrrd").write_bytes(b"cut off")
    (tmp_path / "study.yaml").write_text(STUDY)
    run = run_study(tmp_path / "study.yaml", tmp_path / "run", until="tables")
    assert [failure.item for failure in run.failures] == ["c2"]
    found = pd.read_parquet(run.path / "features/tables/radiomic").set_index("case_id")
    assert list(found.index) == ["c0", "c1", "c3"]
    for case, row in found.iterrows():
        told = json.loads((run.path / f"features/cases/{case}.json").read_text())["features"]
        assert list(told) == list(found.columns)
        np.testing.assert_array_equal(row.to_numpy(dtype=float), np.array(list(told.values()), dtype=float))
    again = run_study(tmp_path / "study.yaml", tmp_path / "run", until="tables")
    assert again.computed == 0
    assert not (run.path / "work" / "tables" / "radiomic").exists()


@pytest.fixture
def job(tmp_path: Path) -> TableJob:
    """Five cases; the second lacks a feature, the fourth has another, the last has one without a value."""
    rows: list[dict[str, float | None]] = [
        {"a": 1.0, "b": 2.0},
        {"a": 3.0},
        {"a": 4.0, "b": 5.0},
        {"a": 6.0, "b": 7.0, "c": 8.0},
        {"a": None, "b": 0.1},
    ]
    cases = {}
    for number, features in enumerate(rows):
        cases[f"k{number}"] = tmp_path / f"k{number}.json"
        cases[f"k{number}"].write_text(json.dumps({"features": features, "mask_source": "external"}))
    return TableJob("radiomic", "case_id", cases)


def test_parts_have_the_same_columns_and_rows_in_the_order_of_the_cohort(
    job: TableJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_VALUES", 6)  # two cases of three features
    told: list[tuple[int, int]] = []
    desk = Desk(tmp_path, lambda *now: told.append(now), lambda _: None, tmp_path)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "0009.parquet").write_text("of a killed run")
    tables.write(tables.work(job, desk), tmp_path / "table")
    assert sorted(path.name for path in (tmp_path / "table").iterdir()) == [f"000{n}.parquet" for n in (1, 2, 3)]
    whole = pd.read_parquet(tmp_path / "table").set_index("case_id")
    expected = [[1, 2, np.nan], [3, np.nan, np.nan], [4, 5, np.nan], [6, 7, 8], [np.nan, 0.1, np.nan]]
    pd.testing.assert_frame_equal(
        whole,
        pd.DataFrame(expected, pd.Index(job.cases, name="case_id", dtype=object), list("abc"), dtype=float),
        check_index_type=False,
    )
    part = FeatureTable.from_parquet(tmp_path / "table" / "0002.parquet")
    assert part.provenance == {"mask_source": ["external"]}
    assert (part.ids, part.names) == (("case_id",), ("a", "b", "c"))
    assert told[0] == (0, 10)
    assert told[-1] == (9, 10)


def test_a_study_that_starts_from_tables_makes_none(tmp_path: Path) -> None:
    (tmp_path / "cohort.csv").write_text("case_id,x\nk0,1\n")
    (tmp_path / "study.yaml").write_text("name: given\ncohort: {table: cohort.csv}\nfeatures: {blood: cohort.csv}\n")
    with pytest.raises(InputError, match="there is nothing to make from images"):
        run_study(tmp_path / "study.yaml", tmp_path / "run", until="tables")
