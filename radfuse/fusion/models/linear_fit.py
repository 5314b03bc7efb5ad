"""Penalised least squares: ridge by singular values, elastic net by coordinate descent, and what they give."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from radfuse.fusion.linear import Linear, explained
from radfuse.fusion.link import UNITS, inverse_nodes
from radfuse.fusion.models.canonical import order_of_columns
from radfuse.fusion.models.penalised import FittedLogistic
from radfuse.fusion.parts import Column
from radfuse.results import Explanation


@dataclass(frozen=True)
class FittedLinear(FittedLogistic):
    """The prediction is the score, intercept + x @ coefficients, in units of the outcome."""

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return predictions, shape (unit,)."""
        return self.score(x)

    def to_onnx(self, columns: str) -> tuple[list[Any], dict[str, np.ndarray]]:
        """Return a product and a sum."""
        nodes, constants = super().to_onnx(columns)
        return [*nodes[:-1], *inverse_nodes("identity", "score", "probability")[0]], constants

    def linear(self, columns: Sequence[Column]) -> Linear:
        """Return the score as a sum over the columns that have a coefficient; over all where none has."""
        return Linear.of_used(self.intercept, columns, self.coefficients)

    def explain(self, columns: Sequence[Column], score: str) -> Explanation:
        """Return the coefficients, and the score as a formula in the columns' own units."""
        return explained(self.linear(columns), score, UNITS["identity"])


def spread_of(y: np.ndarray) -> float:
    """Return the standard deviation of an outcome, its unit in losses and penalties; 1 of a constant one."""
    return float(y.std()) or 1.0


def ridge_squares(x: np.ndarray, y: np.ndarray, penalties: Sequence[float], offset: np.ndarray) -> list[FittedLinear]:
    """Return the minimum of half the summed squared error + penalty / 2 * |coefficients|^2 for each penalty.

    Errors and coefficients are in standard deviations of y there; the intercept is free.

    Args:
        x: float64, shape (unit, column).
        y: shape (unit,).
        penalties: positive.
        offset: prediction known before, shape (unit,).
    """
    centre, spread = x.mean(axis=0), spread_of(y)
    left = y - offset
    u, sizes, v = np.linalg.svd(x - centre, full_matrices=False)
    along = u.T @ ((left - left.mean()) / spread)
    found = []
    for penalty in penalties:
        beta = spread * (v.T @ (sizes / (sizes**2 + penalty) * along))
        found.append(FittedLinear(float(left.mean() - centre @ beta), beta))
    return found


def net_squares(
    x: np.ndarray, y: np.ndarray, penalties: Sequence[float], l1_share: float, offset: np.ndarray
) -> list[FittedLinear]:
    """Return the elastic net at each penalty, the strongest first, since each starts where the last ended.

    Args:
        x: float64, shape (unit, column).
        y: shape (unit,).
        penalties: beside half the mean squared error in standard deviations of y: times l1_share on absolute, half of
            the rest on squared coefficients.
        l1_share: in (0, 1].
        offset: prediction known before, shape (unit,).

    Source:
        Friedman, Hastie and Tibshirani 2010, doi:10.18637/jss.v033.i01.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import ElasticNet

    spread, left, found = spread_of(y), y - offset, []
    solver = ElasticNet(l1_ratio=l1_share, warm_start=True, tol=1e-6, max_iter=5000)
    order = order_of_columns(x)
    values, back = np.asfortranarray(x[:, order]), np.argsort(order)
    for penalty in penalties:
        solver.alpha = max(penalty, 1e-9)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the support settles long before the coefficients
            solver.fit(values, left / spread)
        found.append(FittedLinear(spread * float(solver.intercept_), spread * solver.coef_[back]))
    return found
