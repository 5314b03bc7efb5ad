"""Penalised Cox regression: ridge by Newton's method, elastic net by coordinate descent, and what they give."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from radfuse.fusion.linear import Linear, explained
from radfuse.fusion.link import UNITS, inverse_nodes
from radfuse.fusion.models.canonical import order_of_columns
from radfuse.fusion.models.penalised import FittedLogistic
from radfuse.fusion.parts import Column
from radfuse.results import Explanation
from radfuse.statistics.cox import Ranked, baseline, by_score, curving, hazard_at, ranked
from radfuse.statistics.links import probability_of

_MOST_STEPS, _MOST_PRODUCTS, _FLAT = 40, 300, 1e-7
"""Of Newton's method: steps, products a step, and the largest slope per unit at which it ends."""
_SHORTEST = 1e-3
"""Share of a round of least squares that is tried at the least."""


@dataclass(frozen=True)
class FittedCox(FittedLogistic):
    """Probability by the horizon: 1 - exp(-exp(score)), score = log baseline hazard + x @ coefficients."""

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return probabilities, shape (unit,)."""
        return probability_of(self.score(x), "cloglog")

    def to_onnx(self, columns: str) -> tuple[list[Any], dict[str, np.ndarray]]:
        """Return a product, a sum and the inverse link."""
        nodes, constants = super().to_onnx(columns)
        last, more = inverse_nodes("cloglog", "score", "probability")
        return [*nodes[:-1], *last], constants | more

    def linear(self, columns: Sequence[Column]) -> Linear:
        """Return the score as a sum over the columns that have a coefficient; over all where none has."""
        return Linear.of_used(self.intercept, columns, self.coefficients)

    def explain(self, columns: Sequence[Column], score: str) -> Explanation:
        """Return the coefficients, and the score as a formula in the columns' own units."""
        return explained(self.linear(columns), score, UNITS["cloglog"])


@dataclass(frozen=True)
class Survival:
    """A training set's times and events, in order.

    Attributes:
        y: time and event, shape (unit, 2).
        horizon: by which probabilities are.
        offset: log hazard ratio known before, shape (unit,).
    """

    y: np.ndarray
    horizon: float
    offset: np.ndarray
    units: Ranked = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", ranked(self.y[:, 0], self.y[:, 1]))

    def intercept(self, score: np.ndarray) -> float:
        """Return the log of the cumulative baseline hazard at the horizon, half an event where there is none by then.

        Args:
            score: without what was known before, shape (unit,).
        """
        whole = score + self.offset
        times, hazard = baseline(self.y[:, 0], self.y[:, 1], whole)
        found = float(hazard_at(times, hazard, self.horizon))
        return float(np.log(found or hazard[0] / 2))


def cox_ridge(x: np.ndarray, known: Survival, penalties: Sequence[float]) -> list[FittedCox]:
    """Return the minimum of minus log partial likelihood + penalty / 2 * |coefficients|^2 for each penalty.

    By Newton's method, whose steps conjugate gradients find from products with `x` alone.

    Args:
        x: float64, shape (unit, column).
        known: of the units.
        penalties: positive; best the largest first, since each starts where the last ended.
    """
    found, beta = [], np.zeros(x.shape[1])
    for penalty in penalties:
        beta = _newton(x, known, penalty, beta)
        found.append(FittedCox(known.intercept(x @ beta), beta))
    return found


def _newton(x: np.ndarray, known: Survival, penalty: float, beta: np.ndarray) -> np.ndarray:
    """Return the minimum, from a start; a step that does not lessen the loss is halved."""
    score = x @ beta + known.offset
    value, slope, _ = by_score(known.units, score)
    now = value + penalty / 2 * float(beta @ beta)
    for _ in range(_MOST_STEPS):
        gradient = slope @ x + penalty * beta
        if np.abs(gradient).max(initial=0.0) <= _FLAT * len(x):
            break
        step = _step(x, known.units, score, penalty, gradient)
        change, size = x @ step, 1.0
        while True:
            tried, then_score = beta - size * step, score - size * change
            value, slope, _ = by_score(known.units, then_score)
            then = value + penalty / 2 * float(tried @ tried)
            if then <= now or size < 1e-6:
                break
            size /= 2
        beta, score, now = tried, then_score, then
    return beta


def _step(x: np.ndarray, units: Ranked, score: np.ndarray, penalty: float, gradient: np.ndarray) -> np.ndarray:
    """Return about curvature^-1 @ gradient, by conjugate gradients.

    Source:
        Nocedal and Wright 2006, Numerical Optimization, algorithms 5.2 and 7.1.
    """
    bend = curving(units, score)
    step, left, way = np.zeros_like(gradient), gradient.copy(), gradient.copy()
    size = float(left @ left)
    start = np.sqrt(size)
    enough = start * min(0.1, np.sqrt(start / len(x)))
    for _ in range(_MOST_PRODUCTS):
        bent = bend(x @ way) @ x + penalty * way
        along = size / float(way @ bent)
        step += along * way
        left -= along * bent
        after = float(left @ left)
        if np.sqrt(after) <= enough:
            break
        way = left + after / size * way
        size = after
    return step


def cox_net(x: np.ndarray, known: Survival, penalty: float, l1_share: float, start: np.ndarray) -> np.ndarray:
    """Return coefficients of Cox regression under an elastic net, shape (column,).

    Each round solves the weighted least squares that touch the likelihood where it stands, by coordinate descent.

    Args:
        x: float64, shape (unit, column), standardised.
        known: of the units.
        penalty: beside minus the log partial likelihood over the number of units: times l1_share on absolute, half of
            the rest on squared coefficients.
        l1_share: in (0, 1].
        start: coefficients to begin with, shape (column,).

    Source:
        Simon et al. 2011, doi:10.18637/jss.v039.i05.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import ElasticNet as LeastSquares

    solver = LeastSquares(l1_ratio=l1_share, warm_start=True, tol=1e-6, max_iter=2000)
    order = order_of_columns(x)
    columns, back = np.asfortranarray(x[:, order]), np.argsort(order)

    def at(beta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
        score = x @ beta
        value, slope, bend = by_score(known.units, score + known.offset)
        held = l1_share * np.abs(beta).sum() + (1 - l1_share) / 2 * float(beta @ beta)
        return value / len(x) + penalty * held, score, slope, bend

    beta = start
    now, score, slope, bend = at(beta)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the next round goes on from there
        for _ in range(30):
            weight = np.maximum(bend, 1e-5)
            solver.alpha, solver.coef_ = penalty / weight.mean(), beta[order]
            solver.fit(columns, score - slope / weight, sample_weight=weight)
            step, before, size = solver.coef_[back] - beta, score, 1.0
            while (found := at(beta + size * step))[0] > now and size > _SHORTEST:
                size /= 2  # far from where they touch, least squares overshoot: few units, and a class that separates
            beta = beta + size * step
            now, score, slope, bend = found
            if np.ptp(score - before) < 1e-5:
                break
    return np.asarray(beta)


def most_penalty(x: np.ndarray, known: Survival) -> float:
    """Return the smallest penalty on absolute coefficients, as `cox_net` takes it, that keeps no column."""
    return float(slopes(x, known).max()) / len(x)


def slopes(x: np.ndarray, known: Survival) -> np.ndarray:
    """Return the size of the slope of the log partial likelihood in each coefficient at 0, shape (column,)."""
    slope = by_score(known.units, known.offset)[1]
    return np.asarray(np.abs(slope @ (x - x.mean(axis=0))))
