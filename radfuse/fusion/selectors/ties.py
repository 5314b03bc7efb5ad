"""Columns that say the same, a length in mm and in cm: where they stand, and their last bits, must not choose."""

from __future__ import annotations

import numpy as np

_NEAR = 1e-9
"""Of a column's largest value, and of a measure: what is nearer is equal, as another unit moves the last bits."""


def rounded(values: np.ndarray) -> np.ndarray:
    """Return values to nine digits or so, so that those of columns in another unit are equal; same shape."""
    share, power = np.frexp(values)
    return np.ldexp(np.round(share / _NEAR) * _NEAR, power)


def first_of_equals(x: np.ndarray) -> np.ndarray:
    """Return which columns are not the same as one before them, or its opposite.

    Args:
        x: float64, shape (unit, column), finite, standardised.

    Returns:
        bool, shape (column,).
    """
    sides = np.random.default_rng(0).standard_normal(len(x))
    place = np.abs(sides @ x)  # equal columns lie at one place on any line
    order = np.argsort(place, kind="stable")
    new = np.r_[True, np.diff(place[order]) > _NEAR * np.abs(sides).sum()]
    first = np.ones(x.shape[1], dtype=bool)
    for run in np.split(order, np.flatnonzero(new)[1:]):
        kept: list[int] = []
        for i in sorted(run) if len(run) > 1 else ():
            first[i] = not any(_same(x[:, i], x[:, j]) for j in kept)
            kept += [i] if first[i] else []
    return first


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    most = _NEAR * np.abs(one).max()
    return bool(np.abs(one - other).max() <= most or np.abs(one + other).max() <= most)
