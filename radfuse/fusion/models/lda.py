"""Linear discriminant analysis with a shrunken covariance."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from radfuse.config import Section
from radfuse.fusion.models.canonical import two_classes
from radfuse.fusion.models.penalised import FittedLogistic
from radfuse.fusion.parts import Settings


class Lda(Section):
    """Linear discriminant analysis; the covariance is shrunken by Ledoit and Wolf's formula, so nothing is tuned.

    Source:
        Ledoit 2004, doi:10.1016/S0047-259X(03)00096-4.
    """

    kind: Literal["lda"] = "lda"
    linear_score: ClassVar[bool] = True

    def candidates(self) -> tuple[Settings, ...]:
        """Return one candidate without settings."""
        return ({},)

    def fit(self, x: np.ndarray, y: np.ndarray, settings: Settings, seed: int) -> FittedLogistic:
        """Return the discriminant as log odds; nothing is drawn.

        Raises:
            ValueError: y has not two units of each class.
        """
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        y = two_classes(y)
        if np.bincount(y).min() < 2:
            raise ValueError(
                "one training unit alone is of its class; classifier lda needs two of each for a covariance: "
                "add units of that class, or take another classifier"
            )
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(x, y)
        return FittedLogistic(float(model.intercept_[0]), model.coef_[0])
