"""Extremely randomised trees."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from radfuse.config import Section
from radfuse.fusion.models.class_weight import ClassWeight
from radfuse.fusion.models.forest import fit_forest
from radfuse.fusion.models.trees import FittedTrees
from radfuse.fusion.models.tried import Counts
from radfuse.fusion.parts import Settings


class ExtraTrees(Section):
    """Trees that split at random thresholds, each grown on all units.

    Probability is the mean over trees of the share of events in the leaf a unit falls into.

    Source:
        Geurts 2006, doi:10.1007/s10994-006-6226-1.
    """

    kind: Literal["extra_trees"] = "extra_trees"
    trees: int = Field(default=300, ge=1, le=10_000)
    """How many are grown."""
    min_samples_leaf: Counts = (3,)
    """Fewest training units in a leaf; several are tried in the inner folds."""
    class_weight: ClassWeight = None
    """"balanced" weights the classes equally, at the price of calibration."""

    def candidates(self) -> tuple[Settings, ...]:
        """Return the sizes of leaves, the largest first."""
        return tuple({"extra_trees_leaf": count} for count in reversed(self.min_samples_leaf))

    def fit(self, x: np.ndarray, y: np.ndarray, settings: Settings, seed: int) -> FittedTrees:
        """Return the trees of a training set; each tries the square root of the columns at a split.

        Raises:
            ValueError: y lacks a class.
        """
        from sklearn.ensemble import ExtraTreesClassifier

        forest = ExtraTreesClassifier(
            n_estimators=self.trees,
            min_samples_leaf=int(settings["extra_trees_leaf"]),
            max_features="sqrt",
            class_weight=self.class_weight,
            random_state=seed % 2**32,
            n_jobs=1,
        )
        return fit_forest(forest, x, y)
