"""Settings of the evaluation, and what of them contradicts a study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from radfuse.check.study import check_study
from radfuse.config import build
from radfuse.errors import InputError
from radfuse.evaluation.config import EvaluationConfig
from radfuse.stages.prepare import Prepared
from radfuse.study import load_study


def test_columns_may_stand_alone() -> None:
    found = build(EvaluationConfig, {"subgroups": ["sex"], "readers": {"r": "grade"}}, "evaluation")
    assert found.subgroups[0].column == "sex"
    assert found.reader_columns == ("grade",)
    assert (found.optimism, found.permutations) == (0, 0)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"subgroups": [{"column": "age", "cuts": [60, 50]}]}, "cuts must rise"),
        ({"subgroups": ["sex", "sex"]}, "subgroups: the column 'sex' stands twice"),
        ({"readers": {"a": "g", "b": "g"}}, "readers: the column 'g' stands twice"),
        ({"readers": {" ": "g"}}, "of a reader has 1 to 40 letters"),
        ({"optimism": -1}, "optimism"),
        ({"permutations": 20_000}, "permutations"),
        ({"reader": {}}, "readers"),
    ],
)
def test_what_makes_no_sense_is_refused(said: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build(EvaluationConfig, said, "evaluation")


def study(tmp_path: Path, **evaluation: Any) -> Any:
    cohort = {"table": tmp_path / "c.csv", "clinical": ["age"], "outcome": {"column": "event"}}
    return load_study({"name": "s", "cohort": cohort, "evaluation": evaluation})


@pytest.mark.parametrize(
    ("readers", "message"),
    [
        ({"a": "age"}, "stands under cohort.clinical too; a reader that models are compared with can be no part"),
        ({"a": "event"}, "stands under cohort.outcome too"),
        ({"clinical": "grade"}, "a family is called 'clinical' too; rename the reader"),
    ],
)
def test_a_reader_is_no_part_of_the_models(tmp_path: Path, readers: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        study(tmp_path, readers=readers)


def test_a_reader_in_the_table_of_features_is_no_feature(tmp_path: Path) -> None:
    rows = "\n".join(f"c{i},p{i},{i % 2},{i * 7 % 11},{i % 3 + 1}" for i in range(40))
    (tmp_path / "c.csv").write_text(f"case_id,patient_id,event,size,grade\n{rows}\n")
    cohort = {"table": str(tmp_path / "c.csv"), "outcome": {"column": "event"}}
    said = {"name": "s", "cohort": cohort, "features": {"radiomic": {}}}
    for evaluation, columns in ({}, {"size", "grade"}), ({"readers": {"r": "grade"}}, {"size"}):
        prepared = check_study({**said, "evaluation": evaluation})
        assert isinstance(prepared, Prepared)
        assert set(prepared.design.blocks["radiomic"].columns) == columns


def test_a_clinical_column_may_tell_subgroups(tmp_path: Path) -> None:
    assert study(tmp_path, subgroups=["age"]).evaluation.subgroups[0].column == "age"
