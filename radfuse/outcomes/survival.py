"""A survival outcome: how long until an event, or until a unit was seen without it for the last time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from radfuse.cohort.spreadsheet import Table
from radfuse.config import Section, Word
from radfuse.errors import Finding
from radfuse.evaluation.thresholds import Rule
from radfuse.outcomes.survival_table import coded_otherwise, events_of, follow_up, times_of
from radfuse.results import SurvivalFit
from radfuse.results.score import Cloglog, Reading, Survival
from radfuse.statistics.links import LinkName, score_of

if TYPE_CHECKING:
    from radfuse.results import Comparison, SurvivalPerformance

_GRID = 8
"""Times up to the horizon at which survival is measured."""
_SMALLEST_STRATUM = 20
"""Units of a third of the times, so that folds inside training sets still have some of each."""
_SECTIONS = (
    *("survival_overview", "cohort", "segmentation", "review", "visits", "survival", "risk_groups"),
    *(
        "comparison",
        "subgroups",
        "variants",
        "internal",
        "learning_curve",
        "survival_calibration",
        "survival_decision",
        "features",
    ),
    *("explanation", "nomogram", "audit", "findings", "methods", "checklists", "throughput", "settings"),
)
_SECTIONS_ELSEWHERE = (
    *("survival_overview", "survival", "risk_groups", "comparison", "survival_calibration"),
    *("survival_decision", "settings"),
)


class SurvivalOutcome(Section):
    """Time to an event, or to the end of observation.

    Models give the probability of the event by the horizon, whose complementary log-log is what effects add up on:
    proportional hazards. What each method is for says `radfuse.outcomes.kinds.OutcomeKind`.
    """

    link: ClassVar[LinkName] = "cloglog"
    measures: ClassVar[tuple[str, str]] = ("C", "partial likelihood loss")

    kind: Literal["survival"] = "survival"
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

    @model_validator(mode="after")
    def _in_time(self) -> SurvivalOutcome:
        if self.time == self.event:
            raise ValueError(f"time and event are one column, {self.time!r}; name both")
        if any(time <= 0 for time in self.times) or sorted(set(self.times)) != list(self.times):
            raise ValueError("times must be above 0, rising, each once")
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
        """Return times above 0 and events as 0.0 and 1.0, and what is wrong with them."""
        time, findings = times_of(table, self.time)
        coded = coded_otherwise(table, self.event) if self.positive is None else None
        if coded is not None:
            return {}, [*findings, coded]
        columns, wrong = events_of(table, self.event, self.positive, new)
        findings += wrong
        if not columns or findings:
            return {}, findings
        if not new:
            findings += follow_up(time, columns[self.event], self.horizon, self.times)
        return {self.time: time, **columns}, findings

    def name(self) -> str:
        """Return the column of events."""
        return self.event

    def event_name(self) -> str:
        """Return the event's word, and by when it is predicted."""
        return f"{self.positive or '1'} by {self.horizon:g} {self.unit}".rstrip()

    def check_folds(self, frame: pd.DataFrame, patient: str, folds: int) -> Iterator[Finding]:
        """Yield that fewer patients have the event than there are folds."""
        if self.event not in frame:
            return
        count = int(frame.loc[frame[self.event] == 1, patient].nunique())
        if 0 < count < folds:
            mend = f"set cohort.split.folds: {count}" if count >= 3 else "add such patients"
            yield Finding(
                f"{count} patients have the event, fewer than the {folds} folds, so some fold would hold none; {mend}",
                None,
                self.event,
            )

    def labels(self, units: pd.DataFrame) -> np.ndarray | None:
        """Return 1 where the event was seen, else 0; None where all units have it."""
        found = units[self.event].to_numpy().astype(int)
        return None if found.all() else found

    def strata(self, units: pd.DataFrame) -> np.ndarray | None:
        """Return the class that folds are stratified by: the event, and thirds of the time where they are not small."""
        return _strata(units[self.time].to_numpy(dtype="float64"), self.happened(units))

    def happened(self, units: pd.DataFrame) -> np.ndarray:
        """Return 1 where the event was seen, else 0, shape (unit,)."""
        return units[self.event].to_numpy().astype(int)

    def folds_possible(self, y: np.ndarray, patients: np.ndarray, wanted: int) -> int:
        """Return at most as many folds as patients have the event.

        Raises:
            ValueError: fewer than two patients have it.
        """
        count = len(set(patients[y[:, 1] == 1]))
        if count < 2:
            raise ValueError(f"{count} patients with an event are too few for inner folds")
        return min(wanted, count)

    def targets(self, units: pd.DataFrame) -> np.ndarray:
        """Return time and event, float64, shape (unit, 2)."""
        return units[[self.time, self.event]].to_numpy(dtype="float64")

    def observed(self, units: pd.DataFrame) -> Mapping[str, np.ndarray]:
        """Return the columns `time` and `event`."""
        return {"time": units[self.time].to_numpy(dtype="float64"), "event": self.happened(units)}

    def relevance(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the score test of each column alone in Cox regression, chi-squared; 0 for a constant column."""
        from radfuse.statistics.cox import score_test

        return score_test(x, y[:, 0], y[:, 1])

    def loss(self, y: np.ndarray, probability: np.ndarray) -> float:
        """Return minus the log partial likelihood of the scores, per event; 0 without an event."""
        from radfuse.statistics.cox import by_score, ranked

        if not y[:, 1].any():
            return 0.0
        units = ranked(y[:, 0], y[:, 1])
        return by_score(units, score_of(probability, self.link))[0] / units.size

    def discrimination(self, y: np.ndarray, probability: np.ndarray) -> float:
        """Return Harrell's C; NaN where no two units can be compared."""
        from radfuse.statistics.concordance import harrell

        return float(harrell(y[:, 0], y[:, 1], probability[:, None], np.arange(len(y))).values[0])

    def threshold(self, y: np.ndarray, probability: np.ndarray, rule: Rule) -> float:
        """Return the probability above which a third of the training units lies: the highest risk group."""
        return float(np.quantile(probability, 2 / 3))

    def thresholds(self, y: np.ndarray, probability: np.ndarray) -> Mapping[str, float]:
        """Return nothing: no unit is called, but put into a risk group."""
        return {}

    def average(self, y: np.ndarray) -> float:
        """Return the share of all units with the event by the horizon, by Kaplan-Meier."""
        from radfuse.statistics.survival import kaplan_meier

        return 1 - float(kaplan_meier(y[:, 0], y[:, 1]).at(np.array(self.horizon)))

    def beside(self, y: np.ndarray, probability: np.ndarray) -> SurvivalFit:
        """Return baseline hazard and risk groups of a family, from out-of-fold probabilities of its training units."""
        from radfuse.statistics.cox import baseline, hazard_at

        times, hazard = baseline(y[:, 0], y[:, 1], score_of(probability, self.link))
        now = float(hazard_at(times, hazard, self.horizon)) or float(hazard[0])
        low, high = np.quantile(probability, [1 / 3, 2 / 3])
        return SurvivalFit(
            times=tuple(map(float, times)), hazard=tuple(map(float, hazard / now)), groups=(float(low), float(high))
        )

    def predicted(self, fit: SurvivalFit, probability: np.ndarray) -> dict[str, np.ndarray]:
        """Return the columns beside probabilities that `measure` reads: risk group 0 to 2, survival at each time."""
        survival = {named(time): survival_at(fit, probability, time) for time in sorted({*self.grid, *self.shown})}
        return {"group": np.searchsorted(fit.groups, probability, side="right"), **survival}

    def told(self, fit: SurvivalFit, probability: np.ndarray) -> dict[str, np.ndarray]:
        """Return what a reader of predictions sees of each unit beside its probability: column -> values."""
        words = np.array(["low", "middle", "high"])
        return {
            "linear_predictor": score_of(probability, self.link),
            **{named(time): survival_at(fit, probability, time) for time in self.shown},
            "risk_group": words[np.searchsorted(fit.groups, probability, side="right")],
        }

    def readings(self, fit: SurvivalFit) -> tuple[Reading, ...]:
        """Return the event by the horizon, and survival at each stated time at which the training set had an event."""
        event = Reading(label=f"probability of {self.event_name()}", link=Cloglog(hazard=1.0))
        return (event, *_survivals(fit, sorted({*self.shown, self.horizon}), self.unit))

    def measure(self, predictions: pd.DataFrame) -> SurvivalPerformance:
        """Return discrimination, calibration and Brier scores; see `survival_performance.measure`."""
        from radfuse.outcomes.survival_performance import measure

        return measure(predictions, self.horizon, self.grid, self.unit)

    def compare(self, predictions: pd.DataFrame, families: Sequence[str]) -> tuple[Comparison, ...]:
        """Return differences in Harrell's C, adjusted by Holm; see `survival_performance.compare`."""
        from radfuse.outcomes.survival_performance import compare

        return compare(predictions, families, self.horizon)

    def sections(self) -> tuple[str, ...]:
        """Return the sections of a survival study."""
        return _SECTIONS

    def evaluation_sections(self) -> tuple[str, ...]:
        """Return the sections of survival on other patients."""
        return _SECTIONS_ELSEWHERE


def _survivals(fit: SurvivalFit, times: Sequence[float], unit: str) -> Iterator[Reading]:
    """Yield survival at times, read off the score; before the first event of the training set it is 1 for all."""
    from radfuse.statistics.cox import hazard_at

    table = np.array(fit.times), np.array(fit.hazard)
    for time in times:
        hazard = float(hazard_at(*table, time))
        if hazard > 0:
            yield Reading(label=f"survival at {time:g} {unit}".rstrip(), link=Survival(hazard=hazard))


def _strata(time: np.ndarray, found: np.ndarray) -> np.ndarray | None:
    """Return classes of event and third of the time, where these are not small; None where there is one of a few."""
    classes = 3 * found
    for value in (0, 1):
        own = found == value
        if own.sum() >= 3 * _SMALLEST_STRATUM:
            classes[own] += np.searchsorted(np.quantile(time[own], [1 / 3, 2 / 3]), time[own])
    return None if found.all() and len(found) < 3 * _SMALLEST_STRATUM else classes


def named(time: float) -> str:
    """Return the name of the column of survival at a time."""
    return f"survival@{time:g}"


def survival_at(fit: SurvivalFit, probability: np.ndarray, time: float) -> np.ndarray:
    """Return each unit's probability of no event by a time, shape (unit,).

    Args:
        fit: of the family.
        probability: of the event by the horizon, shape (unit,).
        time: any; beyond the last event of the training set, that of the last event.
    """
    from radfuse.statistics.cox import hazard_at

    times, hazard = np.array(fit.times), np.array(fit.hazard)
    return np.asarray((1 - probability) ** float(hazard_at(times, hazard, time)))
