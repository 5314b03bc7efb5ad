"""Gaussian naive Bayes: in each class every column is normal, and they are independent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from radfuse.config import Section
from radfuse.fusion.models.canonical import two_classes
from radfuse.fusion.models.effect import effects, reference_rows
from radfuse.fusion.models.tried import Positives
from radfuse.fusion.parts import Column, Settings

if TYPE_CHECKING:
    from radfuse.results import Explanation

_FAR = 1e100
"""Standard deviations beyond which values are held: squares of two classes that overflow would leave no number."""


class NaiveBayes(Section):
    """Gaussian naive Bayes; many columns that go together make it too sure.

    Source:
        Hand 2001, doi:10.1111/j.1751-5823.2001.tb00465.x.
    """

    kind: Literal["naive_bayes"] = "naive_bayes"
    smoothing: Positives = (0.1, 1.0, 10.0)
    """Added to each variance, as a share of the largest; several are tried in the inner folds."""

    def candidates(self) -> tuple[Settings, ...]:
        """Return the smoothings, the largest first."""
        return tuple({"naive_bayes_smoothing": value} for value in reversed(self.smoothing))

    def fit(self, x: np.ndarray, y: np.ndarray, settings: Settings, seed: int) -> FittedNaiveBayes:
        """Return means and variances of the classes; nothing is drawn.

        Raises:
            ValueError: y lacks a class.
        """
        y = two_classes(y)
        groups = [x[y == 0], x[y == 1]]
        largest = float(x.var(axis=0).max()) or 1.0  # 1 is a standardised column's, where none varies
        return FittedNaiveBayes(
            mean=np.array([group.mean(axis=0) for group in groups]),
            variance=np.array([group.var(axis=0) for group in groups]) + settings["naive_bayes_smoothing"] * largest,
            prior_log_odds=float(np.log(len(groups[1]) / len(groups[0]))),
            rows=reference_rows(x),
        )


@dataclass(frozen=True)
class FittedNaiveBayes:
    """A normal distribution for each class and column.

    Attributes:
        mean: of units without and with the event, float64, shape (2, column).
        variance: likewise, smoothed.
        prior_log_odds: of the event in the training set.
        rows: of the training set, by which it is explained, shape (row, column).
    """

    mean: np.ndarray
    variance: np.ndarray
    prior_log_odds: float
    rows: np.ndarray

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return probabilities, shape (unit,)."""
        from scipy.special import expit

        x = np.clip(x, -_FAR, _FAR)
        without, event = ((x - self.mean[i]) ** 2 @ self._weights(i) for i in (0, 1))
        return np.asarray(expit(self._constant() + event - without))

    def to_onnx(self, columns: str) -> tuple[list[Any], dict[str, np.ndarray]]:
        """Return squared distances to the means, weighted, and a sigmoid of their difference."""
        from onnx import helper

        nodes = [helper.make_node("Clip", [columns, "least", "most"], ["held"])]
        constants = {"constant": np.array(self._constant()), "least": np.array(-_FAR), "most": np.array(_FAR)}
        for i, name in enumerate(("without", "event")):
            nodes += [
                helper.make_node("Sub", ["held", f"{name}_mean"], [f"{name}_from_mean"]),
                helper.make_node("Mul", [f"{name}_from_mean", f"{name}_from_mean"], [f"{name}_squares"]),
                helper.make_node("MatMul", [f"{name}_squares", f"{name}_weights"], [f"{name}_log_density"]),
            ]
            constants |= {f"{name}_mean": self.mean[i], f"{name}_weights": self._weights(i)}
        nodes += [
            helper.make_node("Sub", ["event_log_density", "without_log_density"], ["log_ratio"]),
            helper.make_node("Add", ["log_ratio", "constant"], ["log_odds"]),
            helper.make_node("Sigmoid", ["log_odds"], ["probability"]),
        ]
        return nodes, constants

    def explain(self, columns: Sequence[Column], score: str) -> Explanation:
        """Return how far the probability moves with each column."""
        return effects(self.predict, self.rows, columns)

    def _weights(self, group: int) -> np.ndarray:
        return np.asarray(-0.5 / self.variance[group])

    def _constant(self) -> float:
        return self.prior_log_odds - 0.5 * float(np.log(self.variance[1] / self.variance[0]).sum())
