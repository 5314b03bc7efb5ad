"""A training set in an order of its own, so that what a learner draws does not hang on how a table was sorted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

_FEW = 8
"""Keys that mostly decide an order."""


@dataclass(frozen=True)
class Canonical:
    """A training set whose rows and columns are sorted by their values.

    Attributes:
        x: float64 or float32, shape (unit, column).
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
            "add units of the other"
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
    columns = _columns(rough, y == 1)
    rows = _rows(rough, columns, y)
    return Canonical(np.ascontiguousarray(x[np.ix_(rows, columns)]), y[rows], columns, rows)


def canonical_float32(x: np.ndarray, y: np.ndarray) -> Canonical:
    """Return the same for trees, which compare values as float32: its `x` is of that type, column by column.

    Raises:
        ValueError: as `two_classes`.
    """
    y = two_classes(y)
    rough = np.asfortranarray(x, dtype=np.float32)
    columns = _columns(rough, y == 1)
    rows = _rows(rough, columns, y)
    values = np.empty_like(rough)
    for place, column in enumerate(columns):
        np.take(rough[:, column], rows, out=values[:, place])
    return Canonical(values, y[rows], columns, rows)


def canonical_order(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the same order of rows and columns of a training set whose y is time and event, shape (unit, 2)."""
    rough = x.astype(np.float32)
    columns = _columns(rough, y[:, 1] == 1)
    return _rows(rough, columns, y[:, 0], y[:, 1]), columns


def order_of_columns(x: np.ndarray) -> np.ndarray:
    """Return columns ordered by what they hold, shape (column,): descent ends a little off by which it visits first."""
    return _ordered(x[-_FEW:].astype(np.float32), lambda some: tuple(x[:, some].astype(np.float32)))


def _columns(rough: np.ndarray, happened: np.ndarray) -> np.ndarray:
    """Return the columns ordered by their largest value, then the next one and so on, and last by those of events."""
    most = np.partition(rough, len(rough) - _FEW, axis=0)[-_FEW:] if len(rough) > _FEW else rough

    def keys(some: np.ndarray) -> Sequence[np.ndarray]:
        values = rough[:, some]
        return (values[happened].astype(float).sum(axis=0).astype(np.float32), *np.sort(values, axis=0))

    return _ordered(np.sort(most, axis=0), keys)


def _rows(rough: np.ndarray, columns: np.ndarray, *targets: np.ndarray) -> np.ndarray:
    """Return the rows ordered by the value of the last of these columns, then the one before, last by the targets."""
    return _ordered(
        rough[:, columns[-_FEW:]].T, lambda some: (*(y[some] for y in targets), *rough[np.ix_(some, columns)].T)
    )


def _ordered(few: np.ndarray, keys: Callable[[np.ndarray], Sequence[np.ndarray]]) -> np.ndarray:
    """Return what `np.lexsort` does by all keys, the last counting first.

    Args:
        few: the last of them, a row each.
        keys: all of them, of the items that those do not tell apart.
    """
    order = np.lexsort(few)
    same = np.logical_and.reduce([key[order[1:]] == key[order[:-1]] for key in few])
    tied = np.r_[same, False] | np.r_[False, same]
    if tied.any():
        own = np.sort(order[tied])
        order[tied] = own[np.lexsort(keys(own))]
    return order
