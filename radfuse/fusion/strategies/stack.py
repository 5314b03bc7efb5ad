"""Stacking: a learner of each block, and how much each is worth learned from what they say of unseen patients."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from radfuse.config import Section
from radfuse.fusion.blend import Blend, Term
from radfuse.fusion.learn import Learned, learned, positions, settings_of
from radfuse.fusion.link import EVERY_KIND
from radfuse.fusion.parts import Outcome, Training, Tuned
from radfuse.fusion.regress import bounded_of

_HELD = 10.0
"""Inverse variance of a weight's prior about 1, chosen on drawn and joined tables: `docs/measured.md`."""


class Stack(Section):
    """A learner of each block; their inner out-of-fold scores are weighed by regression (logistic,
    Cox or least squares), no weight below 0.

    A normal prior holds each weight near 1, what blocks that tell different things add up by: forty units would
    otherwise weigh blocks by chance.

    Source:
        Breiman 1996, doi:10.1007/BF00117832, who has no prior.
    """

    serves: ClassVar[tuple[str, ...]] = EVERY_KIND

    kind: Literal["stack"] = "stack"

    def learn(self, training: Training) -> Learned:
        """Fit the study's learner on each block, then their weights; inner folds weigh without the fold they test."""
        parts = {block: learned(training.of([block])) for block in training.blocks}
        if len(parts) == 1:
            return next(iter(parts.values()))
        each = np.column_stack([part.odds for part in parts.values()])
        intercept, weights = _weights(training.outcome, each, training.y)
        odds = np.empty(len(training.y))
        for fold in training.folds:
            own, shares = _weights(training.outcome, each[fold.train], training.y[fold.train])
            odds[fold.test] = own + each[fold.test] @ shares
        terms = tuple(
            Term(part.part, float(weight), positions(training, [block]), float(part.odds.mean()))
            for (block, part), weight in zip(parts.items(), weights, strict=True)
        )
        settings = settings_of(parts) | {
            f"weight.{block}": float(weight) for block, weight in zip(parts, weights, strict=True)
        }
        return Learned(Blend(tuple(training.names), terms, float(intercept)), settings, odds)

    def fit(self, training: Training) -> Tuned:
        """Fit the study's learner on each block, then their weights."""
        return self.learn(training).tuned()


def _weights(outcome: Outcome, odds: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Return intercept and weights >= 0, shape (block,), with the smallest loss."""
    return bounded_of(outcome, odds, y, 1.0, _HELD, 0.0, 5.0)
