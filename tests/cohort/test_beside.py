"""Readers' scores and subgroups as the table has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cohorts import config, knees
from tabular import write_table

from radfuse.cohort.beside import Beside, problems_beside, read_beside
from radfuse.errors import InputError
from radfuse.evaluation.config import EvaluationConfig

TABLE = """\
case_id,patient_id,age,sex,event,grade,other,prob
c1,p1,61,f,0,1,5,0.2
c2,p2,58,m,1,4,5,
c3,p3,70,f,0,2,5,high
c4,p4,66,,1,,5,0.9
"""


def read(folder: Path, text: str = TABLE, cohort: Any = None, **evaluation: Any) -> Beside:
    path = write_table(folder, text)
    settings = (cohort or config)(table=path)
    return read_beside(settings, EvaluationConfig.model_validate(evaluation))


def test_scores_are_numbers_and_gaps_stay(tmp_path: Path) -> None:
    found = read(tmp_path, readers={"reader 1": "grade"}).scores["reader 1"]
    assert list(found.index) == ["c1", "c2", "c3", "c4"]
    assert found.tolist()[:3] == [1, 4, 2]
    assert np.isnan(found["c4"])


def test_groups_of_words_of_few_numbers_of_cuts(tmp_path: Path) -> None:
    cut = {"column": "age", "cuts": [60, 66]}
    found = read(tmp_path, subgroups=["sex", "grade", cut]).groups
    assert found["sex"].tolist() == ["f", "m", "f", None]
    assert found["grade"].tolist() == ["1", "4", "2", None]
    assert found["age"].tolist() == ["60 to < 66", "< 60", "≥ 66", "≥ 66"]


def test_many_numbers_are_cut_at_their_median(tmp_path: Path) -> None:
    rows = "\n".join(f"c{i},p{i},f,{i % 2},{i}" for i in range(9))
    found = read(tmp_path, f"case_id,patient_id,sex,event,size\n{rows}\n", subgroups=["size"]).groups["size"]
    assert found.tolist() == ["< 4"] * 4 + ["≥ 4"] * 5


def test_a_median_at_the_smallest_value_cuts_above_it(tmp_path: Path) -> None:
    rows = "\n".join(f"c{i},p{i},{i % 2},{max(0, i - 8)}" for i in range(16))
    found = read(tmp_path, f"case_id,patient_id,event,pain\n{rows}\n", subgroups=["pain"]).groups["pain"]
    assert found.tolist() == ["< 1"] * 9 + ["≥ 1"] * 7


def test_the_first_visit_that_was_read_counts(tmp_path: Path) -> None:
    text = (
        "case_id,patient_id,side,visit,age,event,grade\n"
        "a,p1,right,V01,62,0,3\nb,p1,right,V00,61,0,\nc,p2,left,V00,58,1,1\nd,p2,left,V01,59,1,5\n"
    )
    found = read(tmp_path, text, knees, readers={"r": "grade"}).scores["r"]
    assert found.to_dict() == {("p1", "right"): 3.0, ("p2", "left"): 1.0}


@pytest.mark.parametrize(
    ("evaluation", "message"),
    [
        ({"readers": {"r": "grad"}}, r"no column 'grad' \(evaluation.readers.r\); did you mean 'grade'"),
        ({"readers": {"r": "other"}}, "the reader scored every case 5"),
        ({"readers": {"r": "prob"}}, "row 4.*'high' is no score of a reader"),
        ({"readers": {"r": {"column": "grade", "cut": 9}}}, "cut 9 lies outside the reader's scores, 1 to 4"),
        ({"subgroups": ["sexx"]}, r"no column 'sexx' \(evaluation.subgroups\); did you mean 'sex'"),
        ({"subgroups": ["other"]}, "all of it is '5', so that there are no groups to compare"),
        ({"subgroups": [{"column": "sex", "cuts": [1]}]}, "'f' is no number, so that evaluation.subgroups cannot cut"),
    ],
)
def test_what_says_nothing_is_told(tmp_path: Path, evaluation: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, **evaluation)


def test_an_empty_reader_and_too_many_groups_are_told(tmp_path: Path) -> None:
    rows = "\n".join(f"c{i},p{i},{i % 2},,w{i}" for i in range(14))
    with pytest.raises(InputError, match="the reader read no case"):
        read(tmp_path, f"case_id,patient_id,event,grade,who\n{rows}\n", readers={"r": "grade"})
    with pytest.raises(InputError, match="the column has 14 values"):
        read(tmp_path, f"case_id,patient_id,event,grade,who\n{rows}\n", subgroups=["who"])


def test_a_table_that_cannot_be_read_is_told_by_others(tmp_path: Path) -> None:
    asked = EvaluationConfig.model_validate({"subgroups": ["sex"]})
    assert problems_beside(config(table=tmp_path / "none.csv"), asked) == []
    assert problems_beside(config(table=write_table(tmp_path, TABLE)), EvaluationConfig()) == []
    assert problems_beside(config(table=write_table(tmp_path, TABLE)), asked) == []
