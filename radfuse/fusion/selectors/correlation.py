"""The correlation filter: of columns that say nearly the same, the most relevant stays."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from radfuse.fusion.link import EVERY_KIND
from radfuse.fusion.parts import Outcome, Settings
from radfuse.fusion.selectors.step import Step
from radfuse.fusion.selectors.ties import rounded

_SLAB = 1024
"""Columns whose correlations are computed at once, with as many others at a time."""
_ROUNDING = 1e-12
"""Of a correlation: the same two columns give the same answer in any order."""


class Correlation(Step):
    """Of two columns that say nearly the same, keep the one nearer to the outcome."""

    serves: ClassVar[tuple[str, ...]] = EVERY_KIND
    kind: Literal["correlation"] = "correlation"
    threshold: float = Field(default=0.9, gt=0, le=1)
    """Largest absolute correlation allowed."""
    method: Literal["spearman", "pearson"] = "spearman"
    """Of ranks, or of the values themselves."""

    def choose(self, x: np.ndarray, y: np.ndarray, settings: Settings, outcome: Outcome) -> np.ndarray:
        """Walk the columns from the most to the least relevant; keep one if no kept one is nearly the same.

        Correlations are products of matrices: of a slab of columns with those kept before it, then among themselves.
        """
        unit = of_length_one(x, self.method)
        most = self.threshold + _ROUNDING
        order = np.argsort(-rounded(outcome.relevance(x, y)), kind="stable")
        order = order[np.any(unit != 0, axis=0)[order]]
        kept = np.zeros(0, dtype=int)
        for start in range(0, len(order), _SLAB):
            slab = order[start : start + _SLAB]
            for other in range(0, len(kept), _SLAB):
                alike = np.abs(unit[:, kept[other : other + _SLAB]].T @ unit[:, slab]) > most
                slab = slab[~alike.any(axis=0)]
            alike = np.abs(unit[:, slab].T @ unit[:, slab]) > most
            free = np.ones(len(slab), dtype=bool)
            for i in range(len(slab)):
                if free[i]:
                    free[i + 1 :] &= ~alike[i, i + 1 :]
            kept = np.concatenate([kept, slab[free]])
        return np.isin(np.arange(x.shape[1]), kept)


def of_length_one(x: np.ndarray, method: Literal["spearman", "pearson"]) -> np.ndarray:
    """Return columns whose products are their correlations; nought where a column is constant.

    Args:
        x: float64, shape (unit, column).
        method: "spearman" takes ranks, ties at their mean.
    """
    from scipy import stats

    unit = np.empty(x.shape)
    for start in range(0, x.shape[1], _SLAB):
        slab = x[:, start : start + _SLAB]
        values = stats.rankdata(slab, axis=0) if method == "spearman" else slab
        values = values - values.mean(axis=0)
        length = np.sqrt((values**2).sum(axis=0))
        unit[:, start : start + _SLAB] = values / np.where(length > 0, length, 1)
    return unit
