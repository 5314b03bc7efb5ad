"""Regressions of the outcome, by its link: logistic, or Cox; what strategies fit to columns and to scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from radfuse.fusion.link import link_of
from radfuse.fusion.models.cox_fit import Survival, cox_ridge
from radfuse.fusion.models.penalised import FittedLogistic, bounded_regression, ridge_path
from radfuse.statistics.cox import by_score
from radfuse.statistics.links import score_of


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
    return list(cox_ridge(x, Survival(y, outcome.horizon, offset), penalties))


def bounded_of(
    outcome: Any, scores: np.ndarray, y: np.ndarray, start: float, low: float, high: float
) -> tuple[float, np.ndarray]:
    """Return intercept and weights of scores with the smallest loss, the weights held between two bounds.

    Args:
        outcome: what is predicted.
        scores: float64, shape (unit, score).
        y: its targets.
        start: of every weight.
        low: least weight.
        high: largest weight.
    """
    if link_of(outcome) == "logit":
        found = bounded_regression(scores, y, start, low, high)
        return float(found[0]), found[1:]
    from scipy.optimize import minimize

    known = Survival(y, outcome.horizon, np.zeros(len(y)))
    centred = scores - scores.mean(axis=0)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope, _ = by_score(known.units, centred @ weights)
        return value / known.units.size, slope @ centred / known.units.size

    count = scores.shape[1]
    best = minimize(loss, np.full(count, start), jac=True, bounds=[(low, high)] * count, method="L-BFGS-B").x
    return known.intercept(scores @ best), np.asarray(best)


def usual_score(outcome: Any, y: np.ndarray) -> float:
    """Return the score of a unit of which nothing is known but the training set it is like."""
    average = outcome.average(y) if hasattr(outcome, "average") else y.mean()
    return float(score_of(np.asarray(average), link_of(outcome)))
