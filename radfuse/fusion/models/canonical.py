"""A training set in an order of its own, so that what a learner draws does not hang on how a table was sorted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_FEW = 8
"""Keys that mostly decide an order."""


@dataclass(frozen=True)
class Canonical:
    """A training set whose rows and columns are sorted by their values.

    Attributes:
        x: float64, shape (unit, column).
        y: 0 and 1, both present, int64, shape (unit,).
        columns: where each column of `x` stands in the caller's, shape (column,).
        rows: where each row stands there, shape (unit,).
    """

    x: np.ndarray
    y: np.ndarray
    columns: np.ndarray
    rows: np.ndarray

    def back(self, values: np.ndarray) -> np.ndarray:
        """Return values of the columns of `x`, a row each, in the caller's order."""
        found = np.empty_like(values)
        found[self.columns] = values
        return found


def two_classes(y: np.ndarray) -> np.ndarray:
    """Return y as 0 and 1, int64.

    Raises:
        ValueError: it is not 0 and 1, or holds one of them alone.
    """
    found = sorted(set(np.asarray(y).tolist()))
    if not set(found) <= {0, 1}:
        raise ValueError(f"the outcome has the values {found[:5]}; this model takes 0 and 1 only")
    if len(found) < 2:
        raise ValueError(
            f"all {len(y)} training units have the outcome {found[0]:g}; a model needs both classes: "
            "take fewer folds, or more units"
        )
    return np.asarray(y, dtype=np.int64)


def canonical(x: np.ndarray, y: np.ndarray) -> Canonical:
    """Return a training set with its columns sorted by the values they hold, then its rows by theirs.

    Values are compared as float32, since the last bits of a standardised column hang on the order of its rows.

    Raises:
        ValueError: as `two_classes`.
    """
    y = two_classes(y)
    rough = x.astype(np.float32)
    columns = _ordered((rough[y == 1].astype(float).sum(axis=0).astype(np.float32), *np.sort(rough, axis=0)))
    rows = _ordered((y, *rough[:, columns].T))
    return Canonical(np.ascontiguousarray(x[np.ix_(rows, columns)]), y[rows], columns, rows)


def canonical_order(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the same order of rows and columns of a training set whose y is time and event, shape (unit, 2)."""
    rough = x.astype(np.float32)
    happened = rough[y[:, 1] == 1].astype(float).sum(axis=0).astype(np.float32)
    columns = _ordered((happened, *np.sort(rough, axis=0)))
    return _ordered((y[:, 0], y[:, 1], *rough[:, columns].T)), columns


def _ordered(keys: Sequence[np.ndarray]) -> np.ndarray:
    """Return what `np.lexsort` does, the last key counting first; keys that decide nothing are not looked at."""
    few = keys[-_FEW:]
    order = np.lexsort(few)
    same = np.logical_and.reduce([key[order[1:]] == key[order[:-1]] for key in few])
    return np.lexsort(keys) if same.any() else order
