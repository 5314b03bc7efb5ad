"""The correlation filter: of columns that say nearly the same, the most relevant stays."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from radfuse.config import Section
from radfuse.fusion.parts import Outcome, Settings


class Correlation(Section):
    """Of two columns that say nearly the same, keep the one nearer to the outcome."""

    kind: Literal["correlation"] = "correlation"
    threshold: float = Field(default=0.9, gt=0, le=1)
    """Largest absolute Spearman correlation allowed."""

    def candidates(self) -> tuple[Settings, ...]:
        """Return nothing to tune."""
        return ({},)

    def jointly(self) -> bool:
        """Return False: it works block by block."""
        return False

    def choose(self, x: np.ndarray, y: np.ndarray, settings: Settings, outcome: Outcome) -> np.ndarray:
        """Walk the columns from the most to the least relevant; keep one if no kept one is nearly the same.

        Memory grows with kept columns, not with the square of all.
        """
        from scipy import stats

        ranks = stats.rankdata(x, axis=0)
        ranks -= ranks.mean(axis=0)
        length = np.sqrt((ranks**2).sum(axis=0))
        ranks /= np.where(length > 0, length, 1)
        free = length > 0
        kept = np.zeros(x.shape[1], dtype=bool)
        for column in np.argsort(-outcome.relevance(x, y), kind="stable"):
            if not free[column]:
                continue
            kept[column] = True
            left = np.flatnonzero(free)
            free[left[np.abs(ranks[:, column] @ ranks[:, left]) > self.threshold]] = False
            free[column] = False
        return kept
