"""Gradient boosting by LightGBM."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field, field_validator

from radfuse.fusion.models.canonical import canonical_float32
from radfuse.fusion.models.class_weight import ClassWeight, weights_of
from radfuse.fusion.models.pathwise import Pathwise
from radfuse.fusion.models.trees import AddedTrees, FittedTrees, Tree, shares
from radfuse.fusion.models.tried import Counts, Positives
from radfuse.fusion.parts import Settings

_MANY = 200
"""Columns a tree draws from: more cost time and brought nothing on tables of 1,000."""


class Grown(NamedTuple):
    """Trees of a setting, and each column's share of what they gain, shape (column,)."""

    trees: tuple[Tree, ...]
    gains: np.ndarray


class Boosted(Pathwise):
    """What is set of LightGBM's trees, whatever they are grown along."""

    adds_trees: ClassVar[bool] = True

    trees: Counts = (20, 60, 180)
    """Numbers of trees tried in the inner folds."""
    leaves: Counts = (4,)
    """Largest numbers of leaves tried, from 2."""
    learning_rate: Positives = (0.05,)
    """Shares of each tree that are added, tried; at most 1."""
    min_data_in_leaf: int = Field(default=5, ge=1)
    """Fewest training units in a leaf."""
    column_share: float | None = Field(default=None, gt=0, le=1)
    """Share of the columns, drawn for each tree; None: half of them, at most about 200."""
    l2: float = Field(default=1.0, ge=0)
    """Penalty on the squares of the leaves."""

    @field_validator("leaves")
    @classmethod
    def _splits(cls, leaves: tuple[int, ...]) -> tuple[int, ...]:
        if leaves[0] < 2 or leaves[-1] > 1024:
            raise ValueError("leaves must be from 2 to 1024: a tree of one does not split")
        return leaves

    @field_validator("learning_rate")
    @classmethod
    def _at_most_all(cls, rates: tuple[float, ...]) -> tuple[float, ...]:
        if rates[-1] > 1:
            raise ValueError("learning_rate must be at most 1: a share of each tree is added")
        return rates

    def candidates(self) -> tuple[Settings, ...]:
        """Return all combinations, few leaves and few slow trees first."""
        names = ("lightgbm_leaves", "lightgbm_trees", "lightgbm_rate")
        return tuple(
            dict(zip(names, each, strict=True)) for each in product(self.leaves, self.trees, self.learning_rate)
        )

    def parameters(self, settings: Settings, seed: int, columns: int) -> dict[str, Any]:
        """Return LightGBM's parameters at some settings."""
        return {
            "num_leaves": int(settings["lightgbm_leaves"]),
            "learning_rate": settings["lightgbm_rate"],
            "min_data_in_leaf": self.min_data_in_leaf,
            "feature_fraction": self.column_share or min(0.5, _MANY / columns),
            "lambda_l2": self.l2,
            "feature_pre_filter": False,
            "deterministic": True,
            "force_col_wise": True,
            "num_threads": 1,
            "seed": seed % 2**31,
            "verbosity": -1,
        }

    def grown(
        self,
        data: Callable[[], Any],
        own: Mapping[str, Any],
        candidates: Sequence[Settings],
        columns: np.ndarray,
        seed: int,
    ) -> Iterator[Grown]:
        """Yield the trees at each setting: those of few trees are the first ones of many.

        Args:
            data: makes what LightGBM grows them on, once for all numbers of trees.
            own: parameters beside `parameters`, its objective among them.
            candidates: settings.
            columns: of the caller, in the order of the data's.
            seed: of what is drawn.

        Raises:
            ValueError: LightGBM cannot be loaded here.
        """
        lightgbm = load(self.kind)
        kept: dict[tuple[float, float], Any] = {}
        for settings in candidates:
            same = alike(settings)
            if same not in kept:
                most = max(int(each["lightgbm_trees"]) for each in candidates if alike(each) == same)
                booster = lightgbm.train({**self.parameters(settings, seed, len(columns)), **own}, data(), most)
                trees = tuple(tree_of(item["tree_structure"], columns) for item in booster.dump_model()["tree_info"])
                kept[same] = booster, trees
            booster, trees = kept[same]
            count = int(settings["lightgbm_trees"])
            gains = np.zeros(len(columns))
            gains[columns] = booster.feature_importance("gain", iteration=count)
            yield Grown(trees[:count], shares(gains))


