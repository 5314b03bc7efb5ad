"""Tables written by hand, and the faults a reader finds in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from radfuse.errors import InputError, Problem


def write_table(folder: Path, text: str, name: str = "cohort.csv") -> Path:
    """Write a table; the text is the file."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def with_rows(text: str, edits: Mapping[int, str]) -> str:
    """Return the table with some rows replaced, numbered as a spreadsheet shows them (the header is row 1)."""
    lines = text.splitlines()
    for row, line in edits.items():
        lines[row - 1] = line
    return "\n".join(lines) + "\n"


def errors_of(call: Callable[..., Any], *args: Any, **kwargs: Any) -> list[Problem]:
    """Return the errors of the one InputError that a call raises; its warnings are left out."""
    with pytest.raises(InputError) as caught:
        call(*args, **kwargs)
    return [problem for problem in caught.value.problems if problem.severity == "error"]


def assert_one(problems: list[Problem], row: int | None, column: str | None, *words: str) -> None:
    """Assert that there is one problem, at this row and column, whose message holds all of these words."""
    assert [(problem.row, problem.column) for problem in problems] == [(row, column)], list(map(str, problems))
    for word in words:
        assert word in problems[0].message
