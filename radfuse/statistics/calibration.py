"""Calibration: do probabilities agree with outcomes?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radfuse.statistics.estimate import Estimate, normal_quantile
from radfuse.statistics.scores import Array, checked, expit, to_logit


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
    shift, shift_error = _logistic(ones, y, logit, patients)
    both, both_error = _logistic(np.column_stack([ones, logit]), y, np.zeros(len(y)), patients)
    z = normal_quantile(level)

    def estimate(value: float, error: float) -> Estimate:
        return Estimate(float(value), float(value - z * error), float(value + z * error))

    return Calibration(
        estimate(shift[0], shift_error[0]),
        estimate(both[1], both_error[1] * np.sqrt(overlap)),
        float(both[0]),
        float(y.mean()),
        float(p.mean()),
    )


def _logistic(x: Array, y: NDArray[np.bool_], offset: Array, patients: ArrayLike) -> tuple[Array, Array]:
    """Return coefficients and patient-robust standard errors; NaN where they do not exist.

    Newton's method with step halving. They do not exist where classes separate or columns depend on each other: the
    likelihood then rises for ever, or along a line.
    """
    nothing = np.full(x.shape[1], np.nan)
    spread = np.ptp(x[:, 1:], axis=0)
    if (spread <= 1e-9 * np.maximum(np.abs(x[:, 1:]).max(axis=0, initial=1.0), 1.0)).any() or y.all() or not y.any():
        return nothing, nothing
    signs = np.where(y, 1.0, -1.0)
    beta = np.zeros(x.shape[1])
    value = _log_likelihood(x @ beta + offset, signs)
    for _ in range(60):
        p = expit(x @ beta + offset)
        information = x.T @ (x * (p * (1 - p))[:, None])
        try:
            step = np.linalg.solve(information, x.T @ (y - p))
        except np.linalg.LinAlgError:
            return nothing, nothing
        step *= min(1.0, 10.0 / max(float(np.abs(step).max()), 1e-300))
        for _ in range(40):
            trial = _log_likelihood(x @ (beta + step) + offset, signs)
            if trial >= value - 1e-12 * abs(value):
                break
            step = step / 2
        beta, value = beta + step, trial
        if np.abs(step).max() <= 1e-9 * max(1.0, float(np.abs(beta).max())):
            break
    else:
        return nothing, nothing
    residual = y - expit(x @ beta + offset)
    if np.abs(residual).max() < 1e-6:
        return nothing, nothing
    who = pd.factorize(np.asarray(patients))[0]
    people = int(who.max()) + 1
    scores = np.zeros((people, len(beta)))
    np.add.at(scores, who, x * residual[:, None])
    inverse = np.linalg.pinv(information)
    robust = inverse @ (scores.T @ scores) @ inverse * people / max(people - 1, 1)
    return beta, np.sqrt(np.diag(robust))


def _log_likelihood(linear: Array, signs: Array) -> float:
    return float(-np.logaddexp(0.0, -signs * linear).sum())
