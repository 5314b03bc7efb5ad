"""Columns that steps of the selection see together, and what reductions made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Group:
    """Columns of a block, standardised, or what a reduction made of them.

    Attributes:
        blocks: whose columns they are; several where a reduction joined them.
        columns: their positions in the table, shape (column,).
        values: of the training set, float64, shape (unit, feature).
        projection: shape (column, feature): values are the standardised columns times this; None: are the columns.
        names: of what a reduction made.
    """

    blocks: tuple[str, ...]
    columns: np.ndarray
    values: np.ndarray
    projection: np.ndarray | None = None
    names: tuple[str, ...] = ()

    def only(self, kept: np.ndarray) -> Group:
        """Return the features of a mask."""
        if kept.all():
            return self
        if self.projection is None:
            return Group(self.blocks, self.columns[kept], self.values[:, kept])
        names = tuple(name for name, stays in zip(self.names, kept, strict=True) if stays)
        return Group(self.blocks, self.columns, self.values[:, kept], self.projection[:, kept], names)

    def project(self, standardised: np.ndarray) -> np.ndarray:
        """Return the features of units from their standardised columns."""
        return standardised if self.projection is None else standardised @ self.projection


def reduced(groups: Sequence[Group], matrix: np.ndarray, kind: str) -> Group:
    """Return what a reduction makes of groups: components of unit variance; those that hold one value are dropped.

    Args:
        groups: whose features the matrix takes, side by side.
        matrix: shape (feature, component).
        kind: of the reduction, for names: "pca" makes "pca 1 of radiomic".

    Raises:
        ValueError: no component varies.
    """
    values = side_by_side(groups) @ matrix
    spread = values.std(axis=0)
    kept = spread > 1e-9 * max(spread.max(initial=0), 1e-300)
    if not kept.any():
        raise ValueError(f"the reduction {kind} makes no component that varies")
    blocks = tuple(dict.fromkeys(block for group in groups for block in group.blocks))
    matrix = matrix[:, kept] / spread[kept]
    before = projection_of(groups)
    return Group(
        blocks,
        np.concatenate([group.columns for group in groups]),
        values[:, kept] / spread[kept],
        matrix if before is None else before @ matrix,
        tuple(f"{kind} {i + 1} of {'-'.join(blocks)}" for i in np.flatnonzero(kept)),
    )


def side_by_side(groups: Sequence[Group]) -> np.ndarray:
    """Return the features of groups, shape (unit, feature)."""
    return groups[0].values if len(groups) == 1 else np.hstack([group.values for group in groups])


def projection_of(groups: Sequence[Group]) -> np.ndarray | None:
    """Return the matrix from the columns of all groups to their features; None where they are the same."""
    if all(group.projection is None for group in groups):
        return None
    parts = [np.eye(len(group.columns)) if group.projection is None else group.projection for group in groups]
    whole = np.zeros(tuple(sum(part.shape[axis] for part in parts) for axis in (0, 1)))
    row = column = 0
    for part in parts:
        whole[row : row + part.shape[0], column : column + part.shape[1]] = part
        row, column = row + part.shape[0], column + part.shape[1]
    return whole
