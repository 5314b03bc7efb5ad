"""A continuous outcome: a number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pandas as pd

from radfuse.cohort.spreadsheet import Table
from radfuse.errors import Finding
from radfuse.outcomes.faults import MEND, numbers
from radfuse.outcomes.scored import ScoredOutcome

if TYPE_CHECKING:
    from radfuse.results import Comparison, ContinuousPerformance


class ContinuousOutcome(ScoredOutcome):
    """A number; models predict it in its own unit. What each method is for says `kinds.OutcomeKind`."""

    said: ClassVar[str] = "prediction"

    kind: Literal["continuous"] = "continuous"
    unit: str = ""
    """Of the numbers, for the report: mm."""

    def read(self, table: Table, new: bool) -> tuple[dict[str, pd.Series], list[Finding]]:
        """Return the column as float64, and what is wrong with it."""
        values, findings = numbers(table, self.column, "a continuous outcome")
        text = table.text(self.column)
        findings += [
            Finding(f"a continuous outcome is a finite number; found {text[index]!r}; {MEND}", index, self.column)
            for index in values.index[np.isinf(values)]
        ]
        if findings:
            return {}, findings
        if not new and len(values) > 1 and values.nunique() == 1:
            alike = f"every case has the outcome {text.iloc[0]!r}; there is nothing to learn; add cases with others"
            return {}, [Finding(alike, None, self.column)]
        return {self.column: values}, []

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

    def observed(self, units: pd.DataFrame) -> Mapping[str, np.ndarray]:
        """Return the column `outcome`."""
        return {"outcome": self.targets(units)}

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
            *(
                "continuous_overview",
                "cohort",
                "segmentation",
                "review",
                "visits",
                "continuous",
                "comparison",
                "subgroups",
                "variants",
            ),
            *("internal", "learning_curve", "continuous_calibration", "features", "explanation"),
            *("audit", "findings", "methods", "checklists", "throughput", "settings"),
        )

    def evaluation_sections(self) -> tuple[str, ...]:
        """Return the sections of predicted values on other patients."""
        return ("continuous_overview", "continuous", "comparison", "continuous_calibration", "settings")
