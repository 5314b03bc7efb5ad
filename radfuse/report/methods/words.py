"""Words that sentences are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def series(names: Iterable[object], last: str = "and") -> str:
    """Return "a", "a and b", "a, b and c"; another word may stand before the last."""
    words = [str(name) for name in names]
    return f" {last} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def number(value: Any) -> str:
    """Return a number without needless digits; anything else as text."""
    return f"{value:g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)


def each(values: Mapping[str, str], before: str = "for") -> str:
    """Return one text where all sequences agree, else each with its sequences: "25 for t1 and ct and 0.25 for pet"."""
    groups: dict[str, list[str]] = {}
    for name, value in values.items():
        groups.setdefault(value, []).append(name)
    if len(groups) == 1:
        return next(iter(groups))
    return series(f"{value} {before} {series(names)}" for value, names in groups.items())


def unit_word(columns: Iterable[str]) -> str:
    """Return what is predicted for, as a reader calls it: case_id is a case, patient_id and side a patient and side."""
    return series(spaced(column.removesuffix("_id")) or column for column in columns)


def spaced(name: str) -> str:
    """Return a name of a setting as words."""
    return name.replace("_", " ").strip()
