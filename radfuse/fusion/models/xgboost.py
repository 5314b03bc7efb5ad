"""Gradient boosting by XGBoost, of trees or of coefficients."""

from __future__ import annotations

import json
from itertools import product
from typing import Any, Literal

import numpy as np
from pydantic import Field, field_validator

from radfuse.config import Section
from radfuse.fusion.models.canonical import Canonical, canonical
from radfuse.fusion.models.class_weight import ClassWeight, weights_of
from radfuse.fusion.models.penalised import FittedLogistic
from radfuse.fusion.models.trees import FittedTrees, Tree, shares
from radfuse.fusion.models.tried import Counts, Positives
from radfuse.fusion.parts import Settings


class XGBoost(Section):
    """Gradient boosting, for recipes that ask for XGBoost: `pip install 'radfuse[xgboost]'`.

    Source:
        Chen 2016, doi:10.1145/2939672.2939785.
    """

    kind: Literal["xgboost"] = "xgboost"
    booster: Literal["tree", "linear"] = "tree"
    """What is added up: trees, or steps of coefficients."""
    trees: Counts = (20, 60, 180)
    """Numbers of rounds tried in the inner folds."""
    depth: Counts = (2,)
    """Largest depths of trees tried, at most 12."""
    learning_rate: float = Field(default=0.05, gt=0, le=1)
    """Share of each round that is added."""
    penalty: Positives = (1.0,)
    """Penalties on the squares of leaves or coefficients, tried."""
    min_child_weight: float = Field(default=1.0, ge=0)
    """Least sum of p (1 - p) over the training units of a leaf."""
    column_share: float = Field(default=0.5, gt=0, le=1)
    """Share of the columns, drawn for each tree."""
    class_weight: ClassWeight = None
    """"balanced" weights the classes equally, at the price of calibration."""

    @property
    def linear_score(self) -> bool:
        """Whether what it fits is a sum over columns."""
        return self.booster == "linear"

    @field_validator("depth")
    @classmethod
    def _shallow(cls, depth: tuple[int, ...]) -> tuple[int, ...]:
        if depth[-1] > 12:
            raise ValueError("depth must be at most 12")
        return depth

    def candidates(self) -> tuple[Settings, ...]:
        """Return all combinations: shallow trees, strong penalties and few rounds first."""
        depths = self.depth if self.booster == "tree" else (0,)
        return tuple(
            {"xgboost_penalty": penalty, "xgboost_rounds": rounds, **({"xgboost_depth": depth} if depth else {})}
            for depth, penalty, rounds in product(depths, reversed(self.penalty), self.trees)
        )

    def fit(self, x: np.ndarray, y: np.ndarray, settings: Settings, seed: int) -> FittedTrees | FittedLogistic:
        """Return the trees, or the linear model, of a training set.

        Raises:
            ValueError: y lacks a class, or XGBoost is not installed.
        """
        try:
            import xgboost
        except (ImportError, OSError) as error:
            raise ValueError(
                f"classifier xgboost: XGBoost cannot be loaded ({error}); pip install 'radfuse[xgboost]', or "
                "xgboost-cpu for a small one without CUDA"
            ) from error

        data = canonical(x, y)
        weights = weights_of(data.y, self.class_weight)
        event_share = float(np.average(data.y, weights=weights))
        parameters: dict[str, Any] = {
            "objective": "binary:logistic",
            "base_score": event_share,
            "eta": self.learning_rate,
            "lambda": settings["xgboost_penalty"],
            "nthread": 1,
            "seed": seed % 2**31,
            "verbosity": 0,  # new ones warn at each fit that their linear booster will go
        }
        if self.booster == "linear":
            parameters |= {"booster": "gblinear", "updater": "coord_descent"}  # the other updater is a race
        else:
            parameters |= {
                "tree_method": "exact",
                "max_depth": int(settings["xgboost_depth"]),
                "min_child_weight": self.min_child_weight,
                "colsample_bytree": self.column_share,
            }
        rows = xgboost.DMatrix(data.x.astype(np.float32), data.y, weight=weights, nthread=1)
        booster = xgboost.train(parameters, rows, int(settings["xgboost_rounds"]))
        model = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]["model"]
        base = float(np.log(event_share / (1 - event_share)))
        if self.booster == "linear":
            *coefficients, bias = map(float, model["weights"])
            return FittedLogistic(base + bias, data.back(np.array(coefficients)))
        return _fitted_trees(model["trees"], data, base)


def _fitted_trees(grown: list[dict[str, Any]], data: Canonical, base: float) -> FittedTrees:
    """Return trees as XGBoost stores them: the condition of a leaf is its value, and rows below one go left."""
    trees = []
    gains = np.zeros(len(data.columns))
    for item in grown:
        condition = np.array(item["split_conditions"], dtype=np.float32)
        left = np.array(item["left_children"])
        column = data.columns[np.array(item["split_indices"])]
        np.add.at(gains, column[left >= 0], np.array(item["loss_changes"])[left >= 0])
        at_most = np.nextafter(condition, np.float32(-np.inf))  # the largest float32 below
        trees.append(
            Tree(column, at_most.astype(float), left, np.array(item["right_children"]), condition.astype(float))
        )
    return FittedTrees(tuple(trees), shares(gains), "share of the gain in likelihood", base, log_odds=True)
