"""Imputation and scaling, learned on a training set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from radfuse.fusion.group import Group
from radfuse.fusion.selectors.varying import varying

if TYPE_CHECKING:
    from radfuse.fusion.sites import Harmonised, Sites

_SLAB = 4_000_000
"""Values worked on at once where a step takes copies."""
BEYOND = 0.5
"""How far beyond the training values others may lie, as a share of their range, where they are held."""


@dataclass(frozen=True)
class Scaling:
    """Imputation and scaling of all columns, each shape (column,), of harmonised values where there are some.

    `low` and `high` are what standardised values are held between; without any they stay as they are.
    """

    median: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    harmonised: Harmonised | None = None
    low: np.ndarray | None = None
    high: np.ndarray | None = None

    def own(self, x: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return a copy of some columns, harmonised where that is asked for."""
        values = x[:, columns]
        return values if self.harmonised is None else self.harmonised.only(columns).apply(x, values)

    def apply(self, x: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return some columns, imputed, standardised, and held."""
        values = self.own(x, columns)
        rows, places = np.nonzero(np.isnan(values))
        values[rows, places] = self.median[columns[places]]
        values -= self.mean[columns]
        values /= self.scale[columns]
        if self.low is not None and self.high is not None:
            np.clip(values, self.low[columns], self.high[columns], out=values)
        return values

    def features(self, x: np.ndarray, groups: Sequence[Group]) -> np.ndarray:
        """Return what groups make of other units, side by side, shape (unit, feature)."""
        return np.hstack([group.project(self.apply(x, group.columns)) for group in groups])

    def undone(self, group: Group) -> np.ndarray:
        """Return the values of a group in its columns' own units; what a reduction made has none but its own."""
        if group.projection is not None:
            return group.values
        return group.values * self.scale[group.columns] + self.mean[group.columns]


def standardised(
    x: np.ndarray, blocks: Mapping[str, Sequence[int]], sites: Sites | None = None, held: bool = False
) -> tuple[Scaling, list[Group]]:
    """Learn medians, means and scales; return them with the columns of each block that vary.

    Args:
        x: float64, shape (unit, column), NaN where missing.
        blocks: block -> positions of its columns.
        sites: how values are harmonised before all else; None: they are not.
        held: whether values of other units are kept near the training values: where a number is predicted, one value
            far from all that was seen would make a prediction as far off.

    Raises:
        ValueError: no column of a block varies, or harmonisation cannot be learned.
    """
    from sklearn.preprocessing import StandardScaler

    harmonised = sites.learn(x, blocks) if sites is not None else None
    median, mean, scale, low, high = (np.zeros(x.shape[1]) for _ in range(5))
    scaling = Scaling(median, mean, scale, harmonised, *((low, high) if held else ()))
    groups = []
    for block, positions in blocks.items():
        columns = np.array(positions, dtype=int)
        values = scaling.own(x, columns)
        for slab in slabs(values):
            scaling.median[columns[slab]] = medians(values[:, slab])
        rows, places = np.nonzero(np.isnan(values))
        values[rows, places] = scaling.median[columns[places]]
        for slab in slabs(values):
            scaler = StandardScaler()
            values[:, slab] = scaler.fit_transform(values[:, slab])
            scaling.mean[columns[slab]], scaling.scale[columns[slab]] = scaler.mean_, scaler.scale_
            least, most = values[:, slab].min(axis=0), values[:, slab].max(axis=0)
            low[columns[slab]], high[columns[slab]] = least - BEYOND * (most - least), most + BEYOND * (most - least)
        groups.append(Group((block,), columns, values).only(varying(values)))
    return scaling, groups


def rows_of(x: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return a copy of some rows, whose columns lie one after the other in memory as those that are worked on do."""
    return np.asfortranarray(x[rows]) if x.flags.c_contiguous else x.T.take(rows, axis=1).T


def slabs(x: np.ndarray) -> Iterator[slice]:
    """Yield runs of columns of a bounded size."""
    width = max(_SLAB // max(len(x), 1), 1)
    return (slice(start, min(start + width, x.shape[1])) for start in range(0, x.shape[1], width))


def medians(x: np.ndarray) -> np.ndarray:
    """Return the median of each column, shape (column,): without its NaN, and 0 where it holds nothing else."""
    ordered = np.sort(x.T, axis=1)  # NaN come last
    counts = len(x) - np.isnan(x).sum(axis=0)
    each = np.arange(x.shape[1])
    middle = np.maximum(counts, 1)
    found = (ordered[each, (middle - 1) // 2] + ordered[each, middle // 2]) / 2
    return np.where(counts > 0, found, 0.0)
