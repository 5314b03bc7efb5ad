"""Logistic regression: its fit, its formula, its ONNX nodes."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import field_validator

from radfuse.config import Section
from radfuse.fusion.parts import Column, Settings

if TYPE_CHECKING:
    from radfuse.results import Explanation


class Logistic(Section):
    """L2-penalised logistic regression on what was selected."""

    kind: Literal["logistic"] = "logistic"
    c: tuple[float, ...] = (0.01, 0.1, 1.0)
    """Inverse penalties tried in the inner folds."""
    class_weight: Literal["balanced"] | None = None
    """"balanced" weights the classes equally, at the price of calibration."""

    @field_validator("c")
    @classmethod
    def _positive(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if not values or not all(0 < value < math.inf for value in values):
            raise ValueError("c must be one or more positive, finite numbers")
        return tuple(sorted(values))

    def candidates(self) -> tuple[Settings, ...]:
        """Return the inverse penalties, the strongest penalty first."""
        return tuple({"c": value} for value in self.c)

    def fit(self, x: np.ndarray, y: np.ndarray, settings: Settings, seed: int) -> FittedLogistic:
        """Return the regression at one penalty; nothing is drawn."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(
            C=settings["c"], solver="newton-cholesky", class_weight=self.class_weight, max_iter=200
        )
        with warnings.catch_warnings():
            # where no column tells anything scikit-learn's Newton solver hands over to lbfgs, and says so
            warnings.filterwarnings("ignore", "Line search of Newton solver", ConvergenceWarning)
            model.fit(x, y)
        return FittedLogistic(float(model.intercept_[0]), model.coef_[0])


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

    def explain(self, columns: Sequence[Column], score: str) -> Explanation:
        """Return the coefficients, and the score as a formula in the columns' own units."""
        from radfuse.results import Explanation, UsedColumn

        pairs = list(zip(columns, map(float, self.coefficients), strict=True))
        constant = self.intercept - sum(coefficient * column.mean / column.scale for column, coefficient in pairs)
        lines = [f"{score} = {constant:.12g}"]
        for column, coefficient in sorted(pairs, key=lambda pair: -abs(pair[1])):
            raw = coefficient / column.scale
            lines.append(f"    {'-' if raw < 0 else '+'} {abs(raw):.12g} * {column.name}")
        return Explanation(
            measure="coefficient",
            unit="log odds per standard deviation",
            columns=tuple(
                UsedColumn(name=column.name, block=column.block, importance=coefficient)
                for column, coefficient in pairs
            ),
            formula="\n".join(lines),
        )
