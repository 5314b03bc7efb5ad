"""Trees as plain arrays, whatever library grew them: their sum, its ONNX nodes, and what columns they split by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from radfuse.fusion.link import inverse_nodes
from radfuse.fusion.parts import Column

if TYPE_CHECKING:
    from radfuse.results import Explanation

_ROWS = 1024  # predicted at a time: rows x trees are in memory at once


@dataclass(frozen=True)
class Tree:
    """A binary tree whose root is its first node; each array has shape (node,).

    A row goes left where its value, rounded to float32, is at most the threshold.

    Attributes:
        feature: column a node splits by; anything at a leaf.
        threshold: float64.
        left: node to go to; -1 at a leaf.
        right: the other one.
        value: float64, of leaves.
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray


@dataclass(frozen=True)
class FittedTrees:
    """probability = base + sum of the leaves that a row falls into; its logistic function where these are log odds.

    Attributes:
        trees: at least one.
        importance: share of each column, shape (column,); together 1, or all 0 where no tree splits.
        unit: of the importance.
        base: added to the sum.
        log_odds: the sum is one of log odds, and not of probabilities.
    """

    trees: tuple[Tree, ...]
    importance: np.ndarray
    unit: str
    base: float = 0.0
    log_odds: bool = False

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return probabilities, shape (unit,)."""
        from scipy.special import expit

        found = self.base + leaf_sums(self.trees, x)
        return np.asarray(expit(found)) if self.log_odds else np.clip(found, 0, 1)

    def to_onnx(self, columns: str) -> tuple[list[Any], dict[str, np.ndarray]]:
        """Return a TreeEnsembleRegressor of `ai.onnx.ml` and what makes a probability of its sum."""
        from onnx import helper

        nodes, constants = self.sum_to_onnx(columns, "tree_sum")
        if self.log_odds:
            nodes.append(helper.make_node("Sigmoid", ["tree_sum"], ["probability"]))
        else:
            nodes.append(helper.make_node("Clip", ["tree_sum", "never", "always"], ["probability"]))
            constants |= {"never": np.array(0.0), "always": np.array(1.0)}
        return nodes, constants

    def sum_to_onnx(self, columns: str, result: str) -> tuple[list[Any], dict[str, np.ndarray]]:
        """Return a TreeEnsembleRegressor of `ai.onnx.ml` and the base, which make the tensor `result`."""
        from onnx import helper

        nodes, constants = _sum_nodes(self.trees, columns, "leaf_sum")
        nodes.append(helper.make_node("Add", ["leaf_sum", "tree_base"], [result]))
        return nodes, {**constants, "tree_base": np.array(self.base)}

    def explain(self, columns: Sequence[Column], score: str) -> Explanation:
        """Return the share of each column in what the splits gained."""
        from radfuse.results import Explanation, UsedColumn

        return Explanation(
            measure="importance",
            unit=self.unit,
            columns=tuple(
                UsedColumn(name=column.name, block=column.block, importance=float(share))
                for column, share in zip(columns, self.importance, strict=True)
            ),
        )


@dataclass(frozen=True)
class AddedTrees(FittedTrees):
    """Trees whose sum is added to log odds known before, so that they have a score of their own."""

    def score(self, x: np.ndarray) -> np.ndarray:
        """Return log odds without those known before, shape (unit,)."""
        return self.base + leaf_sums(self.trees, x)

    def to_onnx(self, columns: str) -> tuple[list[Any], dict[str, np.ndarray]]:
        """Return the nodes of the trees, with a `score`."""
        from onnx import helper

        nodes, constants = super().to_onnx(columns)
        return [*nodes, helper.make_node("Identity", ["tree_sum"], ["score"])], constants


@dataclass(frozen=True)
class ValueTrees(FittedTrees):
    """Trees whose sum, on a base, is the prediction itself."""

    def score(self, x: np.ndarray) -> np.ndarray:
        """Return predictions, shape (unit,); without what was known before, where the trees add to it."""
        return self.base + leaf_sums(self.trees, x)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return predictions, shape (unit,)."""
        return self.score(x)

    def to_onnx(self, columns: str) -> tuple[list[Any], dict[str, np.ndarray]]:
        """Return the nodes of the trees, with a `score`."""
        nodes, constants = self.sum_to_onnx(columns, "score")
        return [*nodes, *inverse_nodes("identity", "score", "probability")[0]], constants


