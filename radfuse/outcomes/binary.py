"""A binary outcome: an event that a unit has or has not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pandas as pd

from radfuse.cohort.cells import declared, whole_numbers
from radfuse.cohort.spreadsheet import Table, spellings, to_numbers
from radfuse.config import Section, Word, nearest
from radfuse.errors import Finding, counted, listed
from radfuse.evaluation.thresholds import USUAL, Rule, name_of, threshold_of
from radfuse.outcomes.faults import coded_otherwise, event_as_named, fewer_folds, missing
from radfuse.statistics.links import LinkName

if TYPE_CHECKING:
    from radfuse.results import Comparison, Performance

_FEW_CLASSES = 8
"""Texts of a column of classes; more are dates, or remarks."""


class BinaryOutcome(Section):
    """An event, or none; what each method is for says `radfuse.outcomes.kinds.OutcomeKind`."""

    link: ClassVar[LinkName] = "logit"

    column: str
    """Column of the cohort table."""
    kind: Literal["binary"] = "binary"
    positive: Word | None = None
    """Text of the event; None where the column holds 0 and 1, true and false, or yes and no."""

    def columns(self) -> Mapping[str, str]:
        """Return the one column."""
        return {"column": self.column}

    def read(self, table: Table, new: bool) -> tuple[dict[str, pd.Series], list[Finding]]:
        """Return the column as 0.0 and 1.0, and what is wrong with it; no column where words cannot be told apart."""
        text = table.text(self.column)
        if self.positive is not None:
            text = declared(whole_numbers(text), spellings(self.positive))
        findings = missing(text, self.column)
        found = sorted(set(text.dropna()))
        values, wrong = self._words(text, found, new) if self.positive is not None else self._numbers(table, found, new)
        findings += wrong
        if values is None:
            return {}, findings
        if len(found) == 1 and len(text) > 1 and not new:
            alike = f"every case has the outcome {found[0]!r}; there is nothing to tell apart; add cases of the other"
            findings.append(Finding(alike, None, self.column))
        return {self.column: values}, findings

    def _words(self, text: pd.Series, found: list[str], new: bool) -> tuple[pd.Series | None, list[Finding]]:
        """Return 1.0 where the column holds the event's word, in any capitals where it is true, false, yes or no."""
        event = spellings(str(self.positive))
        if (
            not event & set(found)
            and found
            and (not new or len(found) > 1 or coded_otherwise(str(self.positive), found))
        ):
            hint = nearest(str(self.positive), found)
            message = f"no row holds {event_as_named(str(self.positive), new)}{hint}"
            return None, [Finding(message, None, self.column)]
        values = text.isin(event).astype("float64").where(text.notna())
        if len(found) <= 2:
            return values, []
        shown = listed(map(repr, found))
        return values, [
            Finding(
                f"a binary outcome has two values; found {len(found)}: {shown}; make it two, or exclude cases",
                None,
                self.column,
            )
        ]

    def _numbers(self, table: Table, found: list[str], new: bool) -> tuple[pd.Series | None, list[Finding]]:
        """Return the column's own 0 and 1, or what its words of truth stand for."""
        values, wrong = to_numbers(table.cells[self.column])
        if wrong.any() and len(found) == 2:
            first, second = (word if word.isalnum() else repr(word) for word in found)
            mend = f"say which is the event: cohort.outcome.positive: {second}, or {first}"
            message = f"holds the words {found[0]!r} and {found[1]!r}; {mend}"
            return None, [Finding(message, None, self.column)]
        odd = values.index[wrong | (values.notna() & ~values.isin([0.0, 1.0]))]
        if wrong.sum() > max(3, 0.3 * len(values)):
            return None, [Finding(_of_words(found, new), None, self.column)]
        text = table.text(self.column)
        if len(odd) > max(3, 0.3 * len(values)) and not wrong.any():
            return None, [Finding(_of_another_kind(found, new), None, self.column)]
        findings = [
            Finding(f"a binary outcome is 0 or 1; found {text[index]!r}; correct it", index, self.column)
            for index in odd
        ]
        return (None if findings else values), findings

    def name(self) -> str:
        """Return the column's name."""
        return self.column

    def event_name(self) -> str:
        """Return the event's word, "1" where there is none."""
        return self.positive or "1"

    def check_folds(self, frame: pd.DataFrame, patient: str, folds: int) -> Iterator[Finding]:
        """Yield that fewer patients have the rarer outcome than there are folds."""
        if self.column not in frame:
            return
        counts = frame.dropna(subset=[self.column]).groupby(self.column)[patient].nunique()
        if len(counts) == 2 and counts.min() < folds:
            rarer = "an event" if counts.idxmin() == 1 else "no event"
            who = counted(int(counts.min()), "patient has", "patients have")
            yield Finding(
                f"{who} {rarer}, fewer than the {folds} folds, so some fold would hold one "
                f"class only; {fewer_folds(counts.min())}",
                None,
                self.column,
            )

    def labels(self, units: pd.DataFrame) -> np.ndarray:
        """Return 0 or 1, shape (unit,)."""
        return units[self.column].to_numpy().astype(int)

    def folds_possible(self, y: np.ndarray, patients: np.ndarray, wanted: int) -> int:
        """Return at most as many folds as patients have the rarer outcome.

        Raises:
            ValueError: fewer than two patients have it.
        """
        per_class = [len(set(patients[y == value])) for value in (0, 1)]
        if min(per_class) < 2:
            who = counted(per_class[1], "patient")
            raise ValueError(f"{who} with an event and {per_class[0]} without are too few for inner folds")
        return min(wanted, *per_class)

    def targets(self, units: pd.DataFrame) -> np.ndarray:
        """Return 0 or 1, shape (unit,)."""
        return self.labels(units)

    def observed(self, units: pd.DataFrame) -> Mapping[str, np.ndarray]:
        """Return the column `outcome` of 0 and 1."""
        return {"outcome": self.labels(units)}

    def relevance(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the one-way ANOVA F statistic of each column between the two classes; 0 for a constant column.

        Args:
            x: float64, shape (unit, column).
            y: 0 or 1, shape (unit,).
        """
        first, second = x[y == 1], x[y == 0]
        n1, n2 = len(first), len(second)
        within = first.var(axis=0) * n1 + second.var(axis=0) * n2
        between = n1 * n2 / (n1 + n2) * (first.mean(axis=0) - second.mean(axis=0)) ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            f = between / (within / max(n1 + n2 - 2, 1))
        constant = np.ptp(x, axis=0) == 0
        return np.where(constant, 0.0, np.nan_to_num(f, nan=0.0, posinf=1e300))

    def loss(self, y: np.ndarray, probability: np.ndarray) -> float:
        """Return the mean negative log likelihood."""
        p = np.clip(probability, 1e-12, 1 - 1e-12)
        return float(-np.mean(np.where(y == 1, np.log(p), np.log1p(-p))))

    def discrimination(self, y: np.ndarray, probability: np.ndarray) -> float:
        """Return the area under the ROC curve; NaN where a class is absent."""
        from radfuse.statistics.auc import auc

        return auc(y, probability)

    def threshold(self, y: np.ndarray, probability: np.ndarray, rule: Rule) -> float:
        """Return the threshold that a rule chooses; see `evaluation.thresholds.threshold_of`."""
        return threshold_of(y, probability, rule)

    def thresholds(self, y: np.ndarray, probability: np.ndarray) -> Mapping[str, float]:
        """Return the threshold of every usual rule, by its name."""
        return {name_of(rule): threshold_of(y, probability, rule) for rule in USUAL}

    def measure(self, predictions: pd.DataFrame) -> Performance:
        """Return discrimination, calibration and shares at the threshold; see `performance.measure`."""
        from radfuse.outcomes.performance import measure

        return measure(predictions)

    def compare(self, predictions: pd.DataFrame, families: Sequence[str]) -> tuple[Comparison, ...]:
        """Return differences in AUC, adjusted by Holm; see `performance.compare`."""
        from radfuse.outcomes.performance import compare

        return compare(predictions, families)

    def sections(self) -> tuple[str, ...]:
        """Return the sections of a classification study."""
        return (
            *("overview", "cohort", "segmentation", "review", "visits", "discrimination", "calls", "comparison"),
            *("readers", "subgroups", "variants", "internal", "learning_curve", "calibration", "decision", "scores"),
            *("features", "explanation", "nomogram"),
            *("audit", "findings", "methods", "checklists", "throughput", "settings"),
        )

    def evaluation_sections(self) -> tuple[str, ...]:
        """Return the sections of a classification on other patients."""
        return ("overview", "discrimination", "calls", "comparison", "calibration", "decision", "settings")


def _of_another_kind(found: Sequence[str], new: bool) -> str:
    """Return what a column of these numbers is, where many are neither 0 nor 1."""
    what = f"a binary outcome is 0 or 1; the column holds {listed(map(repr, found), 6)}"
    if new:
        return f"{what}: write 0 and 1"
    if len(found) == 2:
        return f"{what}: say which is the event, cohort.outcome.positive: {found[1]}"
    return f"{what}: a measurement is an outcome of kind continuous, grades are one of kind ordinal"


def _of_words(found: Sequence[str], new: bool) -> str:
    """Return what to do about a column of more than two texts, most of which are no numbers."""
    what = f"a binary outcome has two values; the column holds {len(found)}: {listed(map(repr, found), 6)}"
    if new:
        return f"{what}: write them as the study had them"
    if len(found) == 1:
        return f"every case has the outcome {found[0]!r}: there is nothing to tell apart; add cases of the other kind"
    mend = "make it two and say which is the event (cohort.outcome.positive), or exclude cases"
    return f"{what}: {mend}, or set kind: multiclass" if len(found) <= _FEW_CLASSES else f"{what}: name another column"
