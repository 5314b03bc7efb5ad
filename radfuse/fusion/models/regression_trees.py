"""Gradient boosting of a value by LightGBM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np

from radfuse.fusion.models.canonical import canonical_order
from radfuse.fusion.models.lightgbm import Boosted, alike, load, tree_of
from radfuse.fusion.models.linear_fit import spread_of
from radfuse.fusion.models.trees import ValueTrees, shares
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
        grown: dict[tuple[float, float], Any] = {}
        found = []
        for settings in candidates:
            same = alike(settings)
            if same not in grown:
                most = max(int(each["lightgbm_trees"]) for each in candidates if alike(each) == same)
                data = lightgbm.Dataset(values, (left - middle) / spread, free_raw_data=True)
                own = {**self.parameters(settings, seed, x.shape[1]), "boost_from_average": False}
                booster = lightgbm.train({**own, "objective": "regression"}, data, most)
                trees = [tree_of(item["tree_structure"], columns) for item in booster.dump_model()["tree_info"]]
                grown[same] = booster, tuple(replace(tree, value=spread * tree.value) for tree in trees)
            booster, scaled = grown[same]
            count = int(settings["lightgbm_trees"])
            gains = np.zeros(x.shape[1])
            gains[columns] = booster.feature_importance("gain", iteration=count)
            found.append(ValueTrees(scaled[:count], shares(gains), "share of the gain in squared error", middle))
        return found
