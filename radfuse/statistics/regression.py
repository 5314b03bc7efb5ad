"""How near predicted values come to observed ones."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from radfuse.statistics.estimate import Estimate
from radfuse.statistics.jackknife import jackknifed


class Agreement(NamedTuple):
    """Predicted values beside observed ones, with intervals by patient.

    Attributes:
        r2: 1 - squared error / squared distance from the mean; below 0 is worse than the mean.
        rmse: root of the mean squared error, in units of the outcome.
        mae: mean absolute error, in units of the outcome.
        spearman: rank correlation.
        slope: of observed on predicted; below 1: too extreme.
        slope_intercept: that belongs to the slope.
        bias: mean of predicted minus observed.
        low: 2.5 % limit of agreement, bias - 1.96 standard deviations of the differences.
        high: 97.5 % limit.
    """

    r2: Estimate
    rmse: Estimate
    mae: Estimate
    spearman: Estimate
    slope: Estimate
    slope_intercept: Estimate
    bias: Estimate
    low: Estimate
    high: Estimate


def agreement(observed: np.ndarray, predicted: np.ndarray, patients: np.ndarray, overlap: float = 1.0) -> Agreement:
    """Return how near predictions come, intervals by the jackknife over patients.

    Args:
        observed: shape (unit,).
        predicted: shape (unit,).
        patients: shape (unit,).
        overlap: what the overlap of training sets adds to variances of the slope; 1: nothing.

    Source:
        Limits of agreement: Bland and Altman 1986, doi:10.1016/S0140-6736(86)90837-8.
    """
    y, p = np.asarray(observed, dtype=float), np.asarray(predicted, dtype=float)
    found = jackknifed(lambda rows: _figures(y[rows], p[rows]), patients)
    slopes = [_wider(found[i], overlap) for i in (4, 5)]
    r2, rmse, mae, spearman = found[:4]
    return Agreement(
        _within(r2, high=1.0), _within(rmse, low=0.0), _within(mae, low=0.0), _within(spearman, -1.0, 1.0),
        *slopes, *found[6:],
    )  # fmt: skip


def _figures(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return the nine figures of some rows, in the order of `Agreement`."""
    from scipy.stats import rankdata

    off = p - y
    squared, variance, of_p = float((off**2).mean()), float(y.var()), float(p.var())
    nan = float("nan")
    slope = float(((p - p.mean()) * (y - y.mean())).mean() / of_p) if of_p > 0 else nan
    tells = variance > 0 and of_p > 0
    rho = float(np.corrcoef(rankdata(y), rankdata(p))[0, 1]) if tells else nan
    bias, spread = float(off.mean()), float(off.std(ddof=1)) if len(off) > 1 else nan
    return np.array(
        [
            *(1 - squared / variance if variance > 0 else nan, np.sqrt(squared), np.abs(off).mean(), rho),
            *(slope, y.mean() - slope * p.mean(), bias, bias - 1.96 * spread, bias + 1.96 * spread),
        ]
    )


def _wider(found: Estimate, overlap: float) -> Estimate:
    factor = float(np.sqrt(overlap))
    low, high = (found.value + factor * (end - found.value) for end in (found.low, found.high))
    return Estimate(found.value, low, high)


def _within(found: Estimate, low: float = -np.inf, high: float = np.inf) -> Estimate:
    return Estimate(found.value, float(np.maximum(found.low, low)), float(np.minimum(found.high, high)))
