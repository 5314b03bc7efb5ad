"""Ridge regression of the log odds: every column stays, shrunk; its whole path of penalties is one calculation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np

from radfuse.fusion.models.class_weight import ClassWeight, weights_of
from radfuse.fusion.models.pathwise import Pathwise
from radfuse.fusion.models.penalised import FittedLogistic, ridge_path
from radfuse.fusion.models.tried import Positives
from radfuse.fusion.parts import Settings


class Ridge(Pathwise):
    """L2-penalised logistic regression on all columns that it is given, however many.

    Its penalty is told by what the prior expects of the score: with standardised columns, coefficients of variance
    spread / columns make a score of variance `spread`, whatever the number of columns.

    Source:
        le Cessie and van Houwelingen 1992, doi:10.2307/2347628.
    """

    kind: Literal["ridge"] = "ridge"
    spreads: Positives = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
    """Variances of the score that the prior expects, tried in the inner folds."""
    class_weight: ClassWeight = None
    """"balanced" weights the classes equally, at the price of calibration."""
    linear_score: ClassVar[bool] = True

    def candidates(self) -> tuple[Settings, ...]:
        """Return the spreads, the strongest penalty first."""
        return tuple({"ridge_spread": value} for value in self.spreads)

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
        known = np.zeros(len(x)) if offset is None else offset
        return ridge_path(x, y, penalties, known, weights_of(y, self.class_weight))
