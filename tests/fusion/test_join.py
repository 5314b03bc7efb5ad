"""Cohort and feature tables side by side: every mismatch named, visits spread."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from radfuse.cohort import Cohort, CohortConfig, Outcome, read_cohort
from radfuse.errors import InputError
from radfuse.features import FeatureTable, at_visit
from radfuse.fusion.join import join
from radfuse.splits import Grouped

KNEES = """case_id,patient_id,side,visit,age,bmi,y
a0,p1,L,V0,60,30,1
a1,p1,L,V1,61,30,1
b0,p1,R,V0,60,30,0
b1,p1,R,V1,61,30,0
c0,p2,L,V0,50,25,0
c1,p2,L,V1,51,25,0
"""


def cohort(folder: Path, text: str = KNEES, **settings: object) -> Cohort:
    (folder / "c.csv").write_text(text)
    config = CohortConfig(
        table=folder / "c.csv",
        unit=("patient_id", "side"),
        clinical=("age", "bmi"),
        outcome=Outcome(column="y"),
        split=Grouped(folds=2, stratified=False),
        **settings,  # type: ignore[arg-type]
    )
    return read_cohort(config=config, new=True)


def table(ids: dict[str, list[str]], **columns: list[float]) -> FeatureTable:
    index = (
        pd.MultiIndex.from_arrays(list(ids.values()), names=list(ids))
        if len(ids) > 1
        else pd.Index(next(iter(ids.values())), name=next(iter(ids)))
    )
    return FeatureTable(pd.DataFrame(columns, index=index, dtype=float))


def test_visits_stand_side_by_side_and_steady_columns_once(tmp_path: Path) -> None:
    found = join(
        cohort(tmp_path), {"deep": table({"case_id": ["a0", "a1", "b0", "b1", "c0", "c1"]}, x=[1, 2, 3, 4, 5, 6])}
    )
    assert found.units[["patient_id", "side"]].to_numpy().tolist() == [["p1", "L"], ["p1", "R"], ["p2", "L"]]
    assert found.blocks["clinical"].to_dict("list") == {
        "bmi": [30, 30, 25],
        "age@V0": [60, 60, 50],
        "age@V1": [61, 61, 51],
    }
    assert found.blocks["deep"].to_dict("list") == {"x@V0": [1, 3, 5], "x@V1": [2, 4, 6]}


def test_a_table_by_unit_is_joined_by_unit_in_any_order(tmp_path: Path) -> None:
    by_unit = table({"patient_id": ["p2", "p1", "p1"], "side": ["L", "R", "L"]}, x=[3, 2, 1])
    assert join(cohort(tmp_path), {"deep": by_unit}).blocks["deep"]["x"].tolist() == [1, 2, 3]


def test_lacking_and_extra_rows_are_named(tmp_path: Path) -> None:
    short = table({"case_id": ["a0", "b0", "b1", "c0", "zz"]}, x=[1, 2, 3, 4, 5])
    with pytest.raises(InputError) as caught:
        join(cohort(tmp_path), {"deep": short})
    assert "lacks 2 of 6 rows: a1, c1; add them" in str(caught.value)
    assert "1 rows of the table belong to no case of the cohort and are left out: zz" in str(caught.value)
    allowed = join(cohort(tmp_path), {"deep": short}, frozenset({"deep"}))
    assert allowed.blocks["deep"]["x@V1"].isna().tolist() == [True, False, True]
    assert "they will be imputed" in str(allowed.warnings[0])


def test_no_id_in_common_shows_both(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"no id of the cohort stands in the table .*cohort has a0, a1.*the table has 1, 2"
    ):
        join(cohort(tmp_path), {"deep": table({"case_id": ["1", "2"]}, x=[1, 2])})


def test_one_name_in_two_blocks_is_refused(tmp_path: Path) -> None:
    twice = table({"patient_id": ["p1", "p1", "p2"], "side": ["L", "R", "L"]}, bmi=[1, 2, 3])
    with pytest.raises(InputError, match="column 'bmi' stands in block 'clinical' too"):
        join(cohort(tmp_path), {"deep": twice})


def test_names_at_a_visit() -> None:
    assert at_visit("dess/tibia/original_glcm_Idn", "V1") == "dess@V1/tibia/original_glcm_Idn"
    assert at_visit("age", "V1") == "age@V1"
