"""A continuous outcome: a number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pandas as pd

from radfuse.cohort.spreadsheet import Table, to_numbers
from radfuse.config import Section
from radfuse.errors import Finding
from radfuse.evaluation.thresholds import Rule
from radfuse.statistics.links import LinkName

if TYPE_CHECKING:
    from radfuse.results import Comparison, ContinuousPerformance

_MEND = "correct it, or list the case under cohort.exclude"


class ContinuousOutcome(Section):
    """A number; models predict it in its own unit. What each method is for says `kinds.OutcomeKind`."""

    link: ClassVar[LinkName] = "identity"
    said: ClassVar[str] = "prediction"

    column: str
    """Column of the cohort table."""
    kind: Literal["continuous"] = "continuous"
    unit: str = ""
    """Of the numbers, for the report: mm."""

    def columns(self) -> Mapping[str, str]:
        """Return the one column."""
        return {"column": self.column}

    def read(self, table: Table, new: bool) -> tuple[dict[str, pd.Series], list[Finding]]:
        """Return the column as float64, and what is wrong with it."""
        values, wrong = to_numbers(table.cells[self.column])
        text = table.text(self.column)
        missing = "the outcome is missing; fill it, or list the case under cohort.exclude"
        findings = [Finding(missing, index, self.column) for index in text.index[text.isna()]]
        odd = values.index[wrong | (values.notna() & ~np.isfinite(values))]
        findings += [
            Finding(f"a continuous outcome is a number; found {text[index]!r}; {_MEND}", index, self.column)
            for index in odd
        ]
        if findings:
            return {}, findings
        if not new and len(values) > 1 and values.nunique() == 1:
            alike = f"every case has the outcome {text.iloc[0]!r}; there is nothing to learn; add cases with others"
            return {}, [Finding(alike, None, self.column)]
        return {self.column: values}, []

    def name(self) -> str:
        """Return the column's name."""
        return self.column

    def event_name(self) -> str:
        """Return the unit, for lack of an event."""
        return f"a value in {self.unit}" if self.unit else "a value"

    def check_folds(self, frame: pd.DataFrame, patient: str, folds: int) -> Iterator[Finding]:
        """Yield nothing: whoever has patients for the folds has values for them."""
        yield from ()

    def labels(self, units: pd.DataFrame) -> np.ndarray | None:
        """Return None: there are no classes."""
        return None

    def strata(self, units: pd.DataFrame) -> np.ndarray | None:
        """Return the quantile group of each unit that folds are stratified by; None where units are few."""
        from radfuse.outcomes.ranked import quantile_strata

        return quantile_strata(self.targets(units))

    def happened(self, units: pd.DataFrame) -> np.ndarray:
        """Return 1 where the value is above the median, else 0, shape (unit,)."""
        y = self.targets(units)
        return (y > np.median(y)).astype(int)

    def folds_possible(self, y: np.ndarray, patients: np.ndarray, wanted: int) -> int:
        """Return at most as many folds as there are patients; raises ValueError, see `ranked.folds_possible`."""
        from radfuse.outcomes.ranked import folds_possible

        return folds_possible(y, patients, wanted)

    def targets(self, units: pd.DataFrame) -> np.ndarray:
        """Return the values, float64, shape (unit,)."""
        return units[self.column].to_numpy(dtype="float64")

    def observed(self, units: pd.DataFrame) -> Mapping[str, np.ndarray]:
        """Return the column `outcome`."""
        return {"outcome": self.targets(units)}

    def relevance(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the score test of each column, chi-squared; 0 for a constant column."""
        from radfuse.outcomes.ranked import relevance

        return relevance(x, y)

    def loss(self, y: np.ndarray, probability: np.ndarray) -> float:
        """Return the mean squared error over the variance of y; over 1 where that is 0."""
        return float(((probability - y) ** 2).mean() / (y.var() or 1.0))

    def discrimination(self, y: np.ndarray, probability: np.ndarray) -> float:
        """Return the share of pairs ranked right, 0.5 by chance; NaN where all values are alike."""
        from radfuse.outcomes.ranked import discrimination

        return discrimination(y, probability)

    def threshold(self, y: np.ndarray, probability: np.ndarray, rule: Rule) -> float:
        """Return 0: no unit is called."""
        return 0.0

    def thresholds(self, y: np.ndarray, probability: np.ndarray) -> Mapping[str, float]:
        """Return nothing: no unit is called."""
        return {}

    def measure(self, predictions: pd.DataFrame) -> ContinuousPerformance:
        """Return discrimination, errors and calibration; see `continuous_performance.measure`."""
        from radfuse.outcomes.continuous_performance import measure

        return measure(predictions, self.unit)

    def compare(self, predictions: pd.DataFrame, families: Sequence[str]) -> tuple[Comparison, ...]:
        """Return differences in concordance, adjusted by Holm; the loss is squared error over the variance."""
        from radfuse.outcomes.continuous_performance import compare

        return compare(predictions, families)

    def sections(self) -> tuple[str, ...]:
        """Return the sections of a study of a continuous outcome."""
        return (
            *("cohort", "segmentation", "review", "continuous", "comparison", "continuous_calibration", "features"),
            *("audit", "findings", "throughput", "settings"),
        )

    def evaluation_sections(self) -> tuple[str, ...]:
        """Return the sections of predicted values on other patients."""
        return ("continuous", "comparison", "continuous_calibration", "settings")
