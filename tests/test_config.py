"""Settings: closed, typed, overridable, and errors that name the dotted path and the nearest setting."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, field_validator

from radfuse.config import Section, apply_overrides, build, nearest, read_yaml, to_yaml
from radfuse.errors import InputError


class Cat(Section):
    kind: Literal["cat"] = "cat"
    lives: int = Field(default=9, ge=1)


class Dog(Section):
    kind: Literal["dog"] = "dog"
    tricks: tuple[str, ...] = ()


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]


class Engine(Section):
    backend: Literal["engine"] = "engine"
    litres: float = 1.0


class Sail(Section):
    backend: Literal["sail"] = "sail"
    area: float = 1.0


class Box(Section):
    label: str
    colour: Literal["red", "green", "blue"] = "red"


class House(Section):
    name: str
    pet: Pet = Cat()
    pets: tuple[Pet, ...] = ()
    boxes: tuple[Box, ...] = ()
    by_room: dict[str, Box] = {}
    drawers: tuple[str | Box, ...] = ()
    drive: Annotated[Engine | Sail, Field(discriminator="backend")] | None = None


def faults(content: dict[str, Any]) -> list[str]:
    with pytest.raises(InputError) as caught:
        build(House, {"name": "h", **content}, "h.yaml")
    assert all(problem.where == "h.yaml" for problem in caught.value.problems)
    return [problem.message for problem in caught.value.problems]


# the nearest name


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("colr", ["colour", "label"], "; did you mean 'colour'?"),
        ("glmc", ["glcm", "gldm"], "; did you mean 'glcm'?"),
        ("COLOUR", ["colour", "label"], "; did you mean 'colour'?"),
        ("Age", ["AGE", "sex"], "; did you mean 'AGE'?"),
        ("xyz", ["colour", "label"], "; known: 'colour', 'label'"),
        ("xyz", [], ""),
        ("xyz", "abcdefghijklm", "; known: 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l' and 1 more"),
    ],
)
def test_the_nearest_name_is_offered_else_the_known_ones(name: str, known: Sequence[str], hint: str) -> None:
    assert nearest(name, known) == hint


# sections


def test_a_section_is_frozen() -> None:
    with pytest.raises(InputError, match=r"^Cat: settings are frozen; make others: Cat\(\.\.\., lives=3\)$"):
        Cat().lives = 3  # type: ignore[misc]


def test_a_setting_without_a_name_is_told_how_to_write_it() -> None:
    with pytest.raises(InputError, match=r"^House: 5 has no name; write House\(name=\.\.\., \.\.\.\)$"):
        House(5)  # type: ignore[call-arg]


def test_settings_made_in_python_are_told_as_those_of_a_file() -> None:
    with pytest.raises(InputError) as caught:
        House(nmae="h", pet={"kind": "cat", "lives": "many"})  # type: ignore[call-arg]
    assert str(caught.value).splitlines() == [
        "House: name: this setting is required",
        "House: pet.lives: Input should be a valid integer, unable to parse string as an integer; found 'many'",
        "House: nmae: unknown setting; did you mean 'name'?",
    ]
    assert isinstance(caught.value, ValueError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_settings_made_inside_a_validator_are_told_with_their_place() -> None:
    class Kennel(Section):
        dog: Dog

        @field_validator("dog", mode="before")
        @classmethod
        def _named(cls, value: str) -> Dog:
            return Dog(trick=value)  # type: ignore[call-arg]

    with pytest.raises(InputError, match=r"^k\.yaml: dog: Dog: trick: unknown setting; did you mean 'tricks'\?"):
        build(Kennel, {"dog": "sit"}, "k.yaml")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"nmae": "x"}, "nmae: unknown setting; did you mean 'name'?"),
        ({"pet": {"kind": "cat", "live": 3}}, "pet.live: unknown setting; did you mean 'lives'?"),
        ({"pet": {"kind": "dog", "lives": 3}}, "pet.lives: unknown setting; known: 'kind', 'tricks'"),
        (
            {"pets": [{"kind": "cat"}, {"kind": "dog", "trick": []}]},
            "pets.1.trick: unknown setting; did you mean 'tricks'?",
        ),
        ({"boxes": [{"label": "a", "color": "red"}]}, "boxes.0.color: unknown setting; did you mean 'colour'?"),
        (
            {"by_room": {"kitchen": {"label": "a", "colou": "red"}}},
            "by_room.kitchen.colou: unknown setting; did you mean 'colour'?",
        ),
        ({"pet": {"kind": "cta"}}, "pet: unknown kind 'cta'; did you mean 'cat'?"),
        ({"pet": {"kind": "fish"}}, "pet: unknown kind 'fish'; known: 'cat', 'dog'"),
        ({"pets": [{"kind": "dog"}, {"kind": "dgo"}]}, "pets.1: unknown kind 'dgo'; did you mean 'dog'?"),
        ({"pet": {"lives": 3}}, "pet: needs a 'kind': one of cat, dog"),
        ({"boxes": [{"label": "a"}, {"colour": "red"}]}, "boxes.1.label: this setting is required"),
        (
            {"boxes": [{"label": "a", "colour": "gren"}]},
            "boxes.0.colour: 'gren' is not one of red, green, blue; did you mean 'green'?",
        ),
        ({"boxes": [{"label": "a", "colour": 3}]}, "boxes.0.colour: 3 is not one of red, green, blue"),
        ({"pet": {"kind": "cat", "lives": 0}}, "pet.lives: Input should be greater than or equal to 1; found 0"),
        (
            {"pets": [{"kind": "cat", "lives": True}]},
            "pets.0.lives: true and false are no numbers; write one; found True",
        ),
        ({"boxes": "a"}, "boxes: Input should be a list, as [a, b]; found 'a'"),
        ({"drive": {"backend": "sial"}}, "drive: unknown backend 'sial'; did you mean 'sail'?"),
        ({"drive": {"litres": 2}}, "drive: needs a 'backend': one of engine, sail"),
        ({"drive": {"backend": "engine", "liters": 2}}, "drive.liters: unknown setting; did you mean 'litres'?"),
        (
            {"drawers": ["a", {"label": "b", "color": "red"}]},
            "drawers.1.color: unknown setting; did you mean 'colour'?",
        ),
    ],
)  # fmt: skip
def test_one_fault_is_one_problem_with_its_dotted_path(content: dict[str, Any], message: str) -> None:
    assert faults(content) == [message]


def test_a_missing_name_is_required() -> None:
    with pytest.raises(InputError, match=r"^h\.yaml: name: this setting is required$"):
        build(House, {}, "h.yaml")


def test_all_faults_are_reported_at_once() -> None:
    content = {"colour": 1, "pet": {"kind": "cow"}, "boxes": [{"colour": "pink"}], "by_room": {"hall": {"label": 3}}}
    assert [message.split(": ")[0] for message in faults(content)] == [
        "pet", "boxes.0.label", "boxes.0.colour", "by_room.hall.label", "colour",
    ]  # fmt: skip


def test_a_key_that_is_no_text_is_named() -> None:
    with pytest.raises(InputError, match="3: Keys should be strings"):
        build(House, {"name": "h", 3: "x"}, "h.yaml")  # type: ignore[dict-item]


def test_building_leaves_the_content_alone() -> None:
    content: dict[str, Any] = {"name": "h", "boxes": [{"label": "a"}]}
    build(House, content, "h.yaml")
    assert content == {"name": "h", "boxes": [{"label": "a"}]}


# YAML


def yaml_file(folder: Path, text: str | bytes) -> Path:
    path = folder / "study.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\nboxes: [1\npet: cat\n", r"study.yaml, line 3: not valid YAML \(expected ',' or ']'"),
        ("name: a\ncohort:\n\ttable: c.csv\n", r"study.yaml, line 3: not valid YAML \(found character '\\t'"),
        ("name: a\n pet: cat\n", r"study.yaml, line 2: not valid YAML \(mapping values are not allowed here"),
        ("name: a\npet: cat\nname: b\n", r'study.yaml, line 3: not valid YAML \(found duplicate key "name"'),
        ("name: *anchor\n", r"study.yaml, line 1: not valid YAML \(found undefined alias"),
        ("name: !!python/object:os.system x\n", "study.yaml, line 1: not valid YAML"),
        ("name: a\n---\nname: b\n", "study.yaml, line 2: not valid YAML"),
        ("- name\n", "study.yaml holds list, not a mapping of settings such as 'name: my_study'"),
        ("only words\n", "study.yaml holds str, not a mapping"),
        ("", "study.yaml holds nothing, not a mapping"),
        ("name: Müller\n".encode("cp1252"), r"study.yaml is not UTF-8 text \(byte 7\); save it as UTF-8"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused_with_its_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_yaml(yaml_file(tmp_path, text))


def test_words_of_yaml_1_1_stay_words(tmp_path: Path) -> None:
    assert read_yaml(yaml_file(tmp_path, "a: yes\nb: No\nc: true\nd: 1e-3\n")) == {
        "a": "yes",
        "b": "No",
        "c": True,
        "d": 0.001,
    }


def test_a_file_that_is_absent_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    yaml_file(tmp_path, "name: a\n")
    with pytest.raises(InputError, match=r"no file .*studdy\.yaml; did you mean 'study\.yaml'\?"):
        read_yaml(tmp_path / "studdy.yaml")


def test_a_folder_is_refused_with_the_file_it_may_hold(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is a folder, not a study file; did you mean .*study\.yaml\?"):
        read_yaml(tmp_path)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-1000, 1000) | st.text("abc: #-'\"\n{}[],é0", max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
@settings(max_examples=40, deadline=None)
def test_what_is_written_reads_back_the_same(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    path = tmp_path_factory.mktemp("yaml") / "study.yaml"
    path.write_text(to_yaml({"value": value}), encoding="utf-8")
    assert read_yaml(path) == {"value": value}


# overrides


CONTENT: dict[str, Any] = {"name": "h", "pets": [{"kind": "cat"}, {"kind": "dog"}], "by_room": {"hall": {"label": "x"}}}


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("name=other", ["name"], "other"),
        ("name=a=b", ["name"], "a=b"),
        (" name =other", ["name"], "other"),
        ("pets.0.lives=3", ["pets", 0, "lives"], 3),
        ("pets.1={kind: cat, lives: 2}", ["pets", 1], {"kind": "cat", "lives": 2}),
        ("pets=[]", ["pets"], []),
        ("by_room.hall.colour=blue", ["by_room", "hall", "colour"], "blue"),
        ("pet.kind=dog", ["pet", "kind"], "dog"),
        ("ratio=1e-3", ["ratio"], 0.001),
        ("flag=true", ["flag"], True),
        ("empty=", ["empty"], None),
    ],
)
def test_an_override_puts_its_value_in(override: str, path: list[Any], value: object) -> None:
    place: Any = apply_overrides(CONTENT, [override])
    for key in path:
        place = place[key]
    assert place == value


def test_overrides_leave_the_content_alone_and_all_else_as_it_was() -> None:
    changed = apply_overrides(CONTENT, ["pets.0.lives=3", "name=b"])
    assert CONTENT["pets"] == [{"kind": "cat"}, {"kind": "dog"}]
    assert changed == {**CONTENT, "name": "b", "pets": [{"kind": "cat", "lives": 3}, {"kind": "dog"}]}


def test_the_last_override_of_a_setting_counts() -> None:
    assert apply_overrides({}, ["a.b=1", "a.b=2", "a.c=3"]) == {"a": {"b": 2, "c": 3}}


def test_an_override_goes_through_an_empty_setting() -> None:
    assert apply_overrides({"pet": None}, ["pet.lives=3"]) == {"pet": {"lives": 3}}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("name", "overrides 'name' is not KEY=VALUE, for example 'fusion.inner_folds=3'"),
        ("=3", "overrides '=3' is not KEY=VALUE"),
        ("name.first=x", "overrides 'name.first=x': name is 'h', which has no settings inside"),
        ("by_room.hall.label.x=1", "by_room.hall.label is 'x', which has no settings inside"),
        ("pets..lives=3", "overrides 'pets..lives=3': 'pets..lives' names no setting between two dots"),
        (".name=x", "overrides '.name=x': '.name' names no setting between two dots"),
        ("pets.2.lives=3", "overrides 'pets.2.lives=3': pets.2 must be a number from 0 to 1"),
        ("pets.2=x", "pets.2 must be a number from 0 to 1"),
        ("pets.cat.lives=3", "pets.cat must be a number from 0 to 1"),
        ("pets.-1.lives=3", "pets.-1 must be a number from 0 to 1"),
        ("name=[1", "overrides 'name=[1', line 1: not valid YAML"),
    ],
)
def test_an_override_that_leads_nowhere_is_refused(override: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        apply_overrides(CONTENT, [override])
    assert message in str(caught.value)


def test_an_override_into_an_empty_list_says_that_it_is_empty() -> None:
    with pytest.raises(InputError, match=r"pets.*empty"):
        apply_overrides({"pets": []}, ["pets.0.lives=3"])
