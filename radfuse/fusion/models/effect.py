"""What a model without coefficients makes of each column: how far its probability moves with the column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from radfuse.fusion.parts import Column

if TYPE_CHECKING:
    from radfuse.results import Explanation

_VALUES = 50_000  # of reference rows: with thousands of columns, fewer rows


def reference_rows(x: np.ndarray) -> np.ndarray:
    """Return the training rows that `effects` looks at: all of a table of 50,000 values, else 10 or more of them."""
    count = min(len(x), max(10, _VALUES // x.shape[1]))
    return x[np.linspace(0, len(x) - 1, count).round().astype(int)]


def effects(predict: Callable[[np.ndarray], np.ndarray], rows: np.ndarray, columns: Sequence[Column]) -> Explanation:
    """Return the mean over rows of |p(column at +1) - p(column at -1)|, the row's other values as they are.

    Args:
        predict: standardised float64, shape (unit, column) -> probability, shape (unit,).
        rows: of the training set, from `reference_rows`.
        columns: of the rows.
    """
    from radfuse.results import Explanation, UsedColumn

    found = []
    for i, column in enumerate(columns):
        both = np.vstack([rows, rows])
        both[:, i] = np.repeat([1.0, -1.0], len(rows))
        above, below = np.split(predict(both), 2)
        found.append(UsedColumn(name=column.name, block=column.block, importance=float(np.abs(above - below).mean())))
    return Explanation(
        measure="effect",
        unit="mean absolute change in probability from 1 standard deviation below the mean to 1 above",
        columns=tuple(found),
    )
