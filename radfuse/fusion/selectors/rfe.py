"""Recursive feature elimination."""

from __future__ import annotations

import math
import warnings
from typing import Literal

import numpy as np
from pydantic import Field

from radfuse.fusion.parts import Outcome, Settings
from radfuse.fusion.selectors.step import Step
from radfuse.fusion.selectors.ties import first_of_equals


class Rfe(Step):
    """Fit a linear model, drop the columns with the smallest coefficients, and again, until `k` are left.

    Source:
        Guyon et al. 2002, doi:10.1023/A:1012487302797.
    """

    kind: Literal["rfe"] = "rfe"
    over: Literal["block", "all"] = "all"
    """Whether coefficients of each block, or of all together, are compared."""
    k: int = Field(default=10, ge=1)
    """Columns left."""
    drop: float = Field(default=0.5, gt=0, lt=1)
    """Share of the columns dropped each round, at least one."""
    by: Literal["logistic", "svm"] = "logistic"
    """Whose coefficients: of a ridge logistic regression, or of a linear support vector machine."""
    c: float = Field(default=0.1, gt=0)
    """Inverse penalty of the linear model."""

    def choose(self, x: np.ndarray, y: np.ndarray, settings: Settings, outcome: Outcome) -> np.ndarray:
        """Keep `k` columns, all where there are fewer; of those that say the same the first."""
        left = np.flatnonzero(first_of_equals(x))  # equal ones would share a coefficient, and all be dropped for it
        while len(left) > self.k:
            weight = np.abs(self._coefficients(x[:, left], y))
            count = max(self.k, min(math.ceil(len(left) * (1 - self.drop)), len(left) - 1))
            left = np.sort(left[np.argsort(-weight, kind="stable")[:count]])
        return np.isin(np.arange(x.shape[1]), left)

    def _coefficients(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
        from sklearn.svm import LinearSVC

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the order settles before the coefficients
            if self.by == "svm":
                return LinearSVC(C=self.c, dual=x.shape[1] > len(x), random_state=0).fit(x, y).coef_[0]
            return LogisticRegression(C=self.c, max_iter=300).fit(x, y).coef_[0]