class LightGBM(Boosted):
    """Gradient-boosted trees of few leaves, for small samples.

    Source:
        Ke 2017, LightGBM: a highly efficient gradient boosting decision tree, NeurIPS 30.
    """

    kind: Literal["lightgbm"] = "lightgbm"
    class_weight: ClassWeight = None
    """"balanced" weights the classes equally, at the price of calibration."""

    def path(
        self,
        x: np.ndarray,
        y: np.ndarray,
        candidates: Sequence[Settings],
        seed: int,
        offset: np.ndarray | None = None,
    ) -> list[FittedTrees]:
        """Return the trees at each setting: those of few trees are the first ones of many.

        With `offset`, log odds known before, shape (unit,), the trees say what is to be added, without an intercept.

        Raises:
            ValueError: y lacks a class, or LightGBM cannot be loaded here.
        """
        lightgbm = load(self.kind)
        data = canonical_float32(x, y)  # values as the trees compare them: see Tree
        weights = weights_of(data.y, self.class_weight)
        known = None if offset is None else offset[data.rows]
        made = FittedTrees if offset is None else AddedTrees

        def rows() -> Any:
            return lightgbm.Dataset(by_column(data.x), data.y, weight=weights, init_score=known, free_raw_data=True)

        each = self.grown(rows, {"objective": "binary"}, candidates, data.columns, seed)
        return [made(trees, gains, "share of the gain in likelihood", log_odds=True) for trees, gains in each]


def load(kind: str) -> Any:
    """Return the module `lightgbm`; `kind` names the classifier in the message.

    Raises:
        ValueError: it cannot be loaded here.
    """
    try:
        import lightgbm
    except (ImportError, OSError) as error:  # OSError: its library found no OpenMP
        raise ValueError(
            f"classifier {kind}: LightGBM cannot be loaded ({error}); it needs the system's OpenMP library: "
            "install libgomp1 on Debian and Ubuntu, libgomp on Fedora, libomp on macOS, or take another classifier"
        ) from error
    return lightgbm


def by_column(values: np.ndarray) -> Any:
    """Return a table in the form that LightGBM cuts into bins the fastest, twice as fast as a plain one.

    Args:
        values: float32, shape (unit, column); best column by column.
    """
    from scipy.sparse import csc_matrix

    units, columns = values.shape
    rows = np.tile(np.arange(units, dtype=np.int32), columns)
    starts = np.arange(0, units * columns + 1, units, dtype=np.int64)
    return csc_matrix((values.ravel(order="F"), rows, starts), shape=values.shape)


def alike(settings: Settings) -> tuple[float, float]:
    """Return what trees that can be shared have in common."""
    return settings["lightgbm_leaves"], settings["lightgbm_rate"]


def tree_of(root: dict[str, Any], columns: np.ndarray) -> Tree:
    """Return a dumped tree; the first one's leaves hold the intercept already."""
    nodes = [root]
    sides: dict[str, list[int]] = {"left_child": [], "right_child": []}
    for node in nodes:  # grows while it is walked
        for side, found in sides.items():
            found.append(len(nodes) if side in node else -1)
            nodes += [node[side]] if side in node else []
    return Tree(
        feature=columns[[node.get("split_feature", 0) for node in nodes]],
        threshold=np.array([node.get("threshold", 0.0) for node in nodes]),
        left=np.array(sides["left_child"]),
        right=np.array(sides["right_child"]),
        value=np.array([node.get("leaf_value", 0.0) for node in nodes]),
    )
