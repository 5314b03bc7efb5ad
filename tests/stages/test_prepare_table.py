"""Features of cases become one table, whichever case a column comes with."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from radfuse.check.inputs import FoldPatients
from radfuse.features import FeatureTable
from radfuse.stages import prepare
from radfuse.stages.prepare import _gathered, numbered
from radfuse.study import load_study


def test_columns_stand_as_they_first_occur_and_those_without_a_value_are_left_out(tmp_path: Path) -> None:
    told = {
        "b": {"x": 1.5, "empty": None, "y": None},
        "a": {"y": 2.0, "late": 0.1, "x": -3.0},
        "c": {"later": 7.0},
    }
    places = {case: tmp_path / f"{case}.json" for case in told}
    for case, path in places.items():
        path.write_text(json.dumps({"features": told[case]}))
    nan = np.nan
    wanted = pd.DataFrame(
        [[1.5, nan, nan, nan, nan], [-3.0, nan, 2.0, 0.1, nan], [nan, nan, nan, nan, 7.0]],
        index=pd.Index(["b", "a", "c"], name="case_id", dtype=object),
        columns=["x", "empty", "y", "late", "later"],
    )
    pd.testing.assert_frame_equal(_gathered(places, "case_id").values, wanted, check_exact=True)
    filled = _gathered(places, "case_id", filled=True)
    pd.testing.assert_frame_equal(filled.values, wanted.drop(columns="empty"), check_exact=True)
    filled.to_parquet(tmp_path / "t.parquet")
    back = FeatureTable.from_parquet(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(back.values, filled.values, check_exact=True, check_index_type=False)


def test_a_block_may_have_a_column_called_unit(tmp_path: Path) -> None:
    values = pd.DataFrame({"unit": [1.0, 2.0], "unit_": [3.0, 4.0]})
    numbered(values).to_parquet(tmp_path / "block.parquet")
    found = FeatureTable.from_parquet(tmp_path / "block.parquet").values.reset_index(drop=True)
    pd.testing.assert_frame_equal(found, values, check_names=False)


def test_remarks_are_of_the_folds_that_were_dealt(tmp_path: Path) -> None:
    """A study of images deals by their content, too; the tables alone would make other folds."""
    rows = [f"c{number},p{number},{number},{number % 2}" for number in range(24)]
    (tmp_path / "cohort.csv").write_text("\n".join(["case_id,patient_id,age,event", *rows]) + "\n")
    cohort = {"table": str(tmp_path / "cohort.csv"), "clinical": ["age"], "outcome": {"column": "event"}}
    job = prepare.job_of(load_study({"name": "s", "cohort": {**cohort, "split": {"folds": 3}}}))
    assert not [one for one in prepare.joined(job).warnings if one.where == "cohort.split"]
    even, odd = (frozenset(f"p{number}" for number in range(start, 24, 4)) for start in (0, 1))
    rest = frozenset(f"p{number}" for number in range(24)) - even - odd
    dealt = tuple(FoldPatients(name, test) for name, test in (("without", even), ("with", odd), ("rest", rest)))
    prepared = prepare.joined(replace(job, folds=dealt))
    (told,) = (one for one in prepared.warnings if one.where == "cohort.split")
    assert told.message.startswith("the test set of fold 'without', 'with' holds one outcome only")
    assert [fold.name for fold in prepared.folds] == ["without", "with", "rest"]
