"""Logistic regression: its fit, its formula, its ONNX nodes."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import field_validator

from radfuse.config import Section
from radfuse.fusion.models.penalised import FittedLogistic, ridge_path
from radfuse.fusion.parts import Settings

if TYPE_CHECKING:
    pass


class Logistic(Section):
    """L2-penalised logistic regression on what was selected."""

    kind: Literal["logistic"] = "logistic"
    c: tuple[float, ...] = (0.01, 0.1, 1.0)
    """Inverse penalties tried in the inner folds."""
    class_weight: Literal["balanced"] | None = None
    """"balanced" weights the classes equally, at the price of calibration."""

    @field_validator("c")
    @classmethod
    def _positive(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if not values or not all(0 < value < math.inf for value in values):
            raise ValueError("c must be one or more positive, finite numbers")
        return tuple(sorted(values))

    def candidates(self) -> tuple[Settings, ...]:
        """Return the inverse penalties, the strongest penalty first."""
        return tuple({"c": value} for value in self.c)

    @property
    def takes_offset(self) -> bool:
        """Whether log odds known before can be added to."""
        return self.class_weight is None

    def fit(
        self, x: np.ndarray, y: np.ndarray, settings: Settings, seed: int, offset: np.ndarray | None = None
    ) -> FittedLogistic:
        """Return the regression at one penalty; nothing is drawn."""
        if offset is not None:
            return ridge_path(x, y, [1 / settings["c"]], offset)[0]
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(
            C=settings["c"], solver="newton-cholesky", class_weight=self.class_weight, max_iter=200
        )
        with warnings.catch_warnings():
            # where no column tells anything scikit-learn's Newton solver hands over to lbfgs, and says so
            warnings.filterwarnings("ignore", "Line search of Newton solver", ConvergenceWarning)
            model.fit(x, y)
        return FittedLogistic(float(model.intercept_[0]), model.coef_[0])
