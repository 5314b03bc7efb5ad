"""What random forests and extremely random ones share: the fit, and their trees as plain arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from radfuse.fusion.models.canonical import canonical_float32
from radfuse.fusion.models.trees import FittedTrees, Tree


def fit_forest(forest: Any, x: np.ndarray, y: np.ndarray) -> FittedTrees:
    """Return scikit-learn's forest of classification trees, fitted: the mean of the shares of events in its leaves.

    Raises:
        ValueError: y lacks a class.
    """
    data = canonical_float32(x, y)
    forest.fit(data.x, data.y)
    trees = []
    for grown in forest.estimators_:
        tree = grown.tree_
        share = tree.value[:, 0, 1] / len(forest.estimators_)
        feature = data.columns[np.maximum(tree.feature, 0)]
        trees.append(Tree(feature, tree.threshold, tree.children_left, tree.children_right, share))
    return FittedTrees(tuple(trees), data.back(importances(forest)), "share of the decrease in Gini impurity")


def importances(forest: Any) -> np.ndarray:
    """Return a fitted forest's shares, shape (column,): all 0 where no split gains anything, which is 0 by 0 there."""
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(np.asarray(forest.feature_importances_))
