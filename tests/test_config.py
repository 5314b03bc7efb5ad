"""Unknown keys, wrong values and overrides, each named by its dotted path."""

from __future__ import annotations

from pathlib import Path

import pytest

from radfuse.config import apply_overrides, build, nearest, read_yaml, to_yaml
from radfuse.errors import InputError
from radfuse.study import Study

GOOD = {
    "name": "s",
    "cohort": {"table": "c.csv", "clinical": ["age"], "outcome": {"column": "y"}},
    "fusion": {"selection": [{"kind": "mrmr", "k": 5}, {"kind": "lasso"}]},
}

BAD = {
    "nme=x": "nme: unknown setting; did you mean 'name'?",
    "cohort.tabel=x": "cohort.tabel: unknown setting; did you mean 'table'?",
    "cohort.outcome.positve=x": "cohort.outcome.positve: unknown setting; did you mean 'positive'?",
    "cohort.outcome.kind=survival": "cohort.outcome.kind: 'survival' is not one of binary",
    "cohort.split.fold=3": "needs a 'kind'",
    "cohort.split={kind: grouped, fold: 3}": "cohort.split.fold: unknown setting; did you mean 'folds'?",
    "cohort.split={kind: groupd}": "cohort.split: unknown kind 'groupd'; did you mean 'grouped'?",
    "cohort.split={kind: grouped, folds: 1}": "cohort.split.folds: Input should be greater than or equal to 2; found 1",
    "cohort.split={kind: temporal}": "cohort.split.column: this setting is required",
    "cohort.clinical=[{column: sex, levels: [f]}]": "cohort.clinical.0",
    "cohort.outcome.column=age": "'age' is both the outcome and a clinical column",
    "fusion.selection.0.kk=3": "fusion.selection.0.kk: unknown setting; did you mean 'k'?",
    "fusion.selection.0.k=0": "fusion.selection.0.k: Input should be greater than or equal to 1; found 0",
    "fusion.selection.1.kind=laso": "fusion.selection.1: unknown kind 'laso'; did you mean 'lasso'?",
    "fusion.selection=[{kind: lasso}, {kind: mrmr}]": "lasso must be the last selection",
    "fusion.families=[deep]": "'deep' needs the block 'deep'; the study has: clinical",
    "fusion.families=[clinicl]": "fusion.families.0: 'clinicl' is not one of",
    "fusion.threshold=0.7": "fusion.threshold",
    "features.radiomc=x.csv": "features.radiomc",
    "name=a b": "name: String should match pattern",
    "seed=seven": "seed: Input should be a valid integer",
}


@pytest.mark.parametrize("override", BAD)
def test_a_fault_is_named_by_its_path(override: str) -> None:
    with pytest.raises(InputError) as caught:
        build(Study, apply_overrides(GOOD, [override]), "study.yaml")
    assert BAD[override] in str(caught.value)
    assert "study.yaml" in str(caught.value)


def test_all_faults_are_reported_at_once() -> None:
    with pytest.raises(InputError) as caught:
        build(Study, apply_overrides(GOOD, ["nme=x", "seed=x", "fusion.selection.0.kk=3"]), "study.yaml")
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize(
    ("override", "found"),
    [
        ("a=1", {"a": 1, "b": {"c": [1, {"d": 2}]}}),
        ("b.c.0=x", {"a": 0, "b": {"c": ["x", {"d": 2}]}}),
        ("b.c.1.d=[3, 4]", {"a": 0, "b": {"c": [1, {"d": [3, 4]}]}}),
        ("new.deep.key=true", {"a": 0, "b": {"c": [1, {"d": 2}]}, "new": {"deep": {"key": True}}}),
        ("a=", {"a": None, "b": {"c": [1, {"d": 2}]}}),
    ],
)
def test_overrides_reach_mappings_and_lists(override: str, found: dict[str, object]) -> None:
    content = {"a": 0, "b": {"c": [1, {"d": 2}]}}
    assert apply_overrides(content, [override]) == found
    assert content == {"a": 0, "b": {"c": [1, {"d": 2}]}}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("a", "is not KEY=VALUE"),
        ("=1", "is not KEY=VALUE"),
        ("a.x=1", "a is 0, which has no settings inside"),
        ("b.c.7=1", "b.c.7 must be a number from 0 to 1"),
        ("b.c.x.d=1", "b.c.x must be a number from 0 to 1"),
        ("a={", "not valid YAML"),
    ],
)
def test_bad_overrides_are_refused(override: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        apply_overrides({"a": 0, "b": {"c": [1, 2]}}, [override])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: 1\nb: [1,\n", "line 3: not valid YAML"),
        (b"- 1\n", "holds list, not a mapping"),
        (b"", "holds NoneType, not a mapping"),
        (b"a: m\xe4nnlich\n", "is not UTF-8 text (byte 4)"),
    ],
)
def test_files_that_are_no_study_say_why(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "s.yaml").write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_yaml(tmp_path / "s.yaml")
    assert message in str(caught.value)


def test_an_absent_file_names_the_one_beside_it(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("a: 1")
    with pytest.raises(InputError, match=r"did you mean 'study\.yaml'\?"):
        read_yaml(tmp_path / "studdy.yaml")


def test_yaml_comes_back(tmp_path: Path) -> None:
    content = build(Study, GOOD, "x").model_dump(mode="json")
    (tmp_path / "s.yaml").write_text(to_yaml(content))
    assert read_yaml(tmp_path / "s.yaml") == content


def test_the_nearest_name_or_the_known_ones() -> None:
    assert nearest("Ages", ["age", "sex"]) == "; did you mean 'age'?"
    assert nearest("zzz", ["b", "a"]) == "; known: 'a', 'b'"
    assert nearest("zzz", []) == ""
