"""Cells that say when: dates, or numbers."""

from __future__ import annotations

import re

import pandas as pd

from radfuse.cohort.spreadsheet import to_numbers

_ZONE = re.compile(r"(\d:\d\d(?::\d\d(?:\.\d+)?)?)\s*(?:Z|[+-]\d\d(?::?\d\d)?)$", re.IGNORECASE)
_FIRST_YEAR = 1800
"""Nobody was scanned before; 0000-01-01 stands for a date that is not known."""


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
