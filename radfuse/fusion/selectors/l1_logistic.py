"""Logistic regression under an L1 penalty, at one penalty after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

_CONSTANT = 10.0
"""The column whose coefficient is the intercept: so large that the penalty hardly touches it."""
_FLAT = 1e-6
"""Of a penalty: how near to it the slopes of coefficients come, and of the others how far beyond it they may be."""
_MOST_STEPS, _MOST_ROUNDS = 100, 2000
_SLOW = 0.2
"""A step that leaves more of what slopes are off asks for the curvature where it ended."""


def l1_path(x: np.ndarray, y: np.ndarray, penalties: Sequence[float]) -> Iterator[tuple[np.ndarray, float]]:
    """Yield coefficients, shape (column,), and the intercept with the smallest penalised log loss at each penalty.

    Columns whose slope could move them from 0 are looked at, then those that it could after that, until none is left.

    Args:
        x: float64, shape (unit, column), standardised.
        y: 0 or 1, shape (unit,).
        penalties: on the sum of absolute coefficients and a tenth of the intercept, beside the sum of the units' log
            losses; best the largest first, since each starts where the last ended.

    Source:
        Friedman, Hastie and Tibshirani 2010, doi:10.18637/jss.v033.i01.
    """
    weights, score = np.zeros(x.shape[1] + 1), np.zeros(len(y))
    slope = _slope(x, y, score)
    for penalty in penalties:
        seen = weights != 0
        more = ~seen & (np.abs(slope) > penalty)
        while True:
            seen |= more
            where = np.flatnonzero(seen)
            if len(where):
                weights[where], score = _minimum(_columns(x, where), y, weights[where], score, penalty)
                slope = _slope(x, y, score)
            more = ~seen & (np.abs(slope) > penalty * (1 + _FLAT))
            if not more.any():
                break
        yield weights[:-1].copy(), float(_CONSTANT * weights[-1])


def _columns(x: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Return some columns, the constant one behind the last of `x`, one after the other in memory."""
    found = np.full((len(x), len(where)), _CONSTANT, order="F")
    own = where[where < x.shape[1]]
    found[:, : len(own)] = x[:, own]
    return found


def _slope(x: np.ndarray, y: np.ndarray, score: np.ndarray) -> np.ndarray:
    from scipy.special import expit

    off = expit(score) - y
    return np.r_[off @ x, _CONSTANT * off.sum()]


def _minimum(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray, score: np.ndarray, penalty: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return weights of all these columns and the scores they make, from a start, by Newton's method.

    The curvature is kept from step to step while they lead quickly on; a step that does not lessen the loss is halved.
    """
    from scipy.special import expit

    from radfuse.fusion.selectors.descent import descend

    def loss(score: np.ndarray, weights: np.ndarray) -> float:
        return float((np.logaddexp(0, score) - y * score).sum() + penalty * np.abs(weights).sum())

    rough = x.astype(np.float32)  # steps need not be exact, where they end is
    now, before = loss(score, weights), 0.0
    for _ in range(_MOST_STEPS):
        probability = expit(score)
        slope = (probability - y) @ x
        beyond = np.abs(slope + penalty * np.sign(weights)) - np.where(weights == 0, penalty, 0.0)
        off = float(beyond.max())
        if off <= _FLAT * penalty:
            break
        if off > _SLOW * before:
            spread = np.sqrt(np.maximum(probability * (1 - probability), 1e-6)).astype(np.float32)
            bent = rough * spread[:, None]
            curvature = bent.T @ bent
        before, aim = off, weights.copy()
        descend(curvature, slope, aim, penalty, 0.1 * off, _MOST_ROUNDS)
        way, size = aim - weights, 1.0
        change = x @ way
        while True:
            tried, then_score = weights + size * way, score + size * change
            then = loss(then_score, tried)
            if then <= now + 1e-12 * abs(now) or size < 1e-6:
                break
            size /= 2
        weights, score, now = tried, then_score, then
    return weights, score
