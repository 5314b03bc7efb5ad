"""Gradient boosting of a value by LightGBM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np

from radfuse.fusion.models.canonical import canonical_order
from radfuse.fusion.models.lightgbm import Boosted, load
from radfuse.fusion.models.linear_fit import spread_of
from radfuse.fusion.models.trees import ValueTrees
from radfuse.fusion.parts import Settings


class RegressionTrees(Boosted):
    """Gradient-boosted trees of few leaves along squared errors, for small samples.

    Source:
        Ke 2017, LightGBM: a highly efficient gradient boosting decision tree, NeurIPS 30.
    """

    serves: ClassVar[tuple[str, ...]] = ("continuous", "ordinal")

    kind: Literal["regression_trees"] = "regression_trees"

    def path(
        self,
        x: np.ndarray,
        y: np.ndarray,
        candidates: Sequence[Settings],
        seed: int,
        offset: np.ndarray | None = None,
    ) -> list[ValueTrees]:
        """Return the trees at each setting: those of few trees are the first ones of many.

        With `offset`, predictions known before, shape (unit,), the trees say what is to be added.

        Raises:
            ValueError: LightGBM cannot be loaded here.
        """
        lightgbm = load(self.kind)
        rows, columns = canonical_order(x, np.column_stack([y, np.ones(len(y))]))
        values = np.ascontiguousarray(x[np.ix_(rows, columns)]).astype(np.float32)
        left = y - (0.0 if offset is None else offset)
        left = left[rows]
        middle, spread = float(left.mean()), spread_of(left)

        def data() -> Any:
            return lightgbm.Dataset(values, (left - middle) / spread, free_raw_data=True)

        found = []
        for trees, gains in self.grown(
            data, {"objective": "regression", "boost_from_average": False}, candidates, columns, seed
        ):
            scaled = tuple(replace(tree, value=spread * tree.value) for tree in trees)
            found.append(ValueTrees(scaled, gains, "share of the gain in squared error", middle))
        return found
