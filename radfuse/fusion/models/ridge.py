"""Ridge regression of the log odds: every column stays, shrunk; its whole path of penalties is one calculation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import field_validator

from radfuse.config import Section
from radfuse.fusion.models.penalised import FittedLogistic, ridge_path
from radfuse.fusion.parts import Settings


class Ridge(Section):
    """L2-penalised logistic regression on all columns that it is given, however many.

    Its penalty is told by what the prior expects of the score: with standardised columns, coefficients of variance
    spread / columns make a score of variance `spread`, whatever the number of columns.

    Source:
        le Cessie and van Houwelingen 1992, doi:10.2307/2347628.
    """

    kind: Literal["ridge"] = "ridge"
    spreads: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
    """Variances of the score that the prior expects, tried in the inner folds."""

    @field_validator("spreads")
    @classmethod
    def _positive(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if not values or not all(0 < value < math.inf for value in values):
            raise ValueError("spreads must be one or more positive, finite numbers")
        return tuple(sorted(values))

    @property
    def takes_offset(self) -> bool:
        """Return True: log odds known before can be added to."""
        return True

    def candidates(self) -> tuple[Settings, ...]:
        """Return the spreads, the strongest penalty first."""
        return tuple({"ridge_spread": value} for value in self.spreads)

    def fit(
        self, x: np.ndarray, y: np.ndarray, settings: Settings, seed: int, offset: np.ndarray | None = None
    ) -> FittedLogistic:
        """Return the regression at one penalty; nothing is drawn."""
        return self.path(x, y, [settings], seed, offset)[0]

    def path(
        self,
        x: np.ndarray,
        y: np.ndarray,
        candidates: Sequence[Settings],
        seed: int,
        offset: np.ndarray | None = None,
    ) -> list[FittedLogistic]:
        """Return the regression at each penalty; `offset` stands in the log odds beside the score, shape (unit,)."""
        penalties = [x.shape[1] / settings["ridge_spread"] for settings in candidates]
        return ridge_path(x, y, penalties, np.zeros(len(x)) if offset is None else offset)
