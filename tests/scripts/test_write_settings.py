"""The committed page of settings is that of the present classes, and says what each setting is for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
import write_settings
from pydantic import Field, PositiveInt
from write_settings import PAGE, page, parts, said, takes

from radfuse.config import Section

AGAIN = "settings have changed; run: uv run python scripts/write_settings.py"


def test_the_page_is_that_of_the_classes() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), AGAIN


def test_every_setting_outside_radiomics_says_what_it_is_for() -> None:
    silent = [
        f"{part.title}: {name}"
        for part in parts()
        for name in part.model.model_fields
        if name not in said(part.model) and name not in ("kind", "backend") and "radiomics" not in part.place
    ]
    assert not silent, f"write a docstring below each: {silent}"


def test_every_section_of_a_study_stands_on_the_page() -> None:
    titles = [part.title for part in parts()]
    assert len(set(titles)) == len(titles)
    for wanted in ("the study", "cohort", "cohort.split: grouped", "features.NAME", "regions[]: ring", "fusion"):
        assert wanted in titles
        assert f"\n## {wanted}\n" in page()


class Sample(Section):
    """A sample."""

    size: PositiveInt = 3
    """How large,
    in all."""
    silent: bool = True
    "Text of another kind of quotes."


class Derived(Sample):
    """More."""

    more: str = ""
    """Of its own."""


def test_docstrings_of_bases_count() -> None:
    assert said(Derived) == {
        "size": "How large, in all.",
        "silent": "Text of another kind of quotes.",
        "more": "Of its own.",
    }


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (int, "whole number"),
        (Path | None, "path, or none"),
        (PositiveInt, "whole number, above 0"),
        (tuple[PositiveInt, ...], "list of whole number, above 0"),
        (tuple[float, float, float], "3 times number"),
        (dict[str, bool], "mapping of text to true or false"),
        (Literal["a", "b"], "`a` \\| `b`"),
        (Annotated[tuple[str, ...] | None, Field(min_length=1)], "list of text, 1 or more of them, or none"),
        (Annotated[str, Field(max_length=9)], "text, 9 letters at most"),
        (tuple[str | Sample, ...], "list of text or settings"),
    ],
)
def test_types_in_words(annotation: object, words: str) -> None:
    assert takes(annotation) == words


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "null"), (True, "true"), ("", '""'), ((1, 2.5), "[1, 2.5]"), ({}, "{}"), ({"a": (1,)}, "{a: [1]}")],
)
def test_defaults_are_yaml(value: object, text: str) -> None:
    assert write_settings.as_yaml(value) == text
