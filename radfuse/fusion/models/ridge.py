"""Ridge regression of the log odds: every column stays, shrunk; its whole path of penalties is one calculation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import field_validator

from radfuse.config import Section
from radfuse.fusion.models.logistic import FittedLogistic
from radfuse.fusion.parts import Settings

_MOST_STEPS, _FLAT = 50, 1e-8
"""Of Newton's method: steps, and the largest slope per unit at which it ends."""


class Ridge(Section):
    """L2-penalised logistic regression on all columns that it is given, however many.

    Its penalty is told by what the prior expects of the score: with standardised columns, coefficients of variance
    spread / columns make a score of variance `spread`, whatever the number of columns.

    Source:
        le Cessie and van Houwelingen 1992, doi:10.2307/2347628.
    """

    kind: Literal["ridge"] = "ridge"
    spreads: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
    """Variances of the score that the prior expects, tried in the inner folds."""

    @field_validator("spreads")
    @classmethod
    def _positive(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if not values or not all(0 < value < math.inf for value in values):
            raise ValueError("spreads must be one or more positive, finite numbers")
        return tuple(sorted(values))

    def candidates(self) -> tuple[Settings, ...]:
        """Return the spreads, the strongest penalty first."""
        return tuple({"ridge_spread": value} for value in self.spreads)

    def fit(
        self, x: np.ndarray, y: np.ndarray, settings: Settings, seed: int, offset: np.ndarray | None = None
    ) -> FittedLogistic:
        """Return the regression at one penalty; nothing is drawn."""
        return self.path(x, y, [settings], seed, offset)[0]

    def path(
        self,
        x: np.ndarray,
        y: np.ndarray,
        candidates: Sequence[Settings],
        seed: int,
        offset: np.ndarray | None = None,
    ) -> list[FittedLogistic]:
        """Return the regression at each penalty; `offset` stands in the log odds beside the score, shape (unit,)."""
        penalties = [x.shape[1] / settings["ridge_spread"] for settings in candidates]
        return ridge_path(x, y, penalties, np.zeros(len(x)) if offset is None else offset)


def ridge_path(x: np.ndarray, y: np.ndarray, penalties: Sequence[float], offset: np.ndarray) -> list[FittedLogistic]:
    """Return the minimum of log loss + penalty / 2 * |coefficients|^2 for each penalty, the intercept free.

    Where columns outnumber units the coefficients lie in the span of the units, so that the regression is done on as
    many coordinates as there are units, exactly.

    Args:
        x: float64, shape (unit, column).
        y: 0 or 1, shape (unit,).
        penalties: positive; best the largest first, since each starts where the last ended.
        offset: added to the score, shape (unit,).

    Raises:
        ValueError: all units are of one class.
    """
    if not 0 < y.sum() < len(y):
        raise ValueError("all units of the training set are of one class; there is nothing to tell apart")
    z, back = _coordinates(x)
    design = np.column_stack([np.ones(len(z)), z])
    weights = np.zeros(design.shape[1])
    found = []
    for penalty in penalties:
        weights = _newton(design, y.astype(float), offset, penalty, weights)
        slopes = weights[1:] if back is None else back @ weights[1:]
        found.append(FittedLogistic(float(weights[0]), slopes))
    return found


def _coordinates(x: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Return x in an orthonormal basis of its rows' span, and the basis, shape (column, coordinate)."""
    if x.shape[1] <= len(x):
        return x, None
    squares, rows = np.linalg.eigh(x @ x.T)
    kept = squares > squares[-1] * 1e-10
    lengths = np.sqrt(squares[kept])
    return rows[:, kept] * lengths, x.T @ (rows[:, kept] / lengths)


def _newton(design: np.ndarray, y: np.ndarray, offset: np.ndarray, penalty: float, weights: np.ndarray) -> np.ndarray:
    """Return the minimum, from a start; a step that does not lessen the loss is halved."""
    from scipy.linalg import solve
    from scipy.special import expit

    ridge = np.full(len(weights), penalty)
    ridge[0] = 0.0

    def loss(score: np.ndarray, weights: np.ndarray) -> float:
        return float((np.logaddexp(0, score) - y * score).sum() + 0.5 * (ridge * weights**2).sum())

    score = design @ weights + offset
    now = loss(score, weights)
    for _ in range(_MOST_STEPS):
        p = expit(score)
        slope = design.T @ (p - y) + ridge * weights
        if np.abs(slope).max() <= _FLAT * len(y):
            break
        spread = p * (1 - p)
        curve = (design * spread[:, None]).T @ design
        curve.flat[:: len(weights) + 1] += ridge + 1e-10
        step = solve(curve, slope, assume_a="pos")
        size = 1.0
        while True:
            tried = weights - size * step
            score = design @ tried + offset
            then = loss(score, tried)
            if then <= now or size < 1e-6:
                break
            size /= 2
        weights, now = tried, then
    return weights
