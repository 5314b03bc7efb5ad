"""The share of events among the nearest training units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from radfuse.config import Section
from radfuse.fusion.models.canonical import two_classes
from radfuse.fusion.models.distances import distance_nodes, squared_distances
from radfuse.fusion.models.effect import effects, reference_rows
from radfuse.fusion.models.tried import Counts
from radfuse.fusion.parts import Column, Settings

if TYPE_CHECKING:
    from radfuse.results import Explanation

_ROUNDING = 1e-12  # of a squared distance, over the squares it is a difference of


class Knn(Section):
    """The share of events among the k nearest training units, by Euclidean distance of standardised columns.

    Units as near as the k-th all count, so that the order of the table says nothing.

    Source:
        Cover 1967, doi:10.1109/TIT.1967.1053964.
    """

    kind: Literal["knn"] = "knn"
    k: Counts = (5, 11, 21, 41)
    """Numbers of neighbours tried in the inner folds; at most all units are taken."""

    def candidates(self) -> tuple[Settings, ...]:
        """Return the numbers of neighbours, the largest first."""
        return tuple({"knn_k": k} for k in reversed(self.k))

    def fit(self, x: np.ndarray, y: np.ndarray, settings: Settings, seed: int) -> FittedKnn:
        """Return the training set; nothing is drawn.

        Raises:
            ValueError: y lacks a class.
        """
        return FittedKnn(x.copy(), two_classes(y).astype(float), min(int(settings["knn_k"]), len(x)))


@dataclass(frozen=True)
class FittedKnn:
    """The training units, and how many are looked at.

    Attributes:
        points: float64, shape (point, column).
        events: 0 and 1, float64, shape (point,).
        k: at most the number of points.
    """

    points: np.ndarray
    events: np.ndarray
    k: int

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return probabilities, shape (unit,)."""
        distances = squared_distances(x, self.points)
        kth = np.partition(distances, self.k - 1, axis=1)[:, self.k - 1 : self.k]
        near = distances <= kth + _ROUNDING * ((x * x).sum(axis=1, keepdims=True) + self._largest())
        return near @ self.events / near.sum(axis=1)

    def to_onnx(self, columns: str) -> tuple[list[Any], dict[str, np.ndarray]]:
        """Return distances, the k-th smallest, and the mean of the events up to there."""
        from onnx import TensorProto, helper

        nodes, constants = distance_nodes(columns, self.points)
        nodes += [
            helper.make_node("TopK", ["squared_distances", "neighbours"], ["nearest", "which"], axis=1, largest=0),
            helper.make_node("ReduceMax", ["nearest", "along_row"], ["kth"]),
            helper.make_node("Add", ["row_norms", "largest_norm"], ["sizes"]),
            helper.make_node("Mul", ["sizes", "rounding"], ["rounded_by"]),
            helper.make_node("Add", ["kth", "rounded_by"], ["limit"]),
            helper.make_node("LessOrEqual", ["squared_distances", "limit"], ["is_near"]),
            helper.make_node("Cast", ["is_near"], ["near"], to=TensorProto.DOUBLE),
            helper.make_node("MatMul", ["near", "point_events"], ["near_events"]),
            helper.make_node("MatMul", ["near", "point_ones"], ["near_units"]),
            helper.make_node("Div", ["near_events", "near_units"], ["probability"]),
        ]
        return nodes, {
            **constants,
            "neighbours": np.array([self.k], dtype=np.int64),
            "largest_norm": np.array(self._largest()),
            "rounding": np.array(_ROUNDING),
            "point_events": self.events,
            "point_ones": np.ones(len(self.events)),
        }

    def explain(self, columns: Sequence[Column], score: str) -> Explanation:
        """Return how far the probability moves with each column."""
        return effects(self.predict, reference_rows(self.points), columns)

    def _largest(self) -> float:
        return float((self.points * self.points).sum(axis=1).max())
