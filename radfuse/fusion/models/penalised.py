"""The minimum of a penalised log loss: logistic regression whose coefficients are shrunk, and what it gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from radfuse.fusion.linear import Linear, explained
from radfuse.fusion.models.canonical import two_classes
from radfuse.fusion.parts import Column

if TYPE_CHECKING:
    from radfuse.results import Explanation

_MOST_STEPS, _FLAT = 50, 1e-8
"""Of Newton's method: steps, and the largest slope per unit at which it ends."""


@dataclass(frozen=True)
class FittedLogistic:
    """probability = 1 / (1 + exp(-score)), score = intercept + x @ coefficients.

    Attributes:
        intercept: of the score.
        coefficients: of the standardised columns, float64, shape (column,).
    """

    intercept: float
    coefficients: np.ndarray

    def score(self, x: np.ndarray) -> np.ndarray:
        """Return the log odds, shape (unit,)."""
        return (x @ self.coefficients[:, None] + self.intercept).reshape(-1)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return probabilities, shape (unit,)."""
        from scipy.special import expit

        return np.asarray(expit(self.score(x)))

    def to_onnx(self, columns: str) -> tuple[list[Any], dict[str, np.ndarray]]:
        """Return a product, a sum and a sigmoid."""
        from onnx import helper

        nodes = [
            helper.make_node("MatMul", [columns, "coefficient"], ["weighted"]),
            helper.make_node("Add", ["weighted", "intercept"], ["score"]),
            helper.make_node("Sigmoid", ["score"], ["probability"]),
        ]
        return nodes, {"coefficient": self.coefficients, "intercept": np.array(self.intercept)}

    def linear(self, columns: Sequence[Column]) -> Linear:
        """Return the score as a sum over the columns."""
        return Linear.of(self.intercept, columns, self.coefficients)

    def explain(self, columns: Sequence[Column], score: str) -> Explanation:
        """Return the coefficients, and the score as a formula in the columns' own units."""
        return explained(self.linear(columns), score)


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
        ValueError: y lacks a class.
    """
    y = two_classes(y).astype(float)
    z, back = _coordinates(x)
    design = np.column_stack([np.ones(len(z)), z])
    weights = np.zeros(design.shape[1])
    found = []
    for penalty in penalties:
        weights = _newton(design, y, offset, penalty, weights)
        slopes = weights[1:] if back is None else back @ weights[1:]
        found.append(FittedLogistic(float(weights[0]), slopes))
    return found


def bounded_regression(terms: np.ndarray, target: np.ndarray, start: float, low: float, high: float) -> np.ndarray:
    """Return intercept and weights with the smallest mean log loss, the weights held between two bounds.

    Args:
        terms: float64, shape (unit, term).
        target: from 0 to 1, shape (unit,).
        start: of every weight.
        low: least weight.
        high: largest weight.

    Returns:
        Shape (1 + term,), the intercept first.
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    design = np.column_stack([np.ones(len(terms)), terms])

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        score = design @ weights
        return float((np.logaddexp(0, score) - target * score).mean()), design.T @ (expit(score) - target) / len(target)

    count = terms.shape[1]
    bounds = [(None, None), *([(low, high)] * count)]
    found = minimize(loss, np.r_[0.0, np.full(count, start)], jac=True, bounds=bounds, method="L-BFGS-B")
    return np.asarray(found.x)


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
