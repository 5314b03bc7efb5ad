"""The calibration curve: which share of units has the event where so much is predicted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from radfuse.statistics.estimate import normal_quantile
from radfuse.statistics.logistic import logistic
from radfuse.statistics.scores import Array, checked, expit, to_logit

_PLACES = {3: (0.1, 0.5, 0.9), 4: (0.05, 0.35, 0.65, 0.95), 5: (0.05, 0.275, 0.5, 0.725, 0.95)}
"""Quantiles that knots stand at, by their number."""
_RARER_A_KNOT = 25
"""Units of the rarer class: with fewer the ends of a curve turn on a few of them."""
_SHOWN = (0.01, 0.99)
"""Quantiles of the probabilities that a curve is drawn between."""


@dataclass(frozen=True)
class CalibrationCurve:
    """A smooth curve with its band, and how far it lies from the diagonal.

    Attributes:
        predicted: probabilities, rising from their first to their 99th percentile, shape (point,).
        observed: share of events there.
        low: of its band, by patient.
        high: of the same.
        ici: mean distance of the curve from the diagonal over the units (integrated calibration index).
        e50: median of that distance.
        e90: its 90th percentile.
        emax: its largest.
        knots: of the spline; 2: a straight line of log odds.
    """

    predicted: Array
    observed: Array
    low: Array
    high: Array
    ici: float
    e50: float
    e90: float
    emax: float
    knots: int


def calibration_curve(
    outcome: ArrayLike,
    probability: ArrayLike,
    patients: ArrayLike,
    *,
    knots: int = 4,
    points: int = 101,
    level: float = 0.95,
    overlap: float = 1.0,
) -> CalibrationCurve | None:
    """Return a logistic regression of the outcome on a restricted cubic spline of the log odds.

    Fewer knots are taken where the rarer class has fewer than 25 units a knot, or where the fit does not exist.

    Args:
        outcome: 0 or 1, shape (unit,).
        probability: in [0, 1], shape (unit,).
        patients: shape (unit,).
        knots: 3, 4 or 5, at Harrell's quantiles.
        points: of the curve.
        level: of the band, pointwise, on the logit scale.
        overlap: of the training sets of out-of-fold probabilities, by which variances grow; see `training_overlap`.

    Returns:
        None where no curve can be fitted: a class is absent, the probabilities are constant or separate the classes.

    Raises:
        ValueError: shapes differ, or an outcome is neither 0 nor 1.

    Source:
        Harrell 2015, doi:10.1007/978-3-319-19425-7, sections 2.4.5 and 10.11; Austin and Steyerberg 2019,
        doi:10.1002/sim.8281, for ICI, E50, E90 and Emax.
    """
    y, p = checked(outcome, probability)
    if not len(y):
        return None
    logit = to_logit(p)
    for count in sorted({count for count in (knots, 4, 3, 2) if count <= knots}, reverse=True):
        if count > 2 and min(y.sum(), (~y).sum()) < _RARER_A_KNOT * count:
            continue
        at = np.unique(np.quantile(logit, _PLACES[count])) if count > 2 else np.array([])
        if count > 2 and len(at) < count:
            continue
        fit = logistic(_columns(logit, at), y, patients)
        if np.isfinite(fit.coefficients).all() and np.isfinite(fit.covariance).all():
            break
    else:
        return None
    first, last = np.quantile(p, _SHOWN)
    grid = np.linspace(first, last, points)
    x = _columns(to_logit(grid), at)
    centre = x @ fit.coefficients
    half = normal_quantile(level) * np.sqrt(overlap * np.einsum("ij,jk,ik->i", x, fit.covariance, x))
    off = np.abs(expit(_columns(logit, at) @ fit.coefficients) - p)
    e50, e90 = np.quantile(off, [0.5, 0.9])
    bands = (expit(centre), expit(centre - half), expit(centre + half))
    return CalibrationCurve(grid, *bands, float(off.mean()), float(e50), float(e90), float(off.max()), count)


def _columns(logit: Array, knots: Array) -> Array:
    """Return ones, the log odds, and their restricted cubic spline."""
    return np.column_stack([np.ones(len(logit)), logit, *restricted_cubic(logit, knots).T])


def restricted_cubic(values: Array, knots: Array) -> Array:
    """Return the columns of a cubic spline that is linear beyond its outer knots, beside the values themselves.

    Args:
        values: shape (unit,).
        knots: rising, shape (knot,); fewer than three make no column.

    Returns:
        Shape (unit, knot - 2), as R's `Hmisc::rcspline.eval` has them with `norm = 2`.

    Source:
        Devlin and Weeks 1986; Harrell 2015, doi:10.1007/978-3-319-19425-7, section 2.4.5.
    """
    if len(knots) < 3:
        return np.zeros((len(values), 0))
    beyond = np.maximum(values[:, None] - knots, 0) ** 3
    last, before = knots[-1], knots[-2]
    gap = last - before
    inner = beyond[:, :-2]
    second = beyond[:, [-2]] * (last - knots[:-2]) / gap
    third = beyond[:, [-1]] * (before - knots[:-2]) / gap
    return np.asarray((inner - second + third) / (last - knots[0]) ** 2)
