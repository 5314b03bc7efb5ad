"""Regressions of the outcome, by its link: logistic, Cox, or least squares; of columns and of scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from radfuse.fusion.link import link_of
from radfuse.fusion.models.cox_fit import Survival, cox_ridge
from radfuse.fusion.models.linear_fit import ridge_squares, spread_of
from radfuse.fusion.models.penalised import FittedLogistic, bounded_regression, ridge_path
from radfuse.statistics.cox import by_score
from radfuse.statistics.links import score_of

_HELD = 1000.0
"""Over the number of units: log loss that it costs a score to take the whole weight of the others, about."""
_AT_BOUND = 1e-6
"""Weights so near to a bound are there: the solver keeps within, and weights of 1e-13 would still rank units."""
_LEAST = 0.01
"""Smaller shares are none: the part is left out."""


def ridge_of(
    outcome: Any,
    x: np.ndarray,
    y: np.ndarray,
    penalties: Sequence[float],
    offset: np.ndarray,
    unit_weights: np.ndarray | None = None,
) -> list[FittedLogistic]:
    """Return ridge regression of an outcome at each penalty, the strongest first.

    Args:
        outcome: what is predicted.
        x: float64, shape (unit, column).
        y: its targets.
        penalties: on half the squared coefficients.
        offset: score known before, shape (unit,).
        unit_weights: of each unit's loss, where the outcome is binary; None: all 1.
    """
    if link_of(outcome) == "logit":
        return ridge_path(x, y, penalties, offset, unit_weights)
    if link_of(outcome) == "identity":
        return list(ridge_squares(x, y, penalties, offset))
    return list(cox_ridge(x, Survival(y, outcome.horizon, offset), penalties))


def bounded_of(
    outcome: Any, scores: np.ndarray, y: np.ndarray, near: float, held: float, low: float, high: float
) -> tuple[float, np.ndarray]:
    """Return intercept and weights of scores with the smallest loss, the weights held near one and between two bounds.

    Args:
        outcome: what is predicted.
        scores: float64, shape (unit, score).
        y: its targets.
        near: what each weight is held near.
        held: penalty on half the squared distance from there, beside the log likelihood of all units: the inverse
            variance of a normal prior.
        low: least weight.
        high: largest weight.
    """
    if link_of(outcome) == "logit":
        found = bounded_regression(scores, y, near, low, high, held)
        return float(found[0]), found[1:]
    if link_of(outcome) == "identity":
        return _bounded_squares(scores, y, near, held, low, high)
    from scipy.optimize import minimize

    known = Survival(y, outcome.horizon, np.zeros(len(y)))
    centred = scores - scores.mean(axis=0)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope, _ = by_score(known.units, centred @ weights)
        away = weights - near
        size = known.units.size
        return (value + held / 2 * float(away @ away)) / size, (slope @ centred + held * away) / size

    count = scores.shape[1]
    best = minimize(loss, np.full(count, near), jac=True, bounds=[(low, high)] * count, method="L-BFGS-B").x
    return known.intercept(scores @ best), np.asarray(best)


def _bounded_squares(
    scores: np.ndarray, y: np.ndarray, near: float, held: float, low: float, high: float
) -> tuple[float, np.ndarray]:
    from scipy.optimize import lsq_linear

    middle, one = scores.mean(axis=0), spread_of(y)  # its tolerances are of numbers about 1
    count = scores.shape[1]
    prior, aim = np.sqrt(held) * np.eye(count), np.full(count, np.sqrt(held) * near)
    rows, values = np.vstack([(scores - middle) / one, prior]), np.r_[(y - y.mean()) / one, aim]
    weights = np.asarray(lsq_linear(rows, values, bounds=(low, high)).x)
    weights[weights - low < _AT_BOUND] = low
    weights[high - weights < _AT_BOUND] = high
    return float(y.mean() - middle @ weights), weights


def shares_of(
    outcome: Any, scores: np.ndarray, y: np.ndarray, usual: np.ndarray, offset: np.ndarray | None = None
) -> np.ndarray:
    """Return shares of a weighted mean of scores, at least 0 and together 1: the smallest loss, held near usual ones.

    With few units the shares stay about as usual, and the more there are the more the better scores count.

    Args:
        outcome: what is predicted.
        scores: out-of-fold, float64, shape (unit, score).
        y: the outcome's targets.
        usual: shares beforehand, together 1, shape (score,).
        offset: score known before, shape (unit,); None: nothing.

    Returns:
        Shape (score,).

    Source:
        Stacking on the simplex with a quadratic prior; Yao et al. 2018, doi:10.1214/17-BA1091, has none. The prior was
        chosen on drawn tables: `docs/measured.md`.
    """
    from scipy.optimize import minimize

    count = scores.shape[1]
    held = _HELD / len(y) * count
    known = np.zeros(len(y)) if offset is None else offset
    centred = scores - scores.mean(axis=1, keepdims=True)  # what they differ in: better conditioned, the same mean
    middle = known + scores.mean(axis=1)
    by_unit = _loss_of(outcome, y)

    def loss(shares: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = by_unit(middle + centred @ shares)
        away = shares - usual
        return value + held / 2 * float(away @ away), slope @ centred + held * away

    whole = {"type": "eq", "fun": lambda shares: shares.sum() - 1, "jac": np.ones_like}
    found = minimize(loss, usual, jac=True, bounds=[(0, 1)] * count, constraints=[whole], method="SLSQP").x
    kept = np.where(found < _LEAST, 0.0, found)
    return np.asarray(kept / kept.sum())


def _loss_of(outcome: Any, y: np.ndarray) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
    """Return what makes of scores their loss, summed over units, and its slope in each."""
    if link_of(outcome) == "logit":
        from scipy.special import expit

        return lambda score: (float((np.logaddexp(0, score) - y * score).sum()), expit(score) - y)
    if link_of(outcome) == "identity":
        one = spread_of(y) ** 2
        return lambda score: (float(((score - y) ** 2).sum()) / (2 * one), (score - y) / one)
    units = Survival(y, outcome.horizon, np.zeros(len(y))).units
    return lambda score: by_score(units, score)[:2]


def usual_score(outcome: Any, y: np.ndarray) -> float:
    """Return the score of a unit of which nothing is known but the training set it is like."""
    average = outcome.average(y) if hasattr(outcome, "average") else y.mean()
    return float(score_of(np.asarray(average), link_of(outcome)))
