"""Columns of a cohort table that say where something is in a case's images: landmarks in mm, and slices."""

from __future__ import annotations

from radfuse.cohort.draft import Draft
from radfuse.cohort.spreadsheet import to_numbers

_FARTHEST_MM = 1e5
"""A place farther off than a hundred metres is none."""


def read_places(draft: Draft) -> None:
    """Read landmarks and slices as float64, missing cells NaN: they are missed by the region that wants them alone."""
    config = draft.config
    for name, column in config.landmarks.items():
        if draft.has(column, f"cohort.landmarks.{name}"):
            _read(draft, column, "a place in mm", -_FARTHEST_MM, whole=False)
    for name, column in config.slices.items():
        if draft.has(column, f"cohort.slices.{name}"):
            _read(draft, column, "the number of a slice, the first is 1", 1, whole=True)


def _read(draft: Draft, column: str, what: str, lowest: float, *, whole: bool) -> None:
    numbers, wrong = to_numbers(draft.cells[column])
    wrong |= (numbers < lowest) | (numbers > _FARTHEST_MM)
    if whole:
        wrong |= numbers.notna() & (numbers % 1 != 0)
    text = draft.text(column)
    for index in text.index[wrong]:
        draft.problem(f"{text[index]!r} is not {what}; correct it, or leave the cell empty", index, column)
    draft.columns[column] = numbers
