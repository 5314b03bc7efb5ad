"""Settings that would hang, fill the memory or end in a traceback: each is one sentence with file and mend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from radfuse.config import Section, apply_overrides, build, kind_of, parse_yaml, read_yaml
from radfuse.errors import InputError
from radfuse.run.shard import Shard
from radfuse.study import load_study

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
"""The billion laughs: 9 levels of 9 aliases."""
MINIMAL = "name: s\ncohort: {table: t.csv, clinical: [age]}\n"
TWICE = [f"b{i}: &b{i} {{k: *b{i - 1}, l: *b{i - 1}}}\n" for i in range(1, 30)]
"""Each mapping holds the one before twice."""
BLOCKS = ", ".join(f"a_block_of_its_own_{i}: t.csv" for i in range(20))
BOMB = [f"{name}: &{name} [{', '.join([what] * 99)}]" for name, what in (("a", "x"), ("b", "*a"), ("c", "*b"))]


def cohort(settings: str) -> str:
    return f"name: s\ncohort: {{table: t.csv, {settings}}}\n"


def fusion(settings: str) -> str:
    return f"{MINIMAL}fusion: {{{settings}}}\n"


YAML_FAULTS = {
    "a bomb": (LAUGHS, "more than 100,000 values, aliases written out"),
    "a bomb of mappings": ("b0: &b0 {k: 1, l: 2}\n" + "".join(TWICE), "more than 100,000 values"),
    "a list that holds itself": ("name: &a [*a]\n", "line 1: not valid YAML ('a' holds itself)"),
    "a mapping that holds itself": ("name: s\nx: &a {b: {c: *a}}\n", "line 2: not valid YAML ('a' holds itself)"),
    "merged with itself": ("a: &a {<<: *a, b: 1}\n", "'a' holds itself"),
    "deep lists": ("x: " + "[" * 5000 + "]" * 5000, "nested deeper than 50 levels"),
    "deep lists that never close": ("x: " + "[" * 5000, "nested deeper than 50 levels"),
    "deep mappings": ("x: " + "{a: " * 3000 + "1" + "}" * 3000, "nested deeper than 50 levels"),
    "deep by indent": ("".join(f"{' ' * i}a:\n" for i in range(200)), "nested deeper than 50 levels"),
    "deep by dashes": ("- " * 500 + "x", "nested deeper than 50 levels"),
    "an alias of nothing": ("name: *nobody\n", "not valid YAML"),
    "a number of thousands of digits": ("seed: " + "9" * 5000, "not what it is marked as"),
    "a date that is none": ("title: 2019-99-99\n", "not what it is marked as"),
    "a timestamp that is none": ("title: !!timestamp soon\n", "not valid YAML"),
    "a number that is none": ("title: !!int soon\n", "not what it is marked as"),
    "a truth that is none": ("title: !!bool soon\n", "not what it is marked as"),
    "a python object": ("name: !!python/object/apply:os.system [ls]\n", "not valid YAML"),
    "a list as a key": ("? [a, b]\n: c\n", ""),
    "a mapping as a key": ("? {a: b}\n: c\n", ""),
    "a key twice": ("name: s\nname: t\n", "not valid YAML"),
    "a tab": ("name:\n\t- s\n", "not valid YAML"),
    "two documents": ("name: s\n---\nname: t\n", "not valid YAML"),
    "an open quote": ('name: "s\n', "not valid YAML"),
    "a control character": ("name: \x01\n", "not valid YAML"),
    "a list": ("- a\n- b\n", "not a mapping of settings"),
    "nothing": ("", "not a mapping of settings"),
    "a comment": ("# nothing\n", "not a mapping of settings"),
    "too large": ("# " + "x" * 1_000_000 + "\n", "a file of settings at most 1,000,000"),
    "an infinite number": (fusion("selection: [{kind: correlation, threshold: .inf}]"), "threshold: a number must be"),
    "no number": (fusion("classifier: {kind: logistic, c: [.nan]}"), "fusion.classifier.c.0: a number must be finite"),
    "a number too large": (fusion("classifier: {c: [1.0e400]}"), "must be finite"),
    "a seed below nought": (MINIMAL + "seed: -1\n", "seed: Input should be greater than or equal to 0; found -1"),
    "a seed too large": (MINIMAL + "seed: 99999999999999999999\n", "seed: Input should be less than or equal to"),
    "a seed that is a word": (MINIMAL + "seed: x\n", "seed: Input should be a valid integer"),
    "a long name": ("cohort: {table: t.csv}\nname: " + "x" * 5000, "name: String should have at most 100 characters"),
    "a long key": (MINIMAL + "x" * 1000 + ": 1\n", "unknown setting"),
    "a long block": (MINIMAL + f"features: {{{'x' * 1000}: t.csv}}\n", "no name of a block"),
    "too many blocks": (f"{MINIMAL}features: {{{BLOCKS}}}\n", "name those wanted in fusion.families"),
    "a number as a key": (MINIMAL + "1: 2\n", "1: "),
    "a truth as a key": (MINIMAL + "true: 2\n", ""),
    "nothing as a key": (MINIMAL + "null: 2\n", ""),
    "a column twice": (cohort("clinical: [age, age]"), "column 'age' stands twice in `clinical`; remove one"),
    "a column twice, once with levels": (cohort("clinical: [age, {column: age, levels: [a, b]}]"), "stands twice"),
    "a unit's column twice": (cohort("unit: [side, side]"), "column 'side' stands twice in `unit`"),
    "a level twice": (cohort("clinical: [{column: a, levels: [x, x]}]"), "a level stands twice"),
    "a split of nothing known": (cohort("split: {column: site}"), "needs a 'kind': one of grouped, holdout, temporal"),
    "a split that is a word": (cohort("split: grouped"), "cohort.split"),
}  # fmt: skip


@pytest.mark.parametrize("name", YAML_FAULTS)
def test_a_bad_study_file_is_one_clear_error(name: str, tmp_path: Path) -> None:
    text, words = YAML_FAULTS[name]
    (tmp_path / "study.yaml").write_text(text)
    with pytest.raises(InputError) as caught:
        load_study(tmp_path / "study.yaml")
    message = str(caught.value)
    assert words in message
    assert "study.yaml" in message
    assert len(message) < 1500


def test_the_bomb_is_as_small_as_it_is_told() -> None:
    assert len(LAUGHS) < 863


def test_aliases_that_stay_small_are_read() -> None:
    assert parse_yaml("a: &a [1, 2]\nb: [*a, *a]\n", "x") == {"a": [1, 2], "b": [[1, 2], [1, 2]]}
    assert parse_yaml("a: &a {k: 1}\nb: {<<: *a, l: 2}\n", "x") == {"a": {"k": 1}, "b": {"k": 1, "l": 2}}
    assert parse_yaml("[" * 49 + "]" * 49, "x")


OVERRIDES = {
    "deep": "x=" + "[" * 5000 + "]" * 5000,
    "holding itself": "x=&a [*a]",
    "a bomb": f"x={{{', '.join(BOMB)}}}",
    "a long way": ".".join(["a"] * 5000) + "=1",
    "a number of thousands of digits": "seed=" + "9" * 5000,
    "no value": "seed",
    "no key": "=1",
    "an open list": "x=[1",
    "a digit of another script": "list.\u00b2=1",
    "a number too long": "list." + "9" * 5000 + "=1",
    "behind the end": "list.7=1",
    "inside a number": "number.x=1",
}  # fmt: skip


@pytest.mark.parametrize("name", OVERRIDES)
def test_a_bad_override_is_one_clear_error(name: str) -> None:
    with pytest.raises(InputError, match="overrides") as caught:
        apply_overrides({"list": [1], "number": 3}, [OVERRIDES[name]])
    assert len(str(caught.value)) < 400


def test_settings_given_as_a_mapping_may_not_hold_themselves() -> None:
    endless: dict[str, Any] = {"name": "s"}
    endless["cohort"] = endless
    with pytest.raises(InputError, match="or hold themselves"):
        load_study(endless)


class Number(Section):
    value: int = 0
    share: float = 0.0


@pytest.mark.parametrize(
    "value", [10**5000, "x" * 5000, ["x" * 5000], float("nan"), float("inf"), None, b"\xff"], ids=range(7)
)
def test_the_value_found_is_shown_short(value: object) -> None:
    with pytest.raises(InputError) as caught:
        build(Number, {"value": value, "wrong": 1}, "here")
    assert len(str(caught.value)) < 400


# paths


LONG = ["x" * 5000, "/".join(["x" * 200] * 30), "é" * 200]


@pytest.mark.parametrize("name", LONG, ids=range(3))
def test_a_path_too_long_is_one_sentence(name: str, tmp_path: Path) -> None:
    for look in (kind_of, read_yaml):
        with pytest.raises(InputError, match=r"cannot be followed .*; shorten it") as caught:
            look(tmp_path / name)
        assert len(str(caught.value)) < 400


def test_a_path_with_a_nul_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be followed"):
        read_yaml(tmp_path / "a\0b")


def test_links_in_a_circle_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(InputError, match="cannot be followed"):
        read_yaml(tmp_path / "a")


def test_what_lies_at_a_path(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert kind_of(tmp_path) == "folder"
    assert kind_of(tmp_path / "file") == "file"
    assert kind_of(tmp_path / "none") is None
    assert kind_of(tmp_path / "file" / "under") is None
    assert kind_of(Path("/dev/null")) is None


def test_a_study_that_may_not_be_read_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "study.yaml").write_text(MINIMAL)

    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(InputError, match=r"study\.yaml cannot be read \(Permission denied\); check its permissions"):
        read_yaml(tmp_path / "study.yaml")


SHARDS = [
    "\u0661/\u0662",
    "\u00b2/4",
    "\uff11/\uff12",
    "1/" + "9" * 5000,
    "1\u20442",
    "+1/2",
    "1/2/3",
    "",
    "0x1/2",
    "1.0/2",
]


@pytest.mark.parametrize("text", SHARDS, ids=range(len(SHARDS)))
def test_a_shard_is_two_numbers_in_plain_digits(text: str) -> None:
    with pytest.raises(InputError, match="shard") as caught:
        Shard.parse(text)
    assert len(str(caught.value)) < 300
