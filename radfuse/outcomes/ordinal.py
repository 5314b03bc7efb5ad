"""An ordinal outcome: one of several grades in their order, as Kellgren and Lawrence's or Pfirrmann's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from radfuse.cohort.cells import declared
from radfuse.cohort.spreadsheet import Table
from radfuse.config import Word
from radfuse.errors import Finding
from radfuse.outcomes.faults import missing, too_few_of_levels, undeclared
from radfuse.outcomes.scored import ScoredOutcome
from radfuse.results import OrdinalFit
from radfuse.statistics.ordinal import above_cuts, grade_probabilities, proportional_odds

if TYPE_CHECKING:
    from radfuse.results import Comparison, OrdinalPerformance


class OrdinalOutcome(ScoredOutcome):
    """A grade; models predict its place among the grades, from 0, and cut-points on that score make probabilities.

    The cut-points are those of proportional odds, fitted to inner out-of-fold scores. What each method is for says
    `radfuse.outcomes.kinds.OutcomeKind`.
    """

    said: ClassVar[str] = "score"

    kind: Literal["ordinal"] = "ordinal"
    levels: tuple[Word, ...] = Field(min_length=3)
    """All grades as the column has them, the lowest first: [0, 1, 2, 3, 4]."""

    @field_validator("levels")
    @classmethod
    def _once_each(cls, levels: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(levels)) < len(levels):
            raise ValueError(f"a level stands twice: {', '.join(levels)}; remove one")
        steps = pd.to_numeric(pd.Series(levels, dtype=object), errors="coerce").diff().dropna()
        if len(steps) == len(levels) - 1 and not ((steps > 0).all() or (steps < 0).all()):
            raise ValueError(f"the grades are numbers out of order: {', '.join(levels)}; name them the lowest first")
        return levels

    def read(self, table: Table, new: bool) -> tuple[dict[str, pd.Series], list[Finding]]:
        """Return the place of each grade among the levels, float64, and what is wrong with the column."""
        text = declared(table.text(self.column), self.levels)
        findings = missing(text, self.column)
        places = text.map({level: float(place) for place, level in enumerate(self.levels)}).astype("float64")
        findings += [
            Finding(undeclared("grade", text[index], self.levels, "add the level", new), index, self.column)
            for index in text.index[places.isna() & text.notna()]
        ]
        if findings:
            return {}, findings
        if not new and len(places) > 1 and places.nunique() == 1:
            alike = f"every case has the grade {text.iloc[0]!r}; there is nothing to learn; add cases of others"
            return {}, [Finding(alike, None, self.column)]
        return {self.column: places}, []

    def event_name(self) -> str:
        """Return the grades, for lack of an event."""
        return f"grade {', '.join(self.levels[:-1])} or {self.levels[-1]}"

    def check_folds(self, frame: pd.DataFrame, patient: str, folds: int) -> Iterator[Finding]:
        """Yield each grade that occurs in fewer patients than there are folds."""
        named = {float(place): level for place, level in enumerate(self.levels)}
        about = (named, "grade", "write it as its neighbour's")
        yield from too_few_of_levels(frame, patient, self.column, folds, *about)

    def labels(self, units: pd.DataFrame) -> np.ndarray | None:
        """Return the place of each grade, shape (unit,)."""
        return units[self.column].to_numpy().astype(int)

    def strata(self, units: pd.DataFrame) -> np.ndarray | None:
        """Return the class that folds are stratified by: the grade, rare ones joined with a neighbour."""
        from radfuse.outcomes.ranked import merged

        return merged(units[self.column].to_numpy().astype(int))

    def cautions(self, y: np.ndarray) -> list[str]:
        """Return, in a sentence, which grades a training set lacks, if any."""
        lacking = [level for place, level in enumerate(self.levels) if not (y == place).any()]
        if not lacking:
            return []
        which, whose = ("the grades", "their") if len(lacking) > 1 else ("the grade", "its")
        return [f"no training unit has {which} {', '.join(lacking)}, so that {whose} probability is 0"]

    def observed(self, units: pd.DataFrame) -> Mapping[str, np.ndarray]:
        """Return the column `outcome`, the place of each grade."""
        return {"outcome": units[self.column].to_numpy().astype(int)}

    def beside(self, y: np.ndarray, probability: np.ndarray) -> OrdinalFit:
        """Return the cut-points of a family, from out-of-fold scores of its training units."""
        slope, cuts = proportional_odds(y, probability, len(self.levels))
        return OrdinalFit(slope=slope, cuts=tuple(map(float, cuts)))

    def predicted(self, fit: OrdinalFit, probability: np.ndarray) -> dict[str, np.ndarray]:
        """Return the columns beside scores that `measure` reads: probability of each grade, expected and own grade."""
        found = grade_probabilities(above_cuts(fit.slope, np.array(fit.cuts), probability))
        expected = found @ np.arange(len(self.levels))
        shown = {f"probability@{level}": found[:, place] for place, level in enumerate(self.levels)}
        return {**shown, "expected": expected, "grade": np.rint(expected).astype(int)}

    def told(self, fit: OrdinalFit, probability: np.ndarray) -> dict[str, np.ndarray]:
        """Return what a reader of predictions sees of each unit beside its score: column -> values."""
        found = self.predicted(fit, probability)
        return {**found, "grade": np.array(self.levels, dtype=object)[found["grade"]]}

    def measure(self, predictions: pd.DataFrame) -> OrdinalPerformance:
        """Return discrimination, agreement and calibration; see `ordinal_performance.measure`."""
        from radfuse.outcomes.ordinal_performance import measure

        return measure(predictions, self.levels)

    def compare(self, predictions: pd.DataFrame, families: Sequence[str]) -> tuple[Comparison, ...]:
        """Return differences in concordance, adjusted by Holm; the loss is the ranked probability score."""
        from radfuse.outcomes.ordinal_performance import compare

        return compare(predictions, families, self.levels)

    def sections(self) -> tuple[str, ...]:
        """Return the sections of a study of grades."""
        return (
            *("ordinal_overview", "cohort", "segmentation", "review", "visits", "ordinal", "comparison"),
            *("subgroups", "variants", "internal", "learning_curve", "ordinal_calibration", "features", "explanation"),
            *("audit", "findings", "methods", "checklists", "throughput", "settings"),
        )

    def evaluation_sections(self) -> tuple[str, ...]:
        """Return the sections of grades on other patients."""
        return ("ordinal_overview", "ordinal", "comparison", "ordinal_calibration", "settings")
