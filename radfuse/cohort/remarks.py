"""What a reader of a clinical table would ask about: codes for "missing", and values that no patient has."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from radfuse.cohort.spreadsheet import LARGEST
from radfuse.errors import Finding, listed

_CODES = {sign * float("9" * digits) for sign in (1, -1) for digits in (2, 3, 4, 5, 6)} | {-9.0, -1.0}
"""What spreadsheets hold where a value is missing."""
_LISTED = np.array(sorted(_CODES))
_FEWEST = 8
"""Values below which quartiles say nothing."""
_FAR, _APART = 10.0, 3.0
"""Interquartile ranges beyond the quartiles: of a value that cannot be, of a code that is no measurement."""

_TO_IMPUTE = ("empty them to have them imputed", "leave the cell empty")


def odd_values(numbers: pd.Series, mends: tuple[str, str] = _TO_IMPUTE, *, small: bool = True) -> Iterator[Finding]:
    """Yield a finding for each code that seems to mean "missing", and one for all values that cannot be.

    Args:
        numbers: a clinical column, float64, NaN where missing; its index is the table's.
        mends: what to do about cells that seem to mean "missing", and about a value that cannot be.
        small: look for values that are too small as well. Times to an event are not: where most end on the day that
            the study closed, their quartiles lie together, and every early event is far below.
    """
    name = str(numbers.name)
    known = numbers.dropna()
    finite = known[known.abs() <= LARGEST]  # what is beyond is an error already
    odd = pd.Series(False, index=finite.index)
    for code, cells in codes_in(finite).items():
        odd[cells] = True
        many = f"{len(cells)} cells hold" if len(cells) > 1 else "1 cell holds"
        message = (
            f'{many} {code:g}, which looks like a code for "missing" and is read as a number; {mends[0]} '
            f"({rows_of(cells)})"
        )
        yield Finding(message, cells[0], name)
    rest = finite[~odd]
    far = rest[_beyond(rest, rest, _FAR) & (small | (rest > rest.median()))] if len(rest) >= _FEWEST else rest[:0]
    if len(far):
        low, high = rest.quantile([0.25, 0.75])
        message = (
            f"{far.iloc[0]:g} is implausible: half of all values lie between {low:g} and {high:g}; correct it, or "
            f"{mends[1]} ({rows_of(far.index)})"
        )
        yield Finding(message, far.index[0], name)


def codes_in(numbers: pd.Series) -> dict[float, pd.Index]:
    """Return each code that seems to mean "missing", far from all other values -> the labels of its cells."""
    if not np.isin(numbers.to_numpy(), _LISTED).any():
        return {}
    finite = numbers[np.isfinite(numbers)]
    others = finite[~finite.isin(_CODES)]
    if len(others) < _FEWEST:
        return {}
    return {
        code: finite.index[finite == code]
        for code in sorted(set(finite) & _CODES)
        if _beyond(pd.Series([code]), others, _APART).any() or (code < 0 <= others.min())
    }


def _beyond(values: pd.Series, others: pd.Series, ranges: float) -> pd.Series:
    """Return which values lie so many interquartile ranges beyond the quartiles of others.

    Where more than half of the others are equal, their whole range stands for that between quartiles.
    """
    low, high = others.quantile([0.25, 0.75])
    width = high - low
    if width == 0:
        low, high = others.min(), others.max()
        width = high - low
    return (values < low - ranges * width) | (values > high + ranges * width)


def rows_of(labels: pd.Index | pd.Series) -> str:
    """Return rows as a spreadsheet numbers them, given their labels in a table's index."""
    return f"row{'s' if len(labels) > 1 else ''} {listed(int(label) + 2 for label in labels)}"
