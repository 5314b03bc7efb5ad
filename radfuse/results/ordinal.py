"""What a study measured of an ordinal outcome, and what makes probabilities of grades of a family's score."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar, Literal, Self

from pydantic import FiniteFloat, model_validator

from radfuse.config import Section
from radfuse.results.measured import MeasuredByConcordance
from radfuse.results.numbers import Interval, Number


class OrdinalFit(Section):
    """Proportional odds on a family's score: probability of a grade at most k = 1 / (1 + exp(slope * score - cut_k)).

    Attributes:
        slope: log odds per unit of the score.
        cuts: one fewer than grades, rising; two alike leave nothing to the grade between them.
    """

    slope: FiniteFloat
    cuts: tuple[FiniteFloat, ...]

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if not self.cuts or any(a > b for a, b in pairwise(self.cuts)):
            raise ValueError("cut-points must be one or more, and rise")
        return self


class AtCut(Section):
    """Calibration of the probability of a grade of at least this one."""

    level: str
    observed: Number
    expected: Number
    intercept: Interval
    slope: Interval


class OrdinalPerformance(MeasuredByConcordance):
    """How well probabilities of grades match observed grades on units that took no part in the fitting."""

    loss: ClassVar[str] = "ranked probability score"

    kind: Literal["ordinal"] = "ordinal"
    levels: tuple[str, ...]
    """The grades, the lowest first."""
    counts: tuple[int, ...]
    """Units of each."""
    kappa: Interval
    """Cohen's kappa of predicted and observed grades, weighted by squared distance."""
    mae: Interval
    """Mean distance of the expected from the observed grade."""
    accuracy: Interval
    """Share of units whose grade is predicted."""
    within_one: Interval
    """Share within one grade."""
    rps: Interval
    """Ranked probability score: mean squared error of the probabilities of a grade above each cut."""
    calibration_slope: Interval
    """Of all cuts together; below 1: too extreme."""
    cuts: tuple[AtCut, ...]

    @property
    def scale(self) -> str:
        """Return the distance between two grades."""
        return "grades"

    @property
    def columns(self) -> Mapping[str, Interval]:
        """Return discrimination, agreement, error and calibration."""
        named = {"C": self.c, "kappa": self.kappa, "MAE": self.mae, "accuracy": self.accuracy}
        return {**named, "within one grade": self.within_one, "RPS": self.rps, "slope": self.calibration_slope}

    @property
    def judged(self) -> Mapping[str, Interval]:
        """Return discrimination, agreement and calibration."""
        return {"C": self.c, "kappa": self.kappa, "calibration slope": self.calibration_slope}
