"""LASSO: the columns with a coefficient in an L1-penalised logistic regression."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
from pydantic import field_validator

from radfuse.config import Section
from radfuse.fusion.parts import Outcome, Settings


class Lasso(Section):
    """L1-penalised logistic regression over all blocks together; its strength is tuned in the inner folds.

    Source:
        Tibshirani 1996, doi:10.1111/j.2517-6161.1996.tb02080.x.
    """

    kind: Literal["lasso"] = "lasso"
    strengths: tuple[float, ...] = (0.7, 0.5, 0.35, 0.25, 0.15, 0.08)
    """Penalties tried, as fractions of the smallest penalty that keeps nothing; each in (0, 1)."""

    @field_validator("strengths")
    @classmethod
    def _in_range(cls, strengths: tuple[float, ...]) -> tuple[float, ...]:
        if not strengths or not all(0 < strength < 1 for strength in strengths):
            raise ValueError("strengths must be one or more numbers between 0 and 1")
        return tuple(sorted(strengths, reverse=True))

    def candidates(self) -> tuple[Settings, ...]:
        """Return the strengths, the strongest first."""
        return tuple({"lasso_strength": strength} for strength in self.strengths)

    def jointly(self) -> bool:
        """Return True: a coefficient counts among those of all blocks."""
        return True

    def choose(self, x: np.ndarray, y: np.ndarray, settings: Settings, outcome: Outcome) -> np.ndarray:
        """Fit the penalised regression and keep its columns; at least the most relevant one."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression

        gradient = np.abs((y - y.mean()) @ x)
        if gradient.max() <= 1e-9 * len(y):  # nothing tells the classes apart: any penalty drops all
            return np.arange(x.shape[1]) == 0
        c = 1 / (settings["lasso_strength"] * gradient.max())
        model = LogisticRegression(
            C=c, l1_ratio=1.0, solver="liblinear", intercept_scaling=10.0, tol=1e-4, max_iter=200, random_state=0
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the support settles long before the coefficients
            model.fit(x, y)
        kept = np.abs(model.coef_[0]) > 1e-8
        kept[int(np.argmax(gradient))] |= not kept.any()
        return kept
