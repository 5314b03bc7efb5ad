"""What the report of a frozen bundle on other patients shows, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from radfuse.report.palette import Look, looks
from radfuse.report.printed import number
from radfuse.report.study import Made
from radfuse.results import Comparison


@dataclass(frozen=True)
class EvaluationReport:
    """Everything the report shows.

    Attributes:
        title: of the study.
        table: name of the patients' table.
        outcome: what is predicted.
        event: what counts as the event, in words of the table.
        unit: columns that name a unit.
        performance: here, of each family measured, of the outcome's kind: `radfuse.results.Measured`.
        comparisons: here.
        before: family -> performance in the study, all families in their order.
        trained_units: units at training.
        predictions: a row per family and unit.
        versions: of Python and packages, at training.
        sections: names of what is shown, in order.
        made: when, by what, and how to do it again.
        recalibration: family -> intercept and slope that these patients call for; empty where not asked for.
        remarks: what a reader should know, in sentences.
    """

    title: str
    table: str
    outcome: str
    event: str
    unit: Sequence[str]
    performance: Sequence[Any]
    comparisons: Sequence[Comparison]
    before: Mapping[str, Any]
    trained_units: int
    predictions: pd.DataFrame
    versions: Mapping[str, str]
    sections: Sequence[str]
    made: Made
    recalibration: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    remarks: Sequence[str] = ()

    @property
    def thresholds(self) -> Mapping[str, str]:
        """Of each family, the bundle's."""
        return {str(name): number(rows["threshold"].iloc[0], 2) for name, rows in self.predictions.groupby("family")}

    @property
    def looks(self) -> Mapping[str, Look]:
        """How each family is drawn: as in the study's report."""
        return looks(self.before)

    @property
    def colours(self) -> Mapping[str, str]:
        """Colour of each family, for tables."""
        return {family: look.colour for family, look in self.looks.items()}
