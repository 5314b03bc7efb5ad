"""Clinical columns first: what they say stands, and each other block may add to it."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np

from radfuse.config import Section
from radfuse.fusion.blend import Blend, Term
from radfuse.fusion.learn import Learned, adding, learned, positions, settings_of
from radfuse.fusion.link import EVERY_KIND
from radfuse.fusion.parts import Training, Tuned
from radfuse.fusion.regress import usual_score
from radfuse.fusion.strategies.mean import MeanOfBlocks


class Priority(Section):
    """The first block's own log odds, and on them what each other block adds; without that block, the mean of blocks.

    What the others add is fitted on inner out-of-fold log odds of the first, so that a first block which fits its own
    training set too well cannot silence them.

    Source:
        Klau et al. 2018 (priority-Lasso), doi:10.1186/s12859-018-2344-6.
    """

    serves: ClassVar[tuple[str, ...]] = EVERY_KIND

    kind: Literal["priority"] = "priority"
    first: str = "clinical"
    """The block that stands first."""

    def learn(self, training: Training) -> Learned:
        """Fit the first block, then each other one on what the first says of patients it has not seen."""
        if self.first not in training.blocks or len(training.blocks) == 1:
            return MeanOfBlocks().learn(training)
        linear = adding(training)
        parts = {self.first: learned(linear.of([self.first]))}
        known = parts[self.first].odds
        for block in training.blocks:
            if block != self.first:
                parts[block] = learned(replace(linear.of([block]), offset=known))
        absent = dict.fromkeys(parts, 0.0) | {self.first: usual_score(training.outcome, training.y)}
        terms = [Term(part.part, 1.0, positions(training, [block]), absent[block]) for block, part in parts.items()]
        odds = np.sum([part.odds for part in parts.values()], axis=0)
        return Learned(Blend(tuple(training.names), tuple(terms)), settings_of(parts), odds)

    def fit(self, training: Training) -> Tuned:
        """Fit the first block, then each other one on what the first says of patients it has not seen."""
        return self.learn(training).tuned()
