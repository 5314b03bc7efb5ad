"""The kinds of outcome a study may name, and what each has to offer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Protocol, get_args

import numpy as np
import pandas as pd
from pydantic import BeforeValidator, Field

from radfuse.cohort.spreadsheet import Table
from radfuse.errors import Finding
from radfuse.evaluation.thresholds import Rule
from radfuse.extend import own_parts
from radfuse.outcomes.binary import BinaryOutcome
from radfuse.outcomes.continuous import ContinuousOutcome
from radfuse.outcomes.multiclass import MulticlassOutcome
from radfuse.outcomes.ordinal import OrdinalOutcome
from radfuse.outcomes.survival import SurvivalOutcome

if TYPE_CHECKING:
    from radfuse.results import AnyPerformance, Comparison


class OutcomeKind(Protocol):
    """What a kind of outcome offers to cohorts, folds, models and reports.

    `units` is a frame of a row per unit that holds the columns `read` made; `y` is what `targets` made of them;
    `probability` is what a model predicted, shape (unit,). Whoever changes little derives from `BinaryOutcome`.

    It may have more: `link`, "logit" where it names none, on which scores of models add up; `measures`, the names of
    `discrimination` and `loss`, ("AUC", "log loss") where it names none; `happened(units)`, 1 where
    a unit has the event, where that is another thing than `labels`; `strata(units)`, finer classes that folds are
    stratified by; `average(y)`, the probability of a unit of which
    nothing is known, the mean of y where it says nothing; `beside(y, probability)`, what has to stand beside fitted
    probabilities to be told all that is predicted, made of out-of-fold probabilities of training units; with it
    `predicted(fit, probability)`, columns that `measure` reads, `told(fit, probability)`, columns for the reader of
    predictions, and `readings(fit)`, what a nomogram reads off a score, the model's own probability first;
    `at_risk(table)`, whether each case takes part, where some are left out by what the outcome says;
    `cautions(y)`, sentences on what a training set lacks; `settled(units)`, itself with all that it takes from the
    units of a study written down; `said`, the name of what models say in files of predictions,
    where it is no probability.
    """

    def columns(self) -> Mapping[str, str]:
        """Return the columns of the cohort table it reads: setting -> column."""

    def read(self, table: Table, new: bool) -> tuple[dict[str, pd.Series], list[Finding]]:
        """Return its columns as numbers, index as `table.cells`, and what is wrong with them.

        `new`: patients that nothing will be trained on, so that one class alone is fine.
        """

    def name(self) -> str:
        """Return what is predicted, in a word."""

    def event_name(self) -> str:
        """Return what counts as the event, in the table's words."""

    def check_folds(self, frame: pd.DataFrame, patient: str, folds: int) -> Iterator[Finding]:
        """Yield why so many folds cannot be filled; `frame` has a row per case, and may lack the outcome."""

    def labels(self, units: pd.DataFrame) -> np.ndarray | None:
        """Return the class of each unit that folds are stratified by; None where there are none."""

    def folds_possible(self, y: np.ndarray, patients: np.ndarray, wanted: int) -> int:
        """Return how many inner folds a training set allows, at most `wanted`.

        Raises:
            ValueError: it allows none, and why.
        """

    def targets(self, units: pd.DataFrame) -> np.ndarray:
        """Return what models are fitted to, a row per unit."""

    def observed(self, units: pd.DataFrame) -> Mapping[str, np.ndarray]:
        """Return the columns that stand beside predictions for `measure`."""

    def relevance(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return how much each column of `x`, shape (unit, column), says about the outcome; 0 for a constant."""

    def loss(self, y: np.ndarray, probability: np.ndarray) -> float:
        """Return what tuning makes small."""

    def discrimination(self, y: np.ndarray, probability: np.ndarray) -> float:
        """Return how well the units are ranked, 0.5 by chance; NaN where it cannot be told."""

    def threshold(self, y: np.ndarray, probability: np.ndarray, rule: Rule) -> float:
        """Return the probability from which a unit is called; `rule` is `fusion.threshold`."""

    def thresholds(self, y: np.ndarray, probability: np.ndarray) -> Mapping[str, float]:
        """Return name -> threshold of every usual rule; empty where nothing is called."""

    def measure(self, predictions: pd.DataFrame) -> AnyPerformance:
        """Return the performance of one family; columns as `radfuse.outcomes.performance.measure` names them."""

    def compare(self, predictions: pd.DataFrame, families: Sequence[str]) -> tuple[Comparison, ...]:
        """Return every pair of families, compared on the units that both predict."""

    def sections(self) -> tuple[str, ...]:
        """Return the sections of the study's report, in order."""

    def evaluation_sections(self) -> tuple[str, ...]:
        """Return the sections of an evaluation's report, in order."""


_KINDS = BinaryOutcome | SurvivalOutcome | ContinuousOutcome | OrdinalOutcome | MulticlassOutcome


def _settings(said: object) -> object:
    """Return settings where a column alone is named: an event."""
    kinds = {kind.model_fields["kind"].default for kind in get_args(_KINDS)}
    return {"column": said} if isinstance(said, str) and said.strip() and said not in kinds else said


Outcome = Annotated[
    _KINDS,
    Field(discriminator="kind"),
    *own_parts(OutcomeKind, "an outcome", usual="binary"),
    BeforeValidator(_settings),
]
"""What is predicted."""


def strata(outcome: Outcome, units: pd.DataFrame) -> np.ndarray | None:
    """Return the class of each unit that folds are stratified by, shape (unit,); None where there are none."""
    found: np.ndarray | None = getattr(outcome, "strata", outcome.labels)(units)
    return found


def happened(outcome: Outcome, units: pd.DataFrame) -> np.ndarray:
    """Return 1 for each unit that has the event, else 0, shape (unit,)."""
    found = getattr(outcome, "happened", outcome.labels)(units)
    return np.asarray(found)


def drawn_apart(outcome: Outcome, units: pd.DataFrame) -> np.ndarray:
    """Return the class of each unit of which a share of the patients has as many: one of several, or the event."""
    return outcome.labels(units) if isinstance(outcome, MulticlassOutcome) else happened(outcome, units)


def explained(outcome: Outcome, units: pd.DataFrame) -> dict[str, tuple[Outcome, np.ndarray]]:
    """Return what families are explained of, with its targets: the outcome by the name "", or each class by its own.

    A class is explained as a binary outcome against the rest.
    """
    known = settled(outcome, units)
    y = known.targets(units)
    if not isinstance(known, MulticlassOutcome):
        return {"": (known, y)}
    return {name: (own, y[:, k]) for k, (name, own) in enumerate(zip(known.levels, known.each(), strict=True))}


def settled(outcome: Outcome, units: pd.DataFrame) -> Outcome:
    """Return an outcome with all that it takes from the units of a study written down, for whoever has not these."""
    found: Outcome = outcome.settled(units) if hasattr(outcome, "settled") else outcome
    return found
