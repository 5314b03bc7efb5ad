"""The nomogram's way: clinical columns beside one score of each other block, in one regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np

from radfuse.config import Section
from radfuse.fusion.blend import Blend, Term
from radfuse.fusion.learn import Learned, learned, positions, settings_of
from radfuse.fusion.link import EVERY_KIND, link_of
from radfuse.fusion.models.cox_fit import FittedCox
from radfuse.fusion.models.linear_fit import FittedLinear
from radfuse.fusion.models.penalised import FittedLogistic
from radfuse.fusion.parts import Outcome, Settings, Training, Tuned
from radfuse.fusion.regress import ridge_of, usual_score
from radfuse.fusion.strategies.mean import MeanOfBlocks
from radfuse.fusion.tune import fit_chain
from radfuse.statistics.links import LinkName

_PENALTY = 1.0
"""On standardised clinical columns and scores: that of a normal prior with a standard deviation of 1."""


class Score(Section):
    """Clinical columns and a score of each other block in one regression, as radscore nomograms do.

    A block's score for the regression is its inner out-of-fold log odds: scores of a model's own training set would
    look too good. Of the first block all columns stand in it, but where steps of the selection name that block and
    have nothing to tune: `{kind: multivariable, blocks: [clinical]}`. No score is turned round: out-of-fold scores of a
    learner that found nothing lean against the outcome, as each is the mean of the other folds. Without the first
    block, the mean of blocks.

    Source:
        Huang et al. 2016, doi:10.1200/JCO.2015.65.9128, with cross-fitted scores.
    """

    serves: ClassVar[tuple[str, ...]] = EVERY_KIND

    kind: Literal["score"] = "score"
    first: str = "clinical"
    """The block whose columns stand by themselves."""

    def learn(self, training: Training) -> Learned:
        """Fit the other blocks, then the regression; inner folds regress without the fold they test."""
        if self.first not in training.blocks or len(training.blocks) == 1:
            return MeanOfBlocks().learn(training)
        parts = {block: learned(training.of([block])) for block in training.blocks if block != self.first}
        scores = np.column_stack([part.odds for part in parts.values()])
        steps = tuple(step for step in training.selection if self._names_first(step))
        own = replace(training.of([self.first]), selection=steps, again={}, oversample=False)
        whole = fit_chain(replace(own, model=_Beside(scores, training.outcome)), {})
        odds = np.empty(len(training.y))
        for fold in training.folds:
            here = replace(
                own, x=own.x[fold.train], y=own.y[fold.train], model=_Beside(scores[fold.train], training.outcome)
            )
            chain = fit_chain(here, {})
            odds[fold.test] = chain.score(own.x[fold.test]) + scores[fold.test] @ _weights_of(chain.model)
        weights = _weights_of(whole.model)
        absent = usual_score(training.outcome, training.y) - float(scores.mean(axis=0) @ weights)
        terms = [Term(whole, 1.0, positions(training, [self.first]), absent)]
        terms += [
            Term(part.part, float(weight), positions(training, [block]), float(part.odds.mean()))
            for (block, part), weight in zip(parts.items(), weights, strict=True)
        ]
        settings = settings_of(parts) | {f"weight.{block}": float(w) for block, w in zip(parts, weights, strict=True)}
        return Learned(Blend(tuple(training.names), tuple(terms)), settings, odds)

    def _names_first(self, step: Any) -> bool:
        return self.first in getattr(step, "blocks", ()) and len(step.candidates()) == 1

    def fit(self, training: Training) -> Tuned:
        """Fit the other blocks, then the regression."""
        return self.learn(training).tuned()


@dataclass(frozen=True)
class _Beside:
    """Regresses the columns it is given together with scores that it knows, shape (unit, score)."""

    scores: np.ndarray
    outcome: Outcome

    def candidates(self) -> Sequence[Settings]:
        return ({},)

    def fit(self, x: np.ndarray, y: np.ndarray, settings: Settings, seed: int) -> FittedLogistic:
        mean, scale = self.scores.mean(axis=0), self.scores.std(axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        scores, kept = (self.scores - mean) / scale, np.ones(self.scores.shape[1], dtype=bool)
        while True:
            found = ridge_of(self.outcome, np.hstack([x, scores[:, kept]]), y, [_PENALTY], np.zeros(len(x)))[0]
            weights = np.zeros(len(kept))
            weights[kept] = found.coefficients[x.shape[1] :] / scale[kept]
            if (weights >= 0).all():
                break
            kept &= weights > 0
        return _BESIDE[link_of(self.outcome)](
            found.intercept - float(weights @ mean), found.coefficients[: x.shape[1]], weights
        )


@dataclass(frozen=True)
class _FittedBeside(FittedLogistic):
    """The part of the columns, and the weights of the scores."""

    weights: np.ndarray


@dataclass(frozen=True)
class _CoxBeside(FittedCox):
    """The same of Cox regression."""

    weights: np.ndarray


@dataclass(frozen=True)
class _LinearBeside(FittedLinear):
    """The same of least squares."""

    weights: np.ndarray


_BESIDE: dict[LinkName, type[_FittedBeside | _CoxBeside | _LinearBeside]] = {
    "logit": _FittedBeside,
    "cloglog": _CoxBeside,
    "identity": _LinearBeside,
}


def _weights_of(model: Any) -> np.ndarray:
    return np.asarray(model.weights)
