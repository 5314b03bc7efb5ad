"""Kinds beside users' own parts: settings that name no kind are of the usual one, also where there are several."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Annotated, Literal, Protocol

import pytest
from pydantic import Field

from radfuse.config import Section, build
from radfuse.errors import InputError
from radfuse.extend import own_parts, source_digest


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


def test_a_module_that_changed_since_it_was_imported_is_refused_until_it_is_imported_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys are made here, and workers import what lies there now: results would stand under the keys of others."""
    file = tmp_path / "edited_shapes.py"
    file.write_text(CONE.format(size="self.height"))
    monkeypatch.syspath_prepend(tmp_path)
    said = {"shape": {"use": "edited_shapes:Cone"}}
    first = source_digest(type(build(Body, said, "s.yaml").shape))
    file.write_text(CONE.format(size="2 * self.height"))
    os.utime(file, (1, 1))  # within the second that it was written in, Python would take what it compiled
    with pytest.raises(InputError, match=r"changed since this Python imported it; .* importlib.reload"):
        build(Body, said, "s.yaml")
    importlib.reload(importlib.import_module("edited_shapes"))
    found = build(Body, said, "s.yaml").shape
    assert found.size() == 2  # type: ignore[attr-defined]
    assert source_digest(type(found)) != first


def test_a_class_without_a_source_is_known_by_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a cell of a notebook, which is run again with another method."""
    found = []
    for size in ("self.height", "2 * self.height", "self.height"):
        cell = ModuleType("cell")
        monkeypatch.setitem(sys.modules, "cell", cell)
        exec(CONE.format(size=size), vars(cell))
        found.append(source_digest(cell.Cone))
    assert found[0] == found[2] != found[1]
    assert None not in found
