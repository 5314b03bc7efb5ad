"""What a study measured of survival, and what a fitted family needs to predict it at any time."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar, Literal, Self

from pydantic import Field, FiniteFloat, model_validator

from radfuse.config import Section
from radfuse.results.measured import MeasuredByConcordance
from radfuse.results.numbers import Interval, Number


class SurvivalFit(Section):
    """What stands beside a family's probability of the event by the horizon: survival(t) = (1 - p) ** hazard(t).

    Attributes:
        times: of events in the training set, rising.
        hazard: cumulative baseline hazard at each, over that at the horizon.
        groups: probabilities that part the training units into three risk groups of like size.
        rivals: where events compete, the cumulative hazard of the others before each time; empty: they do not.
    """

    times: tuple[FiniteFloat, ...]
    hazard: tuple[FiniteFloat, ...]
    groups: tuple[FiniteFloat, FiniteFloat]
    rivals: tuple[FiniteFloat, ...] = Field(default=(), exclude_if=lambda kept: not kept)

    @model_validator(mode="after")
    def _is_a_table(self) -> Self:
        tables = [self.times, self.hazard, *([self.rivals] if self.rivals else [])]
        rising = all(a <= b for each in tables for a, b in pairwise(each))
        lowest = min((*self.hazard, *self.rivals), default=0.0)
        if len(set(map(len, tables))) > 1 or not rising or lowest < 0:
            raise ValueError("times and cumulative hazards must be as many, and rise")
        return self


class AtTime(Section):
    """Discrimination of events by a time."""

    time: float
    auc: Interval


class SurvivalPerformance(MeasuredByConcordance):
    """How well probabilities of an event by a horizon match times and events."""

    loss: ClassVar[str] = "Brier score"

    events: int
    rivals: int | None = Field(default=None, exclude_if=lambda kept: kept is None)
    """Units with a competing event; None where none is named. Then all that follows is of the event beside it."""
    kind: Literal["survival"] = "survival"
    horizon: float
    time_unit: str = ""
    """Of times: months."""
    uno: Interval
    """Uno's C up to the horizon, averaged over the test folds."""
    auc_at_horizon: Interval
    """Events by the horizon against units free of it then, averaged over the test folds."""
    auc_over_time: tuple[AtTime, ...]
    brier: Interval
    """At the horizon, weighted for censoring."""
    brier_scaled: Number
    """1 - Brier / Brier of one survival for all; 0 is no better than that."""
    integrated_brier: Interval
    """Mean over the times up to the horizon."""
    integrated_brier_scaled: Number
    calibration_slope: Interval
    """Coefficient of the score in Cox regression; below 1: too extreme."""
    observed: Interval
    """Share with the event by the horizon, by Kaplan-Meier; beside competing events by Aalen-Johansen."""
    expected: Number
    """Mean probability."""
    follow_up: Number
    """Median time under observation, by reverse Kaplan-Meier."""

    @property
    def scale(self) -> str:
        """Return that of the complementary log-log: proportional hazards."""
        return "log cumulative hazard"

    @property
    def columns(self) -> Mapping[str, Interval]:
        """Return discrimination, overall error and calibration."""
        named = {"C": self.c, "pooled C": self.c_pooled, f"AUC at {self.horizon:g}": self.auc_at_horizon}
        return {**named, "Brier": self.brier, "slope": self.calibration_slope}

    @property
    def judged(self) -> Mapping[str, Interval]:
        """Return discrimination, overall error and calibration."""
        named = {"C": self.c, f"AUC at {self.horizon:g}": self.auc_at_horizon, "Brier": self.brier}
        return {**named, "calibration slope": self.calibration_slope}
