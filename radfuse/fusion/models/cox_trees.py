"""Gradient boosting of survival: LightGBM's trees, grown along the slope of Cox's partial likelihood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from radfuse.fusion.link import inverse_nodes
from radfuse.fusion.models.canonical import canonical_order
from radfuse.fusion.models.cox_fit import Survival
from radfuse.fusion.models.lightgbm import Boosted, load
from radfuse.fusion.models.trees import FittedTrees, leaf_sums
from radfuse.fusion.parts import Settings
from radfuse.statistics.cox import by_score
from radfuse.statistics.links import probability_of

_LEAST = 1e-3
"""Curvature of a unit below which a leaf's step would be endless."""


class CoxTrees(Boosted):
    """Gradient-boosted trees of the log hazard ratio, for small samples; ties by Efron, the baseline by Breslow.

    Source:
        Ridgeway 1999, The state of boosting, Computing Science and Statistics 31; Ke 2017, LightGBM, NeurIPS 30.
    """

    serves: ClassVar[tuple[str, ...]] = ("survival",)
    takes_horizon: ClassVar[bool] = True

    kind: Literal["cox_trees"] = "cox_trees"

    def path(
        self,
        x: np.ndarray,
        y: np.ndarray,
        candidates: Sequence[Settings],
        seed: int,
        offset: np.ndarray | None = None,
        *,
        horizon: float = np.inf,
    ) -> list[HazardTrees]:
        """Return the trees at each setting: those of few trees are the first ones of many.

        Args:
            x: standardised, shape (unit, column).
            y: time and event, shape (unit, 2).
            candidates: settings.
            seed: of what is drawn.
            offset: score known before, shape (unit,), which stands beside the trees.
            horizon: time by which the event is predicted; infinite: the last event.

        Raises:
            ValueError: there is no event, or LightGBM cannot be loaded here.
        """
        lightgbm = load(self.kind)
        rows, columns = canonical_order(x, y)
        values = np.ascontiguousarray(x[np.ix_(rows, columns)]).astype(np.float32)
        before = np.zeros(len(x)) if offset is None else offset[rows]
        known = Survival(y[rows], horizon, before)

        def pull(score: np.ndarray, _: Any) -> tuple[np.ndarray, np.ndarray]:
            _, slope, bend = by_score(known.units, score)
            return slope, np.maximum(bend, _LEAST)

        def data() -> Any:
            return lightgbm.Dataset(values, y[rows, 1], init_score=before, free_raw_data=True)

        each = self.grown(data, {"objective": pull}, candidates, columns, seed)
        said = "share of the gain in partial likelihood"
        return [HazardTrees(trees, gains, said, known.intercept(leaf_sums(trees, x[rows]))) for trees, gains in each]


@dataclass(frozen=True)
class HazardTrees(FittedTrees):
    """Trees whose sum, on a base that is the log baseline hazard at the horizon, is the score."""

    def score(self, x: np.ndarray) -> np.ndarray:
        """Return the complementary log-log of the probability, shape (unit,)."""
        return self.base + leaf_sums(self.trees, x)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return probabilities, shape (unit,)."""
        return probability_of(self.score(x), "cloglog")

    def to_onnx(self, columns: str) -> tuple[list[Any], dict[str, np.ndarray]]:
        """Return the nodes of the trees, with a `score`, and the inverse link."""
        nodes, constants = self.sum_to_onnx(columns, "score")
        last, more = inverse_nodes("cloglog", "score", "probability")
        return [*nodes, *last], constants | more
