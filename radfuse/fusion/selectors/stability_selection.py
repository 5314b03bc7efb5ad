"""Stability selection: the columns that LASSO keeps in most halves of the units."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from radfuse.fusion.link import EVERY_KIND
from radfuse.fusion.parts import Outcome, Settings
from radfuse.fusion.selectors.lasso import Strengths, in_order, nothing_tells, sparse
from radfuse.fusion.selectors.sparse import classes_of, gradient_of
from radfuse.fusion.selectors.step import Step
from radfuse.fusion.selectors.ties import first_of_equals, rounded


class StabilitySelection(Step):
    """Fit LASSO on random halves of the units; keep the columns that enough of them choose at one penalty.

    Source:
        Meinshausen and Bühlmann 2010, doi:10.1111/j.1467-9868.2010.00740.x.
    """

    serves: ClassVar[tuple[str, ...]] = EVERY_KIND
    kind: Literal["stability_selection"] = "stability_selection"
    over: Literal["block", "all"] = "all"
    """Whether LASSO sees each block alone, or all together."""
    threshold: float = Field(default=0.6, gt=0.5, le=1)
    """Share of the halves that must choose a column."""
    halves: int = Field(default=50, ge=2)
    """How many halves are drawn, each with half of either class."""
    strengths: Strengths = (0.4, 0.25)
    """Penalties, as fractions of the smallest that keeps nothing of all units; each in (0, 1)."""
    seed: int = Field(default=0, ge=0)
    """Of the halves."""

    @field_validator("strengths")
    @classmethod
    def _in_range(cls, strengths: Strengths) -> Strengths:
        return in_order(strengths)

    def choose(self, x: np.ndarray, y: np.ndarray, settings: Settings, outcome: Outcome) -> np.ndarray:
        """Keep the stable columns; where none is, the one chosen most often, of several the most relevant."""
        share, relevance = self._shares(x, y, outcome), rounded(outcome.relevance(x, y))
        kept = share >= self.threshold - 1e-12
        kept[max(range(len(kept)), key=lambda i: (share[i], relevance[i]))] |= not kept.any()
        return kept

    def remark(self, x: np.ndarray, y: np.ndarray, settings: Settings, outcome: Outcome) -> str:
        """Return that no column is stable, if so."""
        most = float(self._shares(x, y, outcome).max())
        if most >= self.threshold - 1e-12:
            return ""
        return f"no column is in {self.threshold:g} of the halves; the one in most, {most:.2g}, stays"

    def _shares(self, x: np.ndarray, y: np.ndarray, outcome: Outcome) -> np.ndarray:
        """Return in what share of the halves each column is chosen, at the penalty where that is most.

        Of columns that say the same the first is looked at alone: which of them LASSO takes is no matter of the halves.
        """
        shares, first = np.zeros(x.shape[1]), first_of_equals(x)
        x = x[:, first]
        gradient = gradient_of(outcome, x, y)
        if nothing_tells(gradient, y):
            return shares
        generator = np.random.default_rng(self.seed)
        classes = [np.flatnonzero(classes_of(outcome, y) == value) for value in (0, 1)]
        counts = np.zeros((len(self.strengths), x.shape[1]))
        for _ in range(self.halves):
            half = np.concatenate([generator.permutation(own)[: max(len(own) // 2, 1)] for own in classes])
            penalties = [strength * gradient.max() * len(half) / len(y) for strength in self.strengths]
            for i, coefficients in enumerate(sparse(outcome, x[half], y[half], penalties)):
                counts[i] += np.abs(coefficients) > 1e-8
        shares[first] = counts.max(axis=0) / self.halves
        return shares
