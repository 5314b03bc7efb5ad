"""What a check says of a design: folds too small to tune, names nearly usual."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from radfuse.check.inputs import _needed_all_the_same, read_inputs, read_tables
from radfuse.check.remarks import near_usual_names, odd_sizes, one_class_tests, one_valued, untold_times
from radfuse.check.study import check_study
from radfuse.cohort.splits import Fold, Holdout, Temporal
from radfuse.errors import InputError, Problem
from radfuse.outcomes.binary import BinaryOutcome
from radfuse.outcomes.survival import SurvivalOutcome
from radfuse.study import Study


def remark(found: list[Problem]) -> Problem:
    (problem,) = found
    assert problem.severity == "warning"
    return problem


def test_test_sets_of_one_outcome_are_named() -> None:
    labels = np.array([1, 0, 0, 0])
    sides = {"a": [0, 1], "b": [2], "c": [3]}
    folds = [Fold(name, np.delete(np.arange(4), test), np.array(test)) for name, test in sides.items()]
    found = remark(one_class_tests(folds, labels))
    assert found.where == "cohort.split"
    assert found.message.startswith("the test set of fold 'b', 'c' holds one outcome only")
    assert one_class_tests(folds[:1], labels) == one_class_tests(folds, None) == []


def test_times_that_folds_cannot_tell_are_named_once_with_their_folds() -> None:
    outcome = SurvivalOutcome(time="months", event="died", horizon=12)
    units = pd.DataFrame({"months": [3.0, 20, 5, 14, 6, 15], "died": [1.0, 0, 0, 0, 0, 0]})
    folds = [
        Fold(str(test), np.array([i for i in range(6) if i // 2 != test]), np.array([2 * test, 2 * test + 1]))
        for test in range(3)
    ]
    found = remark(untold_times(outcome, units, folds[1:]))
    assert found.message.startswith("fold '1', '2': no test unit has the event, so that nothing can be ranked")
    assert untold_times(outcome, units, folds[:1]) == untold_times(BinaryOutcome(column="died"), units, folds) == []


def test_a_region_made_with_an_image_that_cases_may_lack_is_told(tmp_path: Path) -> None:
    low = {"kind": "threshold", "name": "low", "of": "tumour", "sequence": "adc", "at_least": 1}
    images = {"images": {"t2": "t2", "adc": "adc"}, "optional_images": ["adc"], "mask": "mask"}
    given = {
        "name": "s",
        "cohort": {"table": tmp_path / "cohort.csv", **images},
        "segmentation": {"backend": "manual", "labels": {"tumour": 1}},
        "regions": [{"kind": "label", "name": "tumour", "label": "tumour"}, low],
    }
    found = remark(_needed_all_the_same(Study.model_validate(given)))
    assert (found.where, found.message.split(":")[0]) == (
        "regions: 'low'",
        "it is made with 'adc', which cohort.optional_images lets cases lack",
    )


def study(folder: Path, events: str, clinical: str = "", **changes: Any) -> Study:
    """A patient a letter: e has the event, n has not."""
    generator = np.random.default_rng(2)
    rows = [f"c{i},p{i},{generator.integers(40, 80)},{int(event == 'e')}" for i, event in enumerate(events)]
    (folder / "cohort.csv").write_text("\n".join(["case_id,patient_id,age,event", *rows]) + "\n")
    cohort = {"table": folder / "cohort.csv", "clinical": ["age"], "outcome": {"column": "event"}}
    return Study.model_validate({"name": "s", "cohort": {**cohort, **changes.pop("cohort", {})}, **changes})


@pytest.mark.parametrize(
    ("events", "folds", "mend"),
    [
        ("eeennn", 2, "set cohort.split: {kind: grouped, folds: 3}"),
        ("eeennnnnnn", 2, "set cohort.split: {kind: grouped, folds: 3}"),
        ("eennnnnn", 2, "add patients of the rarer outcome: each training set needs two of them"),
    ],
)
def test_a_study_that_cannot_be_tuned_is_refused_with_a_mend_that_works(
    events: str, folds: int, mend: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="cannot be tuned") as caught:
        check_study(study(tmp_path, events, cohort={"split": {"folds": folds}}))
    assert mend in str(caught.value)
    if "folds: 3" in mend:
        check_study(study(tmp_path, events, cohort={"split": {"folds": 3}}))


def test_the_mend_for_too_many_folds_works(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"set cohort\.split\.folds: 3"):
        check_study(study(tmp_path, "eeennn"))
    check_study(study(tmp_path, "eeennn", cohort={"split": {"folds": 3}}))


def test_inner_folds_that_no_training_set_allows_are_remarked(tmp_path: Path) -> None:
    found = check_study(study(tmp_path, "en" * 30, fusion={"inner_folds": 500})).warnings
    (problem,) = [problem for problem in found if problem.where == "fusion.inner_folds"]
    assert problem.message == (
        "500 are wanted, but the training sets have patients of the rarer outcome for 24 only; so many are used. Set "
        "fusion.inner_folds: 24 to say so"
    )
    assert not check_study(study(tmp_path, "en" * 30, fusion={"inner_folds": 24})).warnings


def test_the_inputs_of_a_run_say_the_same_as_a_check(tmp_path: Path) -> None:
    few = study(tmp_path, "en" * 6, cohort={"split": {"folds": 3}})
    assert read_inputs(few).warnings == check_study(few).warnings != ()


@pytest.mark.parametrize("divided", [True, False], ids=["networks learn in folds", "who only measures"])
def test_folds_are_remarked_only_where_something_is_learned_in_them(divided: bool, tmp_path: Path) -> None:
    few = study(tmp_path, "eennnn", cohort={"split": {"kind": "holdout"}})
    with pytest.raises(InputError, match="cannot be tuned"):
        read_inputs(few)
    found = read_tables(few.cohort, {}, 1, 5, tunes=False, divided=divided)
    assert {item.where for item in found.warnings} == ({"cohort.split"} if divided else set())
    assert found.folds


@pytest.mark.parametrize(
    ("block", "usual"),
    [
        ("radiomics", "radiomic"),
        ("Radiomic", "radiomic"),
        ("radiomcs", "radiomic"),
        ("Deep", "deep"),
        ("deeep", "deep"),
    ],
)
def test_a_block_named_nearly_as_usual_is_remarked(block: str, usual: str) -> None:
    found = remark(near_usual_names([block]))
    assert found.where == f"features.{block}"
    assert found.message == f"{block!r} is a block of its own; if you mean the usual one, write {usual!r}"


def test_other_blocks_are_not() -> None:
    assert near_usual_names(["radiomic", "deep", "laboratory", "genes", "pathology", "dose"]) == []


def test_a_test_set_of_another_size_than_asked_for_or_of_next_to_nobody_is_remarked() -> None:
    patients, labels = np.array([f"p{i}" for i in range(20)]), np.arange(20) % 2
    most = [Fold("later", np.arange(4), np.arange(4, 20))]
    (many,) = odd_sizes(Temporal(column="day"), most, patients, labels)
    assert "16 of 20 patients are tested, not 30%" in many.message
    assert odd_sizes(Temporal(column="day", test_from="2019"), most, patients, labels) == []
    two = [Fold("holdout", np.arange(2, 20), np.arange(2))]
    (few,) = odd_sizes(Holdout(test_fraction=0.05), two, patients, labels)
    assert "1 tested patient has the rarest outcome" in few.message
    assert odd_sizes(Holdout(), [Fold("holdout", np.arange(6, 20), np.arange(6))], patients, labels) == []


def test_a_region_of_one_value_is_told_of_with_its_cases() -> None:
    columns = [
        f"{place}/original_firstorder_{name}" for place in ("t1/rim", "t2/rim") for name in ("Range", "Variance")
    ]
    values = pd.DataFrame([[3, 1, 0, 0], [2, 1, 5, 2], [np.nan] * 4], ["a", "b", "c"], columns)
    assert remark(one_valued(values)).message.startswith("t2/rim: all voxels hold one value in a; look at the image")
    assert one_valued(values.drop("a")) == []
