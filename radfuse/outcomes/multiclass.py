"""An outcome of several classes without an order, as the type of a tumour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from radfuse.cohort.cells import declared, whole_numbers
from radfuse.cohort.spreadsheet import Table
from radfuse.config import Section, Word
from radfuse.errors import Finding, counted, listed
from radfuse.evaluation.thresholds import Rule
from radfuse.outcomes.binary import BinaryOutcome
from radfuse.outcomes.class_names import FEWEST, MOST, faults, in_order
from radfuse.outcomes.faults import too_few_of_levels
from radfuse.results import Classes
from radfuse.statistics.links import LinkName

if TYPE_CHECKING:
    from radfuse.results import Comparison, MulticlassPerformance


class MulticlassOutcome(Section):
    """A class; models predict the probability of each, by a fused family of each class against the rest.

    What each method is for says `radfuse.outcomes.kinds.OutcomeKind`; y is 1 in the column of the unit's class, else
    0, and a probability has shape (unit, class).
    """

    link: ClassVar[LinkName] = "softmax"
    measures: ClassVar[tuple[str, str]] = ("macro AUC", "log loss")

    column: str
    """Column of the cohort table."""
    kind: Literal["multiclass"] = "multiclass"
    levels: tuple[Word, ...] = Field(default=(), max_length=MOST)
    """The classes as the column has them, 3 to 10, in the order they are shown in; empty: all words of the column."""

    @field_validator("levels")
    @classmethod
    def _classes(cls, levels: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(levels)) < len(levels):
            raise ValueError(f"a class stands twice: {', '.join(levels)}; remove one")
        if 0 < len(levels) < FEWEST:
            many = counted(len(levels), "class is", "classes are")
            raise ValueError(f"{many} too few; two are an outcome of kind binary with `positive`")
        return levels

    def columns(self) -> Mapping[str, str]:
        """Return the one column."""
        return {"column": self.column}

    def read(self, table: Table, new: bool) -> tuple[dict[str, pd.Series], list[Finding]]:
        """Return the class of each case as text, and what is wrong with the column."""
        text = table.text(self.column)
        text = declared(text, self.levels) if self.levels else whole_numbers(text)
        findings = list(faults(text, self.column, self.levels, new=new))
        return ({} if findings else {self.column: text}), findings

    def name(self) -> str:
        """Return the column's name."""
        return self.column

    def event_name(self) -> str:
        """Return the classes, for lack of an event."""
        *most, last = self.levels or ("a class",)
        return f"{', '.join(most)} or {last}" if most else last

    def settled(self, units: pd.DataFrame) -> MulticlassOutcome:
        """Return the same with the classes of a study's units written down, numbers in their order."""
        return self if self.levels else self.model_copy(update={"levels": in_order(units[self.column])})

    def each(self) -> tuple[BinaryOutcome, ...]:
        """Return the binary outcome of each class against the rest."""
        return tuple(BinaryOutcome(column=self.column, positive=level) for level in self.levels)

    def check_folds(self, frame: pd.DataFrame, patient: str, folds: int) -> Iterator[Finding]:
        """Yield each class that occurs in fewer patients than there are folds."""
        about = (None, "class", "join it with another class")
        yield from too_few_of_levels(frame, patient, self.column, folds, *about)

    def labels(self, units: pd.DataFrame) -> np.ndarray:
        """Return the place of each class among them, shape (unit,)."""
        return self.targets(units).argmax(axis=1)

    def strata(self, units: pd.DataFrame) -> np.ndarray:
        """Return a number for the class of each unit, shape (unit,), in the order they come: names deal no folds."""
        return pd.factorize(units[self.column].to_numpy(dtype=object))[0]

    def happened(self, units: pd.DataFrame) -> np.ndarray:
        """Return 1 where the class is another than the commonest, else 0, shape (unit,)."""
        y = self.targets(units)
        return (y[:, y.sum(axis=0).argmax()] == 0).astype(int)

    def folds_possible(self, y: np.ndarray, patients: np.ndarray, wanted: int) -> int:
        """Return at most as many folds as patients have the rarest class.

        Raises:
            ValueError: fewer than two patients have it.
        """
        counts = [len(set(patients[y[:, place] == 1])) for place in range(y.shape[1])]
        if min(counts) < 2:
            names = self.levels or tuple(str(place + 1) for place in range(y.shape[1]))
            rare = [f"{name!r} {count}" for name, count in zip(names, counts, strict=True) if count < 2]
            raise ValueError(f"patients of a class are too few for inner folds: {listed(rare)}")
        return min(wanted, *counts)

    def targets(self, units: pd.DataFrame) -> np.ndarray:
        """Return 1 in the column of the unit's class, else 0, float64, shape (unit, class)."""
        names = np.array(self.settled(units).levels, dtype=object)
        return (units[self.column].to_numpy(dtype=object)[:, None] == names).astype(float)

    def observed(self, units: pd.DataFrame) -> Mapping[str, np.ndarray]:
        """Return the column `outcome`, the class of each unit."""
        return {"outcome": units[self.column].to_numpy(dtype=object)}

    def relevance(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the one-way ANOVA F statistic of each column between the classes; 0 for a constant column."""
        sizes = y.sum(axis=0)
        means = y.T @ x / np.maximum(sizes, 1)[:, None]
        between = sizes @ (means - x.mean(axis=0)) ** 2 / max((sizes > 0).sum() - 1, 1)
        within = ((x - y @ means) ** 2).sum(axis=0) / max(len(x) - int((sizes > 0).sum()), 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            f = between / within
        return np.where(np.ptp(x, axis=0) == 0, 0.0, np.nan_to_num(f, nan=0.0, posinf=1e300))

    def loss(self, y: np.ndarray, probability: np.ndarray) -> float:
        """Return the mean negative log likelihood."""
        return float(-np.log(np.clip((y * probability).sum(axis=1), 1e-12, 1.0)).mean())

    def discrimination(self, y: np.ndarray, probability: np.ndarray) -> float:
        """Return the mean over classes of the AUC of each against the rest; NaN where one class alone is there."""
        from radfuse.statistics.auc import auc

        found = [auc(y[:, place], probability[:, place]) for place in range(y.shape[1])]
        return float(np.nanmean(found)) if not np.isnan(found).all() else float("nan")

    def threshold(self, y: np.ndarray, probability: np.ndarray, rule: Rule) -> float:
        """Return 0: a unit is given the class of the largest probability."""
        return 0.0

    def thresholds(self, y: np.ndarray, probability: np.ndarray) -> Mapping[str, float]:
        """Return nothing: no unit is called."""
        return {}

    def beside(self, y: np.ndarray, probability: np.ndarray) -> Classes:
        """Return the names of the classes, as a table of them may not be there when they are read."""
        return Classes(names=self.levels)

    def predicted(self, fit: Classes, probability: np.ndarray) -> dict[str, np.ndarray]:
        """Return columns that `measure` reads: the class given, the probability of it, and of each class."""
        given = np.array(fit.names, dtype=object)[probability.argmax(axis=1)]
        shown = {f"probability@{name}": probability[:, place] for place, name in enumerate(fit.names)}
        return {"probability": probability.max(axis=1), **shown, "class": given}

    def told(self, fit: Classes, probability: np.ndarray) -> dict[str, np.ndarray]:
        """Return what a reader of predictions sees of each unit: its class, and the probability of each."""
        found = self.predicted(fit, probability)
        return {"class": found["class"], **{f"probability@{name}": found[f"probability@{name}"] for name in fit.names}}

    def measure(self, predictions: pd.DataFrame) -> MulticlassPerformance:
        """Return discrimination, agreement and calibration; see `multiclass_performance.measure`."""
        from radfuse.outcomes.multiclass_performance import measure

        return measure(predictions)

    def compare(self, predictions: pd.DataFrame, families: Sequence[str]) -> tuple[Comparison, ...]:
        """Return differences in macro AUC, adjusted by Holm; the loss is the log loss."""
        from radfuse.outcomes.multiclass_performance import compare

        return compare(predictions, families)

    def sections(self) -> tuple[str, ...]:
        """Return the sections of a study of several classes."""
        return (
            *("multiclass_overview", "cohort", "segmentation", "review", "visits", "multiclass"),
            *("comparison", "subgroups"),
            *("variants", "internal", "learning_curve", "multiclass_calibration", "features", "explanation"),
            *("audit", "findings", "methods", "checklists", "throughput", "settings"),
        )

    def evaluation_sections(self) -> tuple[str, ...]:
        """Return the sections of classes on other patients."""
        return ("multiclass_overview", "multiclass", "comparison", "multiclass_calibration", "settings")
