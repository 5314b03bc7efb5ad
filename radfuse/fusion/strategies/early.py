"""Early fusion: the columns of all blocks side by side, one model."""

from __future__ import annotations

from typing import Literal

import numpy as np

from radfuse.config import Section
from radfuse.fusion.parts import Training, Tuned


class Early(Section):
    """All columns, one model."""

    kind: Literal["early"] = "early"

    def fit(self, training: Training) -> Tuned:
        """Fit the settings whose inner out-of-fold probabilities have the smallest loss, the simplest of equals."""
        from radfuse.fusion.tune import fit_chain, inner_predictions

        tried, inner = inner_predictions(training)
        best = int(np.argmin([training.outcome.loss(training.y, row) for row in inner]))
        return Tuned(fit_chain(training, tried[best]), tried[best], inner[best])
