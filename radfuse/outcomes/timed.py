"""Times to an event of a cohort table: what they mean, how they are read, and how folds are dealt by them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from radfuse.cohort.spreadsheet import Table, to_numbers
from radfuse.config import Section, Word
from radfuse.errors import Finding, counted
from radfuse.outcomes.faults import fewer_folds
from radfuse.outcomes.survival_table import coded_otherwise, events_of, follow_up, times_of

_GRID = 8
"""Times up to the horizon at which survival is measured."""
_SMALLEST_STRATUM = 20
"""Units of a third of the times, so that folds inside training sets still have some of each."""


class TimedOutcome(Section):
    """Time to an event, or to the end of observation; what each method is for says `kinds.OutcomeKind`."""

    time: str
    """Column of the cohort table: time from the start to the event, or to when the unit was last known without it."""
    event: str
    """Column that says whether the time is that of the event (1) or of the end of observation (0, censored)."""
    horizon: float = Field(gt=0)
    """Time by which the event is predicted, in the unit of `time`."""
    unit: str = ""
    """Of times, for the report: months."""
    times: tuple[float, ...] = ()
    """Times at which survival is predicted; empty: the horizon."""
    positive: Word | None = None
    """Text of the event where the column holds words or other codes; all others are censored at their time."""
    competing: tuple[Word, ...] = ()
    """Texts of events after which the predicted one can no longer come, as death of another cause: [2]. Models then
    are of the hazard of the predicted event, and probabilities are its cumulative incidence beside the others."""
    landmark: float = Field(default=0.0, ge=0)
    """Time from which on the event is predicted: units without an event and under observation then take part, and times
    and the horizon are counted from there. 0: from the start, all."""

    @model_validator(mode="after")
    def _in_time(self) -> Self:
        if self.time == self.event:
            raise ValueError(f"time and event are one column, {self.time!r}; name both")
        if any(time <= 0 for time in self.times) or sorted(set(self.times)) != list(self.times):
            raise ValueError("times must be above 0, rising, each once")
        rivals = [word.casefold() for word in self.competing]
        if (self.positive or "1").casefold() in rivals or len(set(rivals)) < len(rivals):
            raise ValueError(
                f"competing: {', '.join(self.competing)} must be others than the event {self.positive or '1'!r} "
                "(`positive`), each once"
            )
        return self

    @property
    def shown(self) -> tuple[float, ...]:
        """Times at which survival is predicted."""
        return self.times or (self.horizon,)

    @property
    def grid(self) -> np.ndarray:
        """Times up to the horizon at which survival is measured, shape (time,)."""
        return self.horizon * np.arange(1, _GRID + 1) / _GRID

    def columns(self) -> Mapping[str, str]:
        """Return the two columns."""
        return {"time": self.time, "event": self.event}

    def read(self, table: Table, new: bool) -> tuple[dict[str, pd.Series], list[Finding]]:
        """Return times above 0, counted from the landmark, and events as 0.0, 1.0 and, of competing ones, 2.0.

        And what is wrong with them.
        """
        time, findings = times_of(table, self.time)
        coded = coded_otherwise(table, self.event, new) if self.positive is None and not self.competing else None
        if coded is not None:
            return {}, [*findings, coded]
        columns, wrong = events_of(table, self.event, self.positive, self.competing, new)
        findings += wrong
        if not columns or findings:
            return {}, findings
        time = time - self.landmark
        if not new and time.max() > 0:
            findings += follow_up(time, columns[self.event], self.horizon, self.times)
        return {self.time: time, **columns}, findings

    def at_risk(self, table: Table) -> pd.Series:
        """Return whether each case is under observation at the landmark; True where its time is missing or a fault."""
        values, _ = to_numbers(table.cells[self.time])
        return ~((values > 0) & (values <= self.landmark))

    def name(self) -> str:
        """Return the column of events."""
        return self.event

    def event_name(self) -> str:
        """Return the event as the table has it, in quotes, and by when it is predicted."""
        word = f" = {self.positive}" if self.positive else ""
        return f"“{self.event}”{word} {self.by_when}"

    @property
    def by_when(self) -> str:
        """By when the event is predicted, in words."""
        found = f"by {self.horizon:g} {self.unit}".rstrip()
        return f"{found} after the landmark at {self.landmark:g}" if self.landmark else found

    def check_folds(self, frame: pd.DataFrame, patient: str, folds: int) -> Iterator[Finding]:
        """Yield that fewer patients have the event than there are folds."""
        if self.event not in frame:
            return
        count = int(frame.loc[frame[self.event] == 1, patient].nunique())
        if 0 < count < folds:
            who = counted(int(count), "patient has", "patients have")
            text = f"{who} the event, fewer than the {folds} folds, so some fold would hold none"
            yield Finding(f"{text}; {fewer_folds(count)}", None, self.event)

    def labels(self, units: pd.DataFrame) -> np.ndarray | None:
        """Return 1 where the event was seen, else 0; None where all units have it."""
        found = self.happened(units)
        return None if found.all() else found

    def strata(self, units: pd.DataFrame) -> np.ndarray | None:
        """Return the class that folds are stratified by: the event, and thirds of the time where they are not small."""
        return _strata(units[self.time].to_numpy(dtype="float64"), self.happened(units))

    def happened(self, units: pd.DataFrame) -> np.ndarray:
        """Return 1 where the event was seen, else 0, shape (unit,)."""
        return (units[self.event].to_numpy() == 1).astype(int)

    def folds_possible(self, y: np.ndarray, patients: np.ndarray, wanted: int) -> int:
        """Return at most as many folds as patients have the event.

        Raises:
            ValueError: fewer than two patients have it.
        """
        count = len(set(patients[y[:, 1] == 1]))
        if count < 2:
            raise ValueError(
                f"{counted(count, 'patient with an event is', 'patients with an event are')} too few for inner folds"
            )
        return min(wanted, count)

    def untold(self, train: np.ndarray, test: np.ndarray) -> Iterator[str]:
        """Yield, in sentences, what a test set cannot tell, or its training set cannot teach, of the horizon.

        Args:
            train: targets of the training units.
            test: those of the test units.
        """
        last = f"the horizon {self.horizon:g}"
        by, learned = (rows[rows[:, 1] == 1, 0] for rows in (test, train))
        if not len(by):
            yield "no test unit has the event, so that nothing can be ranked in it alone"
        elif by.min() > self.horizon:
            yield f"no test unit has the event by {last}, so that there is no AUC of it in this fold"
        if not self._known(test):
            yield f"no test unit was followed to {last}, the longest to {test[:, 0].max():g}"
        if len(learned) and learned.min() > self.horizon:
            yield (
                f"no training unit has the event by {last}, the first is at {learned.min():g}: its probabilities are "
                "guessed, from half the hazard by then"
            )
        if not self._known(train):
            yield (
                f"no training unit was followed to {last}, the longest to {train[:, 0].max():g}: its probabilities are "
                "of the event by then"
            )

    def _known(self, y: np.ndarray) -> bool:
        """Return whether somebody was followed to the horizon, or all had an event before."""
        ends = y[:, 0] == y[:, 0].max()
        return bool(y[:, 0].max() >= self.horizon or y[ends, 1:].any(axis=1).all())

    def targets(self, units: pd.DataFrame) -> np.ndarray:
        """Return time and event, float64, shape (unit, 2); behind them, where events compete, 1 for a competing one."""
        found = self.observed(units)
        return np.column_stack([values.astype("float64") for values in found.values()])

    def observed(self, units: pd.DataFrame) -> Mapping[str, np.ndarray]:
        """Return the columns `time` and `event`, and, where events compete, `competing`."""
        found = {"time": units[self.time].to_numpy(dtype="float64"), "event": self.happened(units)}
        rivals = (units[self.event].to_numpy() == 2).astype(int)
        return {**found, "competing": rivals} if self.competing else found


def _strata(time: np.ndarray, found: np.ndarray) -> np.ndarray | None:
    """Return classes of event and third of the time, where these are not small; None where there is one of a few."""
    classes = 3 * found
    for value in (0, 1):
        own = found == value
        if own.sum() >= 3 * _SMALLEST_STRATUM:
            classes[own] += np.searchsorted(np.quantile(time[own], [1 / 3, 2 / 3]), time[own])
    return None if found.all() and len(found) < 3 * _SMALLEST_STRATUM else classes
