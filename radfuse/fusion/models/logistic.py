"""Logistic regression: its fit, its formula, its ONNX nodes."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np

from radfuse.config import Section
from radfuse.fusion.models.canonical import two_classes
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

    def candidates(self) -> tuple[Settings, ...]:
        """Return the inverse penalties, the strongest penalty first."""
        return tuple({"c": value} for value in self.c)

    @property
    def takes_offset(self) -> bool:
        """Return True: log odds known before can be added to."""
        return True

    def fit(
        self, x: np.ndarray, y: np.ndarray, settings: Settings, seed: int, offset: np.ndarray | None = None
    ) -> FittedLogistic:
        """Return the regression at one penalty; nothing is drawn.

        Raises:
            ValueError: y lacks a class.
        """
        if offset is not None:
            return ridge_path(x, y, [1 / settings["c"]], offset, weights_of(y, self.class_weight))[0]
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(
            C=settings["c"], solver="newton-cholesky", class_weight=self.class_weight, max_iter=200
        )
        with warnings.catch_warnings():
            # where no column tells anything scikit-learn's Newton solver hands over to lbfgs, and says so
            warnings.filterwarnings("ignore", "Line search of Newton solver", ConvergenceWarning)
            model.fit(x, two_classes(y))
        return FittedLogistic(float(model.intercept_[0]), model.coef_[0])
