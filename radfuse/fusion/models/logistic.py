"""Logistic regression: its fit, its formula, its ONNX nodes."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from radfuse.config import Section
from radfuse.fusion.models.class_weight import ClassWeight, weights_of
from radfuse.fusion.models.penalised import FittedLogistic, ridge_path
from radfuse.fusion.models.tried import Positives
from radfuse.fusion.parts import Settings


class Logistic(Section):
    """L2-penalised logistic regression on what was selected."""

    kind: Literal["logistic"] = "logistic"
    c: Positives = (0.01, 0.1, 1.0)
    """Inverse penalties tried in the inner folds."""
    class_weight: ClassWeight = None
    """"balanced" weights the classes equally, at the price of calibration."""
    takes_offset: ClassVar[bool] = True
    linear_score: ClassVar[bool] = True

    def candidates(self) -> tuple[Settings, ...]:
        """Return the inverse penalties, the strongest penalty first."""
        return tuple({"c": value} for value in self.c)

    def fit(
        self, x: np.ndarray, y: np.ndarray, settings: Settings, seed: int, offset: np.ndarray | None = None
    ) -> FittedLogistic:
        """Return the regression at one penalty; nothing is drawn.

        Raises:
            ValueError: y lacks a class.
        """
        known = np.zeros(len(x)) if offset is None else offset
        return ridge_path(x, y, [1 / settings["c"]], known, weights_of(y, self.class_weight))[0]
