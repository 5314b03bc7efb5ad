"""Clusters of columns that rank the patients alike; one of each stays."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from radfuse.fusion.link import EVERY_KIND
from radfuse.fusion.parts import Outcome, Settings
from radfuse.fusion.selectors.correlation import of_length_one
from radfuse.fusion.selectors.step import Step
from radfuse.fusion.selectors.ties import rounded

_SLAB = 512
_DECIMALS = 12
"""Ranks have many equal correlations, which products of matrices tell apart by their rounding."""


class Clusters(Step):
    """Hierarchical clusters on 1 - |Spearman|; of each the column with the largest range in its own unit stays.

    Memory grows with the square of the columns: 4 bytes a pair twice over, 64 MB for 4,000.
    """

    serves: ClassVar[tuple[str, ...]] = EVERY_KIND
    kind: Literal["clusters"] = "clusters"
    own_units: ClassVar[bool] = True
    threshold: float = Field(default=0.1, gt=0, lt=1)
    """Distance at which the tree is cut: columns of one cluster are nearer."""
    linkage: Literal["average", "complete", "single"] = "average"
    """What the distance of two clusters is: the mean, the largest or the smallest of their columns' distances."""

    def choose(self, x: np.ndarray, y: np.ndarray, settings: Settings, outcome: Outcome) -> np.ndarray:
        """Keep of each cluster the column with the largest range; x is imputed, and not standardised."""
        from scipy.cluster.hierarchy import fcluster, linkage

        if x.shape[1] == 1:
            return np.ones(1, dtype=bool)
        tree = linkage(_distances(x), self.linkage)
        cluster = fcluster(tree, self.threshold, criterion="distance")
        order = np.lexsort((-rounded(np.ptp(x, axis=0)), cluster))
        first = np.r_[True, np.diff(cluster[order]) > 0]
        return np.isin(np.arange(x.shape[1]), order[first])


def _distances(x: np.ndarray) -> np.ndarray:
    """Return 1 - |Spearman| of each pair, in the order of `scipy.spatial.distance.pdist`."""
    unit = of_length_one(x, "spearman")
    count = x.shape[1]
    found = np.empty(count * (count - 1) // 2)
    stop = 0
    for start in range(0, count, _SLAB):
        products = np.abs(unit[:, start : start + _SLAB].T @ unit[:, start:])
        for i in range(len(products)):
            row = products[i, i + 1 :]
            found[stop : stop + len(row)] = np.round(np.maximum(1 - row, 0), _DECIMALS)
            stop += len(row)
    return found
