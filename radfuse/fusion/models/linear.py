"""Regression of a value by least squares: ridge by default, elastic net where a share of the penalty is absolute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np

from radfuse.fusion.models.linear_fit import FittedLinear, net_squares, ridge_squares, spread_of
from radfuse.fusion.models.pathwise import Penalised
from radfuse.fusion.models.tried import Positives
from radfuse.fusion.parts import Settings


class LinearModel(Penalised):
    """Linear regression of a continuous or ordinal outcome, penalised.

    Its ridge penalty is told by what the prior expects of the score: with standardised columns, coefficients of
    variance spread / columns make a score of variance `spread`, in units of the variance that is not explained.

    Source:
        Hoerl and Kennard 1970, doi:10.1080/00401706.1970.10488634; Zou and Hastie 2005,
        doi:10.1111/j.1467-9868.2005.00503.x.
    """

    serves: ClassVar[tuple[str, ...]] = ("continuous", "ordinal")

    kind: Literal["linear"] = "linear"
    spreads: Positives = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0)
    """Variances of the score that the prior expects, tried in the inner folds; of ridge."""
    strengths: Positives = (0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.7)
    """Penalties tried where `l1_share` is above 0, as fractions of the smallest that keeps nothing; below 1."""

    def path(
        self,
        x: np.ndarray,
        y: np.ndarray,
        candidates: Sequence[Settings],
        seed: int,
        offset: np.ndarray | None = None,
    ) -> list[FittedLinear]:
        """Return the regression at each penalty.

        Args:
            x: standardised, shape (unit, column).
            y: shape (unit,).
            candidates: settings, the strongest penalty first.
            seed: not used.
            offset: prediction known before, shape (unit,), which stands beside what is fitted.
        """
        known = np.zeros(len(x)) if offset is None else offset
        if self.l1_share == 0:
            return ridge_squares(x, y, [x.shape[1] / each["linear_spread"] for each in candidates], known)
        left = y - known
        most = float(np.abs((left - left.mean()) @ x).max(initial=0.0)) / (spread_of(y) * len(y) * self.l1_share)
        return net_squares(x, y, [each["linear_strength"] * most for each in candidates], self.l1_share, known)
