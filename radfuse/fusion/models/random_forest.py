"""Random forest."""

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


class RandomForest(Section):
    """Trees each grown on a bootstrap sample of the units.

    Probability is the mean over trees of the share of events in the leaf a unit falls into.

    Source:
        Breiman 2001, doi:10.1023/A:1010933404324.
    """

    kind: Literal["random_forest"] = "random_forest"
    trees: int = Field(default=300, ge=1, le=10_000)
    """How many are grown."""
    min_samples_leaf: Counts = (3,)
    """Fewest training units in a leaf; several are tried in the inner folds."""
    class_weight: ClassWeight = None
    """"balanced" weights the classes equally, at the price of calibration."""

    def candidates(self) -> tuple[Settings, ...]:
        """Return the sizes of leaves, the largest first."""
        return tuple({"random_forest_leaf": count} for count in reversed(self.min_samples_leaf))

    def fit(self, x: np.ndarray, y: np.ndarray, settings: Settings, seed: int) -> FittedTrees:
        """Return the trees of a training set; each tries the square root of the columns at a split.

        Raises:
            ValueError: y lacks a class.
        """
        from sklearn.ensemble import RandomForestClassifier

        forest = RandomForestClassifier(
            n_estimators=self.trees,
            min_samples_leaf=int(settings["random_forest_leaf"]),
            max_features="sqrt",
            class_weight=self.class_weight,
            random_state=seed % 2**32,
            n_jobs=1,
        )
        return fit_forest(forest, x, y)
