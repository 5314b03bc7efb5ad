"""Several strategies that answer together: where each is weak, another is not."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from radfuse.config import Section
from radfuse.fusion.learn import Learned, averaged, learned
from radfuse.fusion.parts import Training, Tuned
from radfuse.fusion.strategies.attention import Attention
from radfuse.fusion.strategies.early import Early
from radfuse.fusion.strategies.mean import MeanOfBlocks
from radfuse.fusion.strategies.penalty import Penalty
from radfuse.fusion.strategies.priority import Priority
from radfuse.fusion.strategies.score import Score
from radfuse.fusion.strategies.stack import Stack

_Single = Annotated[Attention | Early | MeanOfBlocks | Penalty | Priority | Score | Stack, Field(discriminator="kind")]


class Average(Section):
    """A weighted mean of several strategies' scores; a single block is fitted by the study's learner alone."""

    serves: ClassVar[tuple[str, ...]] = ("binary", "survival")

    kind: Literal["average"] = "average"
    of: tuple[_Single, ...] = Field(default=(Priority(), Penalty(), Stack()), min_length=1)
    """The strategies."""
    shares: Literal["learned", "fixed"] = "learned"
    """Whether those count more that predict better in the inner folds: hardly with few units, much with many; fixed:
    all alike."""

    def learn(self, training: Training) -> Learned:
        """Fit each strategy."""
        if len(training.blocks) == 1:
            return learned(training)
        parts: dict[str, Learned] = {}
        for strategy in self.of:
            same = sum(name.partition(" ")[0] == strategy.kind for name in parts)
            parts[f"{strategy.kind} {same + 1}" if same else strategy.kind] = strategy.learn(training)
        return averaged(training, parts, fixed=self.shares == "fixed")

    def fit(self, training: Training) -> Tuned:
        """Fit each strategy."""
        return self.learn(training).tuned()