def shares(gains: np.ndarray) -> np.ndarray:
    """Return gains as shares of their sum; zeros where nothing was gained."""
    total = gains.sum()
    return gains / total if total > 0 else np.zeros(len(gains))


def leaf_sums(trees: Iterable[Tree], x: np.ndarray) -> np.ndarray:
    """Return the sum over trees of the leaf that each row falls into, float64, shape (unit,)."""
    trees = tuple(trees)
    roots = np.cumsum([0, *(len(tree.left) for tree in trees)])[:-1]
    leaf = np.concatenate([tree.left for tree in trees]) < 0
    here = np.arange(len(leaf))
    feature = np.where(leaf, 0, np.concatenate([tree.feature for tree in trees]))
    threshold = np.concatenate([tree.threshold for tree in trees])
    value = np.concatenate([tree.value for tree in trees])
    root = np.repeat(roots, [len(tree.left) for tree in trees])
    left = np.where(leaf, here, np.concatenate([tree.left for tree in trees]) + root)
    right = np.where(leaf, here, np.concatenate([tree.right for tree in trees]) + root)
    found = np.empty(len(x))
    for start in range(0, len(x), _ROWS):
        with np.errstate(over="ignore"):  # infinity is on the right side of any threshold too
            rows = x[start : start + _ROWS].astype(np.float32).astype(float)
        at = np.tile(roots, (len(rows), 1))
        while not leaf[at].all():
            goes_left = np.take_along_axis(rows, feature[at], axis=1) <= threshold[at]
            at = np.where(goes_left, left[at], right[at])
        found[start : start + _ROWS] = value[at].sum(axis=1)
    return found


def _sum_nodes(trees: Sequence[Tree], columns: str, result: str) -> tuple[list[Any], dict[str, np.ndarray]]:
    """Return nodes that make the tensor `result`, float64 of shape (unit,).

    Thresholds are float64 and meet values rounded to float32, as where the trees grew. onnxruntime adds in float64 but
    hands over float32: so each leaf is a multiple of a step of which any sum is a float32, and a small rest.
    """
    from onnx import TensorProto, helper, numpy_helper

    leaves = [np.flatnonzero(tree.left < 0) for tree in trees]
    counts = [len(tree.left) for tree in trees]
    weight = np.concatenate([tree.value[leaf] for tree, leaf in zip(trees, leaves, strict=True)])
    largest = sum(float(np.abs(tree.value[leaf]).max()) for tree, leaf in zip(trees, leaves, strict=True))
    step = 2.0 ** (math.ceil(math.log2(largest)) - 22) if largest else 1.0
    coarse = np.round(weight / step) * step
    tree_of_leaf = np.repeat(np.arange(len(trees)), [len(leaf) for leaf in leaves])
    inner = np.concatenate([tree.left for tree in trees]) >= 0

    def each(name: str) -> np.ndarray:
        return np.where(inner, np.concatenate([getattr(tree, name) for tree in trees]), 0)

    regressor = helper.make_node(
        "TreeEnsembleRegressor",
        ["seen"],
        ["sums_float32"],
        domain="ai.onnx.ml",
        n_targets=2,
        aggregate_function="SUM",
        nodes_treeids=np.repeat(np.arange(len(trees)), counts).tolist(),
        nodes_nodeids=np.concatenate([np.arange(count) for count in counts]).tolist(),
        nodes_modes=np.where(inner, "BRANCH_LEQ", "LEAF").tolist(),
        nodes_featureids=each("feature").tolist(),
        nodes_values_as_tensor=numpy_helper.from_array(each("threshold").astype(float), "thresholds"),
        nodes_truenodeids=each("left").tolist(),
        nodes_falsenodeids=each("right").tolist(),
        target_treeids=np.tile(tree_of_leaf, 2).tolist(),
        target_nodeids=np.tile(np.concatenate(leaves), 2).tolist(),
        target_ids=np.repeat([0, 1], len(weight)).tolist(),
        target_weights_as_tensor=numpy_helper.from_array(np.concatenate([coarse, weight - coarse]), "leaves"),
    )
    nodes = [
        helper.make_node("Cast", [columns], ["seen_float32"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["seen_float32"], ["seen"], to=TensorProto.DOUBLE),
        regressor,
        helper.make_node("Cast", ["sums_float32"], ["sums"], to=TensorProto.DOUBLE),
        helper.make_node("MatMul", ["sums", "both_sums"], [result]),
    ]
    return nodes, {"both_sums": np.ones(2)}
