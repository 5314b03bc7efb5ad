"""Numbers with commas: decimal ones, and those between thousands, which look alike."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from radfuse.errors import Problem, listed, short

_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)
"""One mark, as 1.234 and 1,234 have it: 1234, or a little more than 1."""
_WITH_MARKS = re.compile(r"[+\-\u2212]?\d{1,3}(?:[.,'\u2019\s]?\d{3})*(?:[.,]\d*)?", re.ASCII)

_WITH_UNIT = re.compile(r"[+\-\u2212]?\d+(?:[.,]\d+)?\s*([%\u00b0\u00b5A-Za-z][%\u00b0\u00b5/A-Za-z\d]{0,7})")
"""As 27 % and 81kg have it; 2+ is a grade."""


def read_commas(path: Path, frame: pd.DataFrame, notes: list[Problem]) -> None:
    """Turn decimal commas into points, in place, where it is plain that they are decimal.

    A column of "27,5" is decimal. One of "987" and "1,234" alone is as the other columns of the file say, and stays as
    it is, no numbers, where they say otherwise or nothing, or where its own cells have both marks.

    Args:
        path: of the file, for the notes.
        frame: columns of stripped text (None where missing), or of float64.
        notes: gets what was done.
    """
    texts = {place: _numbers(frame.iloc[:, place]) for place in range(frame.shape[1])}
    commas = {place: cells for place, cells in texts.items() if cells and any("," in cell for cell in cells)}
    points = {place: cells for place, cells in texts.items() if cells and any("." in cell for cell in cells)}
    sure = [place for place, cells in commas.items() if place not in points and not _alike(cells, ",")]
    of_floats = [_points(frame.iloc[:, place]) for place, cells in texts.items() if cells is None]
    by_points = "decimal" in of_floats or any(not _alike(points[place], ".") for place in points.keys() - commas.keys())
    decimal = []
    for place, cells in commas.items():
        whole = any(_WHOLE.fullmatch(cell) for cell in cells)
        if place in sure or (place not in points and not by_points and (sure or not whole)):
            values = frame.iloc[:, place]
            frame.isetitem(place, values.str.replace(",", ".", regex=False).astype(object).where(values.notna(), None))
            decimal.append(place)
    if not decimal:
        return
    names = listed((short(str(frame.columns[place])) for place in decimal), 4)
    notes.append(Problem(path.name, f"decimal commas were read as decimal points in {names}", severity="warning"))
    if not by_points:
        _remark_thousands(path, frame, texts, notes)


def _remark_thousands(
    path: Path, frame: pd.DataFrame, texts: dict[int, list[str] | None], notes: list[Problem]
) -> None:
    """Remark columns of a file of decimal commas whose points may stand between thousands."""
    for place, cells in texts.items():
        values = frame.iloc[:, place]
        if cells is None:
            odd = _points(values) == "either" and bool((values.dropna() % 1 == 0).any())
        else:
            odd = any("." in cell for cell in cells) and not any("," in cell for cell in cells)
            odd = odd and _alike(cells, ".") and any(_WHOLE.fullmatch(cell) for cell in cells)
        if odd:
            message = (
                "points are read as decimal ones, and other columns have commas for that: where they stand between "
                "thousands, remove them"
            )
            notes.append(Problem(path.name, message, None, str(frame.columns[place]), "warning"))


def as_written(cells: Iterable[str]) -> str:
    """Return how to mend cells that are formulas, or numbers but for marks in them or one unit; "" where one is not."""
    every = list(cells)
    if every and all(cell.startswith("=") for cell in every):
        return "open the table in a spreadsheet program and save it, as these are formulas that nobody computed"
    if every and all(_WITH_MARKS.fullmatch(cell) for cell in every):
        return "write numbers with a decimal point, and nothing between thousands"
    measured = [_WITH_UNIT.fullmatch(cell) for cell in every]
    units = {found[1] for found in measured if found}
    if len(units) == 1 and all(measured):
        return f"write numbers alone, without {units.pop()!r}"
    return ""


def _numbers(values: pd.Series) -> list[str] | None:
    """Return the cells of a column of text if all are numbers but for their marks, [] if not; None for float64."""
    if values.dtype != object:
        return None
    cells = [cell for cell in values if cell is not None]
    return cells if all(_NUMBER.fullmatch(cell) for cell in cells) else []


def _points(values: pd.Series) -> str:
    """Return what the points of a column of floats are: "decimal", "either", or "" without any."""
    broken = np.abs(values.dropna().to_numpy())
    broken = broken[broken % 1 != 0]
    if not broken.size:
        return ""
    thousands = (broken >= 1) & (broken < 1000) & np.isclose(np.round(broken, 3), broken, rtol=0, atol=1e-12)
    return "either" if thousands.all() else "decimal"


def _alike(cells: list[str], mark: str) -> bool:
    """Return whether every mark may stand between thousands."""
    return all(_THOUSANDS.fullmatch(cell) for cell in cells if mark in cell)
