"""Late fusion: a learner of each block alone; their log odds are averaged."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from radfuse.config import Section
from radfuse.fusion.blend import Blend, Term
from radfuse.fusion.learn import Learned, learned, positions, settings_of
from radfuse.fusion.link import EVERY_KIND
from radfuse.fusion.parts import Training, Tuned


class MeanOfBlocks(Section):
    """A learner of each block, and the mean of their scores; a case that lacks a block is predicted from the rest.

    Predicted numbers lie too near their average where blocks say different things: half as far as they should where
    two say nothing in common. `stack` weighs them.
    """

    serves: ClassVar[tuple[str, ...]] = EVERY_KIND

    kind: Literal["mean"] = "mean"

    def learn(self, training: Training) -> Learned:
        """Fit the study's learner on each block."""
        parts = {block: learned(training.of([block])) for block in training.blocks}
        if len(parts) == 1:
            return next(iter(parts.values()))
        terms = [Term(part.part, 1 / len(parts), positions(training, [block])) for block, part in parts.items()]
        odds = np.mean([part.odds for part in parts.values()], axis=0)
        return Learned(Blend(tuple(training.names), tuple(terms)), settings_of(parts), odds)

    def fit(self, training: Training) -> Tuned:
        """Fit the study's learner on each block."""
        return self.learn(training).tuned()
