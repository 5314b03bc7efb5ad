"""Calibration: do probabilities agree with outcomes?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from radfuse.statistics.estimate import Estimate, normal_quantile
from radfuse.statistics.logistic import logistic
from radfuse.statistics.scores import checked, to_logit


@dataclass(frozen=True)
class Calibration:
    """Agreement of probabilities with outcomes.

    Attributes:
        intercept: logit shift that makes the mean right, slope held at 1; 0 is ideal.
        slope: of the outcome on the logit; below 1 means too extreme.
        slope_intercept: intercept that belongs to the slope (for recalibration).
        observed: share of events.
        expected: mean probability.
    """

    intercept: Estimate
    slope: Estimate
    slope_intercept: float
    observed: float
    expected: float


def calibration(
    outcome: ArrayLike, probability: ArrayLike, patients: ArrayLike, level: float = 0.95, overlap: float = 1.0
) -> Calibration:
    """Return calibration in the large and calibration slope, with variances that sum over patients.

    Args:
        outcome: 0 or 1, shape (unit,).
        probability: shape (unit,).
        patients: shape (unit,).
        level: of the intervals.
        overlap: of the training sets of out-of-fold probabilities, from `auc.training_overlap`; the slope's variance
            grows by it (without, its interval of 95 % covers in 82 % at 100 patients, with it in 94 %).

    Raises:
        ValueError: shapes differ, or a probability lies outside [0, 1].

    Source:
        Cox 1958, doi:10.1093/biomet/45.3-4.562; Van Calster et al. 2019, doi:10.1186/s12916-019-1466-7.
    """
    y, p = checked(outcome, probability)
    if (p < 0).any() or (p > 1).any():
        raise ValueError("probabilities must lie in [0, 1]")
    logit = to_logit(p)
    ones = np.ones((len(y), 1))
    shift = logistic(ones, y, patients, logit)
    both = logistic(np.column_stack([ones, logit]), y, patients)
    z = normal_quantile(level)

    def estimate(value: float, error: float) -> Estimate:
        return Estimate(float(value), float(value - z * error), float(value + z * error))

    return Calibration(
        estimate(shift.coefficients[0], shift.errors[0]),
        estimate(both.coefficients[1], both.errors[1] * np.sqrt(overlap)),
        float(both.coefficients[0]),
        float(y.mean()),
        float(p.mean()),
    )
