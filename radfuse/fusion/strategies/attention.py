"""A small network over blocks: an encoder each, gated attention over those a patient has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from pydantic import Field

from radfuse.config import Section
from radfuse.fusion.group import Group, projection_of
from radfuse.fusion.learn import Learned, learned, positions
from radfuse.fusion.models.effect import reference_rows
from radfuse.fusion.parts import Settings, Training, Tuned
from radfuse.fusion.scaling import Scaling
from radfuse.fusion.strategies.attention_fitted import FittedAttention, Source, Weights, presence
from radfuse.fusion.strategies.attention_net import Networks, one_thread
from radfuse.fusion.tune import columns_of, routes, selected

_PATIENCE = 30
"""Epochs without a smaller loss after which training ends."""


class Attention(Section):
    """Each block encoded by a layer of its own, pooled by gated attention over the blocks a patient has.

    Blocks are left out by chance in training, so that a patient who lacks some is predicted from the others. Training
    stops at the epoch with the smallest inner out-of-fold loss; a single block is fitted by the study's learner.
    Needs torch (`radfuse[train]`) to train, not to predict.

    Source:
        Ilse et al. 2018, arXiv:1802.04712.
    """

    kind: Literal["attention"] = "attention"
    hidden: int = Field(default=16, ge=1, le=256)
    """Units of each layer."""
    dropout: float = Field(default=0.3, ge=0, lt=1)
    """Share of a layer's units left out in each step of training."""
    block_dropout: float = Field(default=0.2, ge=0, lt=1)
    """Share of blocks left out in each step of training; a patient keeps at least one."""
    weight_decay: float = Field(default=0.3, ge=0, allow_inf_nan=False)
    """Penalty on half the squares of the weights, against the summed log loss; a column's counts as many times as its
    block has columns. Small values find what blocks say only together, large ones hold against noise."""
    epochs: int = Field(default=200, ge=1, le=10_000)
    """Most steps of training, all patients in each."""
    seeds: int = Field(default=3, ge=1, le=50)
    """Networks trained from other weights; the mean of their log odds answers."""
    learning_rate: float = Field(default=0.01, gt=0, le=0.1)
    """Of the optimiser (Adam)."""

    def learn(self, training: Training) -> Learned:
        """Choose selection and epochs in the inner folds, then train on all of the training set.

        Raises:
            ValueError: torch is not installed, a class or a varying column lacks, or no loss is finite.
        """
        if len(training.blocks) == 1:
            return learned(training)
        if training.sites is not None:
            raise ValueError(
                "the strategy attention does not harmonise sites; leave fusion.harmonise out, or take another"
            )
        if training.oversample:
            raise ValueError("the strategy attention makes up no units; leave fusion.oversample out, or take another")
        with one_thread():
            tried = self._tried(training)
            best = min(tried, key=lambda each: each.loss)
            scaling, groups, remarks = selected(training, best.settings)
            networks = self._networks(training, np.arange(len(training.y)), groups)
            for _ in range(best.epochs):
                networks.epoch()
        fitted = _fitted(training, scaling, groups, networks.weights())
        fitted = replace(fitted, remarks=tuple(remarks))
        return Learned(fitted, {**best.settings, "epochs": best.epochs}, best.odds)

    def fit(self, training: Training) -> Tuned:
        """Choose selection and epochs in the inner folds, then train on all of the training set."""
        return self.learn(training).tuned()

    def _tried(self, training: Training) -> list[_Tried]:
        """Return what each way through the selection comes to at its best epoch."""
        ways: dict[int, list[_Run]] = {}
        found: list[Settings] = []
        for fold in training.folds:
            scaling, each = routes(training, fold.train)
            for number, (settings, groups) in enumerate(each):
                networks = self._networks(training, fold.train, groups)
                test = [group.project(scaling.apply(training.x[fold.test], group.columns)) for group in groups]
                here = presence(training.x[fold.test], _blocks(training, groups))
                ways.setdefault(number, []).append(_Run(networks, fold.test, test, here))
                if number == len(found):
                    found.append(settings)
        return [self._stopped(training, settings, ways[number]) for number, settings in enumerate(found)]

    def _stopped(self, training: Training, settings: Settings, runs: Sequence[_Run]) -> _Tried:
        """Train the inner folds in step, and return the epoch with the smallest loss over all of them."""
        from scipy.special import expit

        best = _Tried(settings, 0, np.inf, np.empty(0))
        odds = np.full(len(training.y), np.nan)
        for epoch in range(1, self.epochs + 1):
            for run in runs:
                run.networks.epoch()
                odds[run.rows] = run.networks.weights().score(run.groups, run.here)
            loss = float(training.outcome.loss(training.y, expit(odds)))
            if loss < best.loss:
                best = _Tried(settings, epoch, loss, odds.copy())
            elif epoch - best.epochs >= _PATIENCE:
                break
        if not best.epochs:
            raise ValueError("attention comes to no finite loss; take a smaller fusion.strategy.learning_rate")
        return best

    def _networks(self, training: Training, rows: np.ndarray, groups: Sequence[Group]) -> Networks:
        here = presence(training.x[rows], _blocks(training, groups))
        return Networks([group.values for group in groups], here, training.y[rows], self, training.seed)


@dataclass(frozen=True)
class _Run:
    """The networks of an inner fold, and the units it leaves out."""

    networks: Networks
    rows: np.ndarray
    groups: Sequence[np.ndarray]
    here: np.ndarray


@dataclass(frozen=True)
class _Tried:
    """A way through the selection at its best epoch."""

    settings: Settings
    epochs: int
    loss: float
    odds: np.ndarray


def _blocks(training: Training, groups: Sequence[Group]) -> list[np.ndarray]:
    """Return the positions of all columns of the blocks of each group."""
    return [positions(training, group.blocks) for group in groups]


def _fitted(training: Training, scaling: Scaling, groups: Sequence[Group], weights: Weights) -> FittedAttention:
    """Return the networks as they see columns: what a reduction made of them is folded into the encoders."""
    sources, encoders = [], []
    for group, block, (matrix, bias) in zip(groups, _blocks(training, groups), weights.encoders, strict=True):
        projection = projection_of([group])
        encoders.append((matrix if projection is None else projection @ matrix, bias))
        sources.append(Source(block, np.asarray(group.columns), columns_of(training, scaling, group.columns)))
    rows = reference_rows(np.hstack([source.prepare(training.x) for source in sources]))
    own = Weights(tuple(encoders), weights.gate, weights.head)
    return FittedAttention(tuple(training.names), tuple(sources), own, rows)
