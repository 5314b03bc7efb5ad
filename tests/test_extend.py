"""Kinds beside users' own parts: settings that name no kind are of the usual one, also where there are several."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal, Protocol

import pytest
from pydantic import Field

from radfuse.bundle.schema import OwnPart, StudyFacts
from radfuse.config import Section, build
from radfuse.errors import InputError
from radfuse.extend import own_parts, parts_beside, source_digest


class Kind(Protocol):
    def size(self) -> float: ...


class Ball(Section):
    kind: Literal["ball"] = "ball"
    radius: float = 1.0


class Cube(Section):
    kind: Literal["cube"] = "cube"
    edge: float = 2.0


class Body(Section):
    shape: Annotated[Ball | Cube, Field(discriminator="kind"), *own_parts(Kind, "a shape", usual="ball")]


def test_a_class_that_is_not_there_is_told_with_those_of_the_module_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_shapes.py").write_text("from radfuse.config import Section\n\nclass Cone(Section):\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match=r"has no class 'Sphere'; known: 'Cone'$"):
        build(Body, {"shape": {"use": "own_shapes:Sphere"}}, "s.yaml")


def test_the_usual_kind_need_not_be_named() -> None:
    assert build(Body, {"shape": {"radius": 3}}, "s.yaml").shape == Ball(radius=3)
    assert build(Body, {"shape": {"kind": "cube", "edge": 3}}, "s.yaml").shape == Cube(edge=3)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"edge": 3}, r"shape\.edge: unknown setting; known: 'kind', 'radius'"),
        ({"kind": "cub"}, "shape: unknown kind 'cub'; did you mean 'cube'"),
        (3, "shape"),
    ],
)
def test_what_fits_no_kind_is_told(shape: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        build(Body, {"shape": shape}, "s.yaml")


CONE = """from radfuse.config import Section


class Cone(Section):
    height: float = 1.0

    def size(self):
        return {size}
"""


def edit(file: Path, text: str) -> None:
    file.write_text(text)
    os.utime(file, (1, 1))  # within the second that it was written in, Python would take what it compiled


def loaded(folder: Path, use: str) -> Section:
    """Return a part as a study loads it."""
    with parts_beside(folder):
        found: Section = build(Body, {"shape": {"use": use}}, "s.yaml").shape
        return found


def test_a_module_that_changed_since_it_was_imported_is_refused_until_it_is_imported_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys are made here, and workers import what lies there now: results would stand under the keys of others."""
    file = tmp_path / "edited_shapes.py"
    file.write_text(CONE.format(size="self.height"))
    monkeypatch.syspath_prepend(tmp_path)
    said = "edited_shapes:Cone"
    old = loaded(tmp_path, said)
    first = source_digest(type(old))
    edit(file, CONE.format(size="2 * self.height"))
    with pytest.raises(
        InputError, match=r"edited_shapes has changed since this Python imported it; .* importlib.reload"
    ):
        loaded(tmp_path, said)
    assert source_digest(type(old)) == first
    assert isinstance(build(Body, {"shape": {"use": said}}, "s.yaml").shape, type(old))  # a bundle, while a study runs
    importlib.reload(importlib.import_module("edited_shapes"))
    found = loaded(tmp_path, said)
    assert found.size() == 2  # type: ignore[attr-defined]
    assert source_digest(type(found)) != first


def test_a_module_beside_it_that_changed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Imported anew, the part's own module would take the old names of the one beside it."""
    (tmp_path / "tall_helper.py").write_text("def tall():\n    return 1\n")
    (tmp_path / "tall_shapes.py").write_text("from tall_helper import tall\n" + CONE.format(size="tall()"))
    monkeypatch.syspath_prepend(tmp_path)
    loaded(tmp_path, "tall_shapes:Cone")
    edit(tmp_path / "tall_helper.py", "def tall():\n    return 2\n")
    for _ in range(2):
        with pytest.raises(InputError, match=r"source of tall_helper has changed .* kernel, anew$"):
            loaded(tmp_path, "tall_shapes:Cone")
        importlib.reload(importlib.import_module("tall_shapes"))


def test_a_script_that_is_edited_while_it_runs_keeps_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its module has no spec."""
    file, script = tmp_path / "a_script.py", ModuleType("a_script")
    file.write_text(CONE.format(size="self.height"))
    script.__file__ = str(file)
    exec(file.read_text(), vars(script))
    monkeypatch.setitem(sys.modules, "a_script", script)
    first = source_digest(script.Cone)
    edit(file, CONE.format(size="2 * self.height"))
    assert source_digest(script.Cone) == first


def test_a_class_without_a_source_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As in a cell of a notebook: what else the cell holds, and the class derives from, would be in no key."""
    cell = ModuleType("cell")
    monkeypatch.setitem(sys.modules, "cell", cell)
    exec(CONE.format(size="self.height"), vars(cell))
    with parts_beside(tmp_path), pytest.raises(InputError, match=r"no source of cell\.Cone; write it into a module"):
        build(Body, {"shape": cell.Cone()}, "s.yaml")


def test_only_a_module_that_is_not_there_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a number's outcome that cannot be opened, a bundle would take the model for one of probabilities."""
    (tmp_path / "odd_outcome.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)

    def facts(use: str) -> StudyFacts:
        values: dict[str, Any] = {"outcome": OwnPart(use=use)}
        return StudyFacts.model_construct(**values)

    assert facts("no_such_folder.outcome:Scale").outcome_here() is None
    with pytest.raises(InputError, match="ZeroDivisionError"):
        facts("odd_outcome:Scale").outcome_here()
    (tmp_path / "needy_outcome.py").write_text("import no_such_package.part\n")
    with pytest.raises(InputError, match=r"it needs 'no_such_package', which is not installed here; install it"):
        facts("needy_outcome:Scale").outcome_here()
    with pytest.raises(InputError, match=r"no module 'odd_folder' where Python looks"):
        facts("odd_folder.part:Scale").opened_outcome()
