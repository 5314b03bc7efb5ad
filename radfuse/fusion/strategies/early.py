"""Early fusion: the columns of all blocks side by side, one learner."""

from __future__ import annotations

from typing import ClassVar, Literal

from radfuse.config import Section
from radfuse.fusion.learn import Learned, learned
from radfuse.fusion.link import EVERY_KIND
from radfuse.fusion.parts import Training, Tuned


class Early(Section):
    """All columns side by side, one learner."""

    serves: ClassVar[tuple[str, ...]] = EVERY_KIND

    kind: Literal["early"] = "early"

    def learn(self, training: Training) -> Learned:
        """Fit the study's learner on all columns."""
        return learned(training)

    def fit(self, training: Training) -> Tuned:
        """Fit the study's learner on all columns."""
        return self.learn(training).tuned()
