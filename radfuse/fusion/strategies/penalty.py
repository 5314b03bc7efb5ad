"""One ridge regression of all blocks, penalised block by block: a large block cannot drown a small one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import ClassVar, Literal

import numpy as np

from radfuse.config import Section
from radfuse.fusion.learn import Learned, OneOf, Several, adding, learned
from radfuse.fusion.link import EVERY_KIND
from radfuse.fusion.models.class_weight import ClassWeight, weights_of
from radfuse.fusion.models.penalised import FittedLogistic
from radfuse.fusion.models.tried import Positives
from radfuse.fusion.parts import Outcome, Reduction, Selector, Settings, Training, Tuned
from radfuse.fusion.regress import ridge_of

Selection = tuple[Selector | Reduction, ...]


class Penalty(Section):
    """Ridge regression in which each block has a penalty of its own, by how much of the score the prior gives it.

    It weights the classes, and chooses columns, as the study's linear learners do. Where these choose in several ways,
    there is a regression of each, of which beforehand that of the heaviest learner alone counts, and the others as they
    predict better in the inner folds: forty units do not show which few columns tell, thousands do, and only all blocks
    side by side.

    Source:
        Boulesteix et al. 2017 (IPF-LASSO), doi:10.1155/2017/7691937, with ridge penalties.
    """

    serves: ClassVar[tuple[str, ...]] = EVERY_KIND

    kind: Literal["penalty"] = "penalty"
    spreads: Positives = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
    """Variances of each block's part of the score that the prior expects, tried in the inner folds."""
    ratios: Positives = (1.0,)
    """Variances of the other blocks' parts against the first block's, tried in every combination; 1: all alike."""

    def learn(self, training: Training) -> Learned:
        """Fit all columns that selection keeps, their penalties by block."""
        linear = adding(training)
        weight = getattr(linear.model, "class_weight", None)
        model = _BlockRidge(self.spreads, self.ratios, tuple(training.blocks), weight, training.outcome)
        ways = _ways(training, linear)
        if len(ways) == 1:
            return learned(replace(training, model=model, selection=ways[0][0]))
        shares = getattr(linear.model, "shares", "learned")
        usual = [weight if shares == "fixed" else float(not place) for place, (_, weight) in enumerate(ways)]
        members = tuple(OneOf(model, way, weight) for (way, _), weight in zip(ways, usual, strict=True))
        return learned(replace(training, model=Several(members, shares)))

    def fit(self, training: Training) -> Tuned:
        """Fit all columns that selection keeps, their penalties by block."""
        return self.learn(training).tuned()


def _ways(training: Training, linear: Training) -> list[tuple[Selection, float]]:
    """Return each way in which linear learners choose columns, and what they weigh together, the heaviest first.

    Components of several blocks together belong to no block: the study's own selection stands in for such a way.
    """
    members = getattr(linear.model, "members", None) or [OneOf(linear.model, linear.selection)]
    ways: list[tuple[Selection, float]] = []
    for member in members:
        way = tuple(training.selection if member.selection is None else member.selection)
        if any(isinstance(step, Reduction) and step.jointly() for step in way):
            way = tuple(training.selection)
        weight = sum(known for other, known in ways if other == way)  # by what they say: own steps may have no hash
        ways = [(other, known) for other, known in ways if other != way] + [(way, weight + member.weight)]
    return sorted(ways, key=lambda item: -item[1])


class _BlockRidge:
    """The model of the strategy; `weighs_blocks` asks for the block of each column."""

    kind = "ridge"
    weighs_blocks = True
    takes_offset = True

    def __init__(
        self,
        spreads: Sequence[float],
        ratios: Sequence[float],
        blocks: Sequence[str],
        weight: ClassWeight,
        outcome: Outcome,
    ) -> None:
        self._spreads, self._ratios, self._blocks, self._weight = spreads, ratios, blocks, weight
        self._outcome = outcome

    def candidates(self) -> tuple[Settings, ...]:
        """Return every combination, the strongest penalty first."""
        others = self._blocks[1:]
        return tuple(
            {"spread": spread, **{f"ratio.{block}": ratio for block, ratio in zip(others, ratios, strict=True)}}
            for spread in self._spreads
            for ratios in product(self._ratios, repeat=len(others))
        )

    def fit(self, x: np.ndarray, y: np.ndarray, settings: Settings, seed: int) -> FittedLogistic:
        """Return the regression of one block's columns."""
        return self.path(x, y, [settings], seed, blocks=[self._blocks[0]] * x.shape[1])[0]

    def path(
        self,
        x: np.ndarray,
        y: np.ndarray,
        candidates: Sequence[Settings],
        seed: int,
        offset: np.ndarray | None = None,
        *,
        blocks: Sequence[str],
    ) -> list[FittedLogistic]:
        """Return the regression at each setting: columns scaled by their block's share, one penalty for all."""
        known = np.zeros(len(x)) if offset is None else offset
        weights = weights_of(y, self._weight)
        of = np.asarray(blocks, dtype=object)
        size = np.array([(of == block).sum() for block in of], dtype=float)
        found: dict[int, FittedLogistic] = {}
        groups: dict[tuple[float, ...], list[int]] = {}
        for i, settings in enumerate(candidates):
            ratios = tuple(settings.get(f"ratio.{block}", 1.0) for block in self._blocks)
            groups.setdefault(ratios, []).append(i)
        for ratios, places in groups.items():
            ratio = dict(zip(self._blocks, ratios, strict=True))
            factor = np.sqrt(np.array([ratio[block] for block in of]) / size)
            for i, fitted in zip(
                places,
                ridge_of(self._outcome, x * factor, y, [1 / candidates[i]["spread"] for i in places], known, weights),
                strict=True,
            ):
                found[i] = replace(fitted, coefficients=fitted.coefficients * factor)
        return [found[i] for i in range(len(candidates))]
