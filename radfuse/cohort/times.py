"""Cells that say when: dates, or numbers."""

from __future__ import annotations

import re

import pandas as pd

from radfuse.cohort.spreadsheet import to_numbers

_ZONE = re.compile(r"(\d:\d\d(?::\d\d(?:\.\d+)?)?)\s*(?:Z|[+-]\d\d(?::?\d\d)?)$", re.IGNORECASE)
_FIRST_YEAR = 1800
"""Nobody was scanned before; 0000-01-01 stands for a date that is not known."""
_CLOCK = re.compile(r"[ T]\d{1,2}:\d\d.*$")
_WRITTEN = (
    *("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d", "%d/%m/%y", "%m/%d/%y", "%d.%m.%y"),
    *("%d-%b-%Y", "%d %b %Y", "%d %B %Y", "%b %Y", "%B %Y", "%m/%Y"),
)


def times_of(values: pd.Series) -> tuple[pd.Series, bool]:
    """Return numbers, or dates as days, whichever most cells are, as float64, and whether they are dates.

    NaN where a cell is not.
    """
    numbers, wrong = to_numbers(values)
    if not wrong.any():
        return numbers, False
    days = days_of(values)
    are_dates = bool(numbers.notna().sum() < days.notna().sum())
    return (days, True) if are_dates else (numbers, False)


def days_of(values: pd.Series) -> pd.Series:
    """Return dates as days since 1970, by the clock on the wall whatever its zone; NaN where a cell is none."""
    here = [_ZONE.sub(r"\1", cell) if isinstance(cell, str) else cell for cell in values]
    dates = pd.to_datetime(pd.Series(here, values.index, dtype=object), errors="coerce", format="ISO8601")
    dates = dates.where(dates.dt.year >= _FIRST_YEAR)
    return (dates - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)


def days_as_written(values: pd.Series) -> pd.Series:
    """Return dates in the form that most cells can be read by, as days since 1970; for an order by time alone.

    Whether 03/04/2020 is of March or of April may be unknown; where both are possible, the day is read first.
    """
    text = values.map(lambda cell: _CLOCK.sub("", cell.strip()) if isinstance(cell, str) else None)
    read = [days_of(values)]
    for form in _WRITTEN:
        dates = pd.to_datetime(text, errors="coerce", format=form)
        read.append((dates - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1))
    return max(read, key=lambda days: int(days.notna().sum()))
