"""What a study measured of a binary outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from radfuse.results.measured import MeasuredByAuc
from radfuse.results.numbers import Interval, Number


class Performance(MeasuredByAuc):
    """How well probabilities match outcomes on units that took no part in the fitting."""

    events: int
    kind: Literal["binary"] = "binary"
    brier: Interval
    brier_scaled: Number
    """1 - Brier / Brier of the prevalence; 0 is no better than the prevalence."""
    sensitivity: Interval
    specificity: Interval
    ppv: Interval
    npv: Interval
    calibration_intercept: Interval
    calibration_slope: Interval
    recalibration_intercept: Number = None
    """Intercept that belongs to the slope."""
    observed: Number
    expected: Number

    @property
    def columns(self) -> Mapping[str, Interval]:
        """Return discrimination, overall error, and shares at the threshold."""
        named = {"AUC": self.auc, "pooled AUC": self.auc_pooled, "Brier": self.brier}
        return {**named, "sensitivity": self.sensitivity, "specificity": self.specificity}

    @property
    def judged(self) -> Mapping[str, Interval]:
        """Return discrimination, shares at the threshold, and calibration."""
        return {
            "AUC": self.auc,
            "sensitivity": self.sensitivity,
            "specificity": self.specificity,
            "calibration intercept": self.calibration_intercept,
            "calibration slope": self.calibration_slope,
        }
