"""Kinds beside users' own parts: settings that name no kind are of the usual one, also where there are several."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Protocol

import pytest
from pydantic import Field

from radfuse.config import Section, build
from radfuse.errors import InputError
from radfuse.extend import own_parts


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
