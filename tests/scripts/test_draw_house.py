"""The committed picture and table of the house are those of the present imports."""

from __future__ import annotations

import runpy
from pathlib import Path

import draw_house
import pytest
from draw_house import DOCS, PACKAGE, floor_of, ground_of, imports_between_rooms, picture, table, told_once
from page import part

AGAIN = "imports between rooms have changed; run: uv run python scripts/draw_house.py"


def test_the_picture_and_the_table_are_those_of_the_imports() -> None:
    assert (DOCS / "house.svg").read_text(encoding="utf-8") == picture(), AGAIN
    assert part(DOCS / "architecture.md", "rooms").strip() == table(), AGAIN


def test_every_room_is_said_what_it_holds() -> None:
    silent = [room for room, text in draw_house.rooms().items() if not text]
    assert not silent, f"no docstring: {silent}; say what the room holds in its __init__.py"
    assert set(draw_house.rooms()) == {
        path.stem for path in PACKAGE.iterdir() if path.name[0] not in "_." and path.name != "py.typed"
    }


def test_its_floors_are_those_of_the_rules() -> None:
    rules = runpy.run_path(str(Path(__file__).parents[1] / "test_house.py"))
    assert set(draw_house.COMPOSERS) == rules["COMPOSERS"]
    assert set(draw_house.WINGS) == rules["WINGS"] | {"report"}
    graph = imports_between_rooms()
    below = {room for room in graph if floor_of(room, ground_of(graph)) in ("below", "ground")}
    assert "errors" in below
    assert "stages" not in below


def test_an_arrow_that_another_way_implies_is_left_out() -> None:
    graph = {"a": {"b", "c"}, "b": {"c"}, "c": set()}
    assert told_once(graph) == {"a": {"b"}, "b": {"c"}, "c": set()}
    assert graph["a"] == {"b", "c"}


def test_of_a_circle_nothing_is_lost() -> None:
    left = told_once({"a": {"b", "c"}, "b": {"c"}, "c": {"b"}})
    assert left["b"] == {"c"}
    assert left["c"] == {"b"}
    assert len(left["a"]) == 1


def test_the_ground_is_what_more_than_half_import(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = {"a": {"e"}, "b": {"e"}, "c": {"a", "e"}, "e": set()}
    assert ground_of(graph) == {"e"}
