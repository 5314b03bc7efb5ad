"""What a study measured of a continuous outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from radfuse.results.measured import MeasuredByConcordance
from radfuse.results.numbers import Interval, Number, decimals


class ContinuousPerformance(MeasuredByConcordance):
    """How well predicted values match observed ones on units that took no part in the fitting."""

    loss: ClassVar[str] = "squared error"

    kind: Literal["continuous"] = "continuous"
    value_unit: str = ""
    """Of the outcome: mm."""
    r2: Interval
    """1 - squared error / squared distance from the mean; 0 is no better than the mean."""
    rmse: Interval
    """Root of the mean squared error, in the outcome's unit."""
    mae: Interval
    """Mean absolute error, in the outcome's unit."""
    spearman: Interval
    calibration_slope: Interval
    """Of observed on predicted values; below 1: too extreme."""
    calibration_intercept: Interval
    """Mean of observed minus predicted."""
    recalibration_intercept: Number = None
    """Intercept that belongs to the slope."""
    bias: Interval
    """Mean of predicted minus observed."""
    limit_low: Interval
    """Bland and Altman's limits of agreement, within which 95 % of the differences lie."""
    limit_high: Interval

    @property
    def scale(self) -> str:
        """Return the outcome's unit."""
        return self.value_unit or "units of the outcome"

    @property
    def columns(self) -> Mapping[str, Interval]:
        """Return discrimination, errors and calibration."""
        errors = {"R2": self.r2, "RMSE": self.rmse, "MAE": self.mae, "Spearman": self.spearman}
        return {"C": self.c, "pooled C": self.c_pooled, **errors, "slope": self.calibration_slope}

    @property
    def places(self) -> Mapping[str, int]:
        """How many decimals tell the errors."""
        return dict.fromkeys(("RMSE", "MAE"), decimals(self.rmse.value))

    @property
    def judged(self) -> Mapping[str, Interval]:
        """Return discrimination, explained variance, error and calibration."""
        return {"C": self.c, "R2": self.r2, "RMSE": self.rmse, "calibration slope": self.calibration_slope}
