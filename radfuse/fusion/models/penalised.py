"""The minimum of a penalised log loss: logistic regression whose coefficients are shrunk, and what it gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from radfuse.fusion.linear import Linear, explained
from radfuse.fusion.models.canonical import two_classes
from radfuse.fusion.parts import Column

if TYPE_CHECKING:
    from radfuse.results import Explanation

_MOST_STEPS, _MOST_PRODUCTS, _FLAT = 50, 500, 1e-8
"""Of Newton's method: steps, products a step, and the largest slope per unit at which it ends."""
_LARGE = 1_000_000
"""Values from which on the products that make a step are of float32, more than twice as fast out of cache."""


@dataclass(frozen=True)
class FittedLogistic:
    """probability = 1 / (1 + exp(-score)), score = intercept + x @ coefficients.

    Attributes:
        intercept: of the score.
        coefficients: of the standardised columns, float64, shape (column,).
        remark: what it fell back on; "" where nothing.
    """

    intercept: float
    coefficients: np.ndarray
    remark: str = field(default="", kw_only=True)

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


def ridge_path(
    x: np.ndarray, y: np.ndarray, penalties: Sequence[float], offset: np.ndarray, unit_weights: np.ndarray | None = None
) -> list[FittedLogistic]:
    """Return the minimum of log loss + penalty / 2 * |coefficients|^2 for each penalty, the intercept free.

    By Newton's method, whose steps conjugate gradients find from products with `x` alone: the curvature, columns x
    columns, is never made.

    Args:
        x: float64, shape (unit, column).
        y: 0 or 1, shape (unit,).
        penalties: positive; best the largest first, since each starts where the last ended.
        offset: added to the score, shape (unit,).
        unit_weights: of each unit's log loss, shape (unit,); None: all 1.

    Raises:
        ValueError: y lacks a class.
    """
    y = two_classes(y).astype(float)
    weights = np.zeros(1 + x.shape[1])
    counts = np.ones(len(y)) if unit_weights is None else unit_weights
    rough = x.astype(np.float32) if x.size >= _LARGE else x  # steps need not be exact, where they end is
    found = []
    for penalty in penalties:
        weights = _newton(x, rough, y, offset, counts, penalty, weights)
        found.append(FittedLogistic(float(weights[0]), weights[1:]))
    return found


def bounded_regression(
    terms: np.ndarray, target: np.ndarray, start: float, low: float, high: float, held: float = 0.0
) -> np.ndarray:
    """Return intercept and weights with the smallest log loss, the weights held between two bounds.

    Args:
        terms: float64, shape (unit, term).
        target: from 0 to 1, shape (unit,).
        start: of every weight.
        low: least weight.
        high: largest weight.
        held: penalty on half the squared distance of each weight from its start, beside the log loss of all units.

    Returns:
        Shape (1 + term,), the intercept first.
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    design = np.column_stack([np.ones(len(terms)), terms])

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        score = design @ weights
        value, slope = (np.logaddexp(0, score) - target * score).mean(), design.T @ (expit(score) - target) / units
        away = np.r_[0.0, weights[1:] - start]
        return float(value + held / (2 * units) * (away @ away)), slope + held / units * away

    units, count = terms.shape
    bounds = [(None, None), *([(low, high)] * count)]
    found = minimize(loss, np.r_[0.0, np.full(count, start)], jac=True, bounds=bounds, method="L-BFGS-B")
    return np.asarray(found.x)


def _newton(
    x: np.ndarray,
    rough: np.ndarray,
    y: np.ndarray,
    offset: np.ndarray,
    counts: np.ndarray,
    penalty: float,
    weights: np.ndarray,
) -> np.ndarray:
    """Return the minimum, from a start; a step that does not lessen the loss is halved. `rough` is about `x`."""
    from scipy.special import expit

    ridge = np.full(len(weights), penalty)
    ridge[0] = 0.0
    squares = np.r_[1.0, np.einsum("ij,ij->j", x, x) / len(x)]

    def loss(score: np.ndarray, weights: np.ndarray) -> float:
        return float((counts * (np.logaddexp(0, score) - y * score)).sum() + 0.5 * (ridge * weights**2).sum())

    score = weights[0] + x @ weights[1:] + offset
    now = loss(score, weights)
    for _ in range(_MOST_STEPS):
        p = expit(score)
        off = counts * (p - y)
        slope = np.r_[off.sum(), off @ x] + ridge * weights
        if np.abs(slope).max() <= _FLAT * len(y):
            break
        step = _step(rough, counts * p * (1 - p), ridge, squares, slope)
        change = step[0] + x @ step[1:]
        size = 1.0
        while True:
            tried, then_score = weights - size * step, score - size * change
            then = loss(then_score, tried)
            if then <= now or size < 1e-6:
                break
            size /= 2
        weights, score, now = tried, then_score, then
    return weights


def _step(x: np.ndarray, spread: np.ndarray, ridge: np.ndarray, squares: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Return about curvature^-1 @ slope, the nearer to it the flatter the slope, by preconditioned conjugate gradients.

    Args:
        x: float64 or float32, shape (unit, column).
        spread: p (1 - p) of each unit, times its weight.
        ridge: penalty of the intercept and of each column.
        squares: mean square of the same.
        slope: of the same.

    Source:
        Nocedal and Wright 2006, Numerical Optimization, algorithms 5.3 and 7.1.
    """
    diagonal = spread.sum() * squares + ridge + 1e-10
    step, left = np.zeros_like(slope), slope.copy()
    weighed = left / diagonal
    way, size = weighed.copy(), float(left @ weighed)
    start = float(np.linalg.norm(left))
    enough = start * min(0.1, np.sqrt(start / len(x)))
    for _ in range(_MOST_PRODUCTS):
        pull = spread * (way[0] + x @ way[1:].astype(x.dtype))
        bent = np.r_[pull.sum(), pull.astype(x.dtype) @ x] + ridge * way
        along = size / float(way @ bent)
        step += along * way
        left -= along * bent
        if np.linalg.norm(left) <= enough:
            break
        weighed = left / diagonal
        size, before = float(left @ weighed), size
        way = weighed + size / before * way
    return step
