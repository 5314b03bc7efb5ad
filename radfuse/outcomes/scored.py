"""What outcomes that are predicted on their own scale, a value or the place of a grade, have alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pandas as pd

from radfuse.config import Section
from radfuse.evaluation.thresholds import Rule
from radfuse.statistics.links import LinkName


class ScoredOutcome(Section):
    """An outcome of one column whose models say a score in its unit; what each method is for says `kinds.OutcomeKind`.

    Units are ranked, and no unit is called.
    """

    link: ClassVar[LinkName] = "identity"
    measures: ClassVar[tuple[str, str]] = ("C", "squared error / variance")

    column: str
    """Column of the cohort table."""

    def columns(self) -> Mapping[str, str]:
        """Return the one column."""
        return {"column": self.column}

    def name(self) -> str:
        """Return the column's name."""
        return self.column

    def happened(self, units: pd.DataFrame) -> np.ndarray:
        """Return 1 where the outcome is above the median, else 0, shape (unit,)."""
        y = self.targets(units)
        return (y > np.median(y)).astype(int)

    def folds_possible(self, y: np.ndarray, patients: np.ndarray, wanted: int) -> int:
        """Return at most as many folds as there are patients; raises ValueError, see `ranked.folds_possible`."""
        from radfuse.outcomes.ranked import folds_possible

        return folds_possible(y, patients, wanted)

    def targets(self, units: pd.DataFrame) -> np.ndarray:
        """Return the values, or the place of each grade, float64, shape (unit,)."""
        return units[self.column].to_numpy(dtype="float64")

    def relevance(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the score test of each column, chi-squared; 0 for a constant column."""
        from radfuse.outcomes.ranked import relevance

        return relevance(x, y)

    def loss(self, y: np.ndarray, probability: np.ndarray) -> float:
        """Return the mean squared error over the variance of y; over 1 where that is 0."""
        return float(((probability - y) ** 2).mean() / (y.var() or 1.0))

    def discrimination(self, y: np.ndarray, probability: np.ndarray) -> float:
        """Return the share of pairs of two outcomes ranked right, 0.5 by chance; NaN where all are alike."""
        from radfuse.outcomes.ranked import discrimination

        return discrimination(y, probability)

    def threshold(self, y: np.ndarray, probability: np.ndarray, rule: Rule) -> float:
        """Return 0: no unit is called."""
        return 0.0

    def thresholds(self, y: np.ndarray, probability: np.ndarray) -> Mapping[str, float]:
        """Return nothing: no unit is called."""
        return {}
