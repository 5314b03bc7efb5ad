"""Forests of regression trees: random, or extremely random."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from radfuse.config import Section
from radfuse.fusion.models.canonical import canonical_order
from radfuse.fusion.models.forest import importances
from radfuse.fusion.models.linear_fit import spread_of
from radfuse.fusion.models.trees import Tree, ValueTrees
from radfuse.fusion.models.tried import Counts
from radfuse.fusion.parts import Settings

_DIGITS = 10
"""Of outcomes in standard deviations: splits that are equally good stay so in whatever unit the outcome is."""


class RegressionForest(Section):
    """The mean over trees of the mean outcome in the leaf a unit falls into.

    Source:
        Geurts 2006, doi:10.1007/s10994-006-6226-1; Breiman 2001, doi:10.1023/A:1010933404324.
    """

    serves: ClassVar[tuple[str, ...]] = ("continuous", "ordinal")

    kind: Literal["regression_forest"] = "regression_forest"
    grown: Literal["extra", "random"] = "extra"
    """"extra": at random thresholds, each on all units; "random": at the best thresholds, each on units drawn anew."""
    trees: int = Field(default=100, ge=1, le=10_000)
    """How many are grown."""
    min_samples_leaf: Counts = (3,)
    """Fewest training units in a leaf; several are tried in the inner folds."""

    def candidates(self) -> tuple[Settings, ...]:
        """Return the sizes of leaves, the largest first."""
        return tuple({"regression_forest_leaf": count} for count in reversed(self.min_samples_leaf))

    def fit(self, x: np.ndarray, y: np.ndarray, settings: Settings, seed: int) -> ValueTrees:
        """Return the trees of a training set; each tries a third of the columns at a split."""
        from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

        forest = {"extra": ExtraTreesRegressor, "random": RandomForestRegressor}[self.grown](
            n_estimators=self.trees,
            min_samples_leaf=int(settings["regression_forest_leaf"]),
            max_features=1 / 3,
            random_state=seed % 2**32,
            n_jobs=1,
        )
        rows, columns = canonical_order(x, np.column_stack([y, np.ones(len(y))]))
        middle, one = float(y[rows].mean()), spread_of(y)
        left = np.round((y[rows] - middle) / one, _DIGITS)
        forest.fit(np.ascontiguousarray(x[np.ix_(rows, columns)]), left)
        trees = []
        for grown in forest.estimators_:
            tree = grown.tree_
            mean = one * tree.value[:, 0, 0] / len(forest.estimators_)
            feature = columns[np.maximum(tree.feature, 0)]
            trees.append(Tree(feature, tree.threshold, tree.children_left, tree.children_right, mean))
        importance = np.zeros(x.shape[1])
        importance[columns] = importances(forest)
        return ValueTrees(tuple(trees), importance, "share of the decrease in variance", middle)
