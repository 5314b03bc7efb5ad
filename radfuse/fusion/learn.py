"""A learner on a training set: one model at its best settings, or several that answer together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from radfuse.fusion.blend import Blend, Part, Term
from radfuse.fusion.graph import SUREST
from radfuse.fusion.link import link_of
from radfuse.fusion.memory import remembered
from radfuse.fusion.parts import Settings, Training, Tuned
from radfuse.fusion.tune import fit_chain, inner_predictions
from radfuse.statistics.links import probability_of, score_of


@dataclass(frozen=True)
class Learned:
    """What was fitted on a training set, in scores on the outcome's link: log odds of a binary one.

    Attributes:
        part: fitted on the whole of it.
        settings: with the smallest loss.
        odds: inner out-of-fold scores at these settings, without what was known before; shape (unit,).
    """

    part: Part
    settings: Settings
    odds: np.ndarray

    def tuned(self) -> Tuned:
        """Return the same in probabilities, as a strategy gives it."""
        fitted: Any = self.part
        return Tuned(fitted, self.settings, probability_of(self.odds, self.part.link), self.part.remarks)


def learned(training: Training) -> Learned:
    """Fit the study's learner: the settings whose inner out-of-fold probabilities have the smallest loss.

    The simplest of equals wins. Several learners are each tuned on their own, and the mean of their scores is taken.

    Raises:
        ValueError: the training set does not allow it, and why.
    """
    model: Any = training.model
    if hasattr(model, "members"):
        return averaged(training, {name: learned(own) for name, own in _members(training)})
    where, sites = positions(training, training.blocks), training.sites
    if sites is not None and any(map(sites.settings.harmonises, training.blocks)):
        hidden = [i for i in sites.positions if i not in where]
        where = np.concatenate([where, np.array(hidden, dtype=int)])
        sites = sites.moved({int(old): new for new, old in enumerate(where)})
    else:
        sites = None
    ends = np.cumsum([0, *(len(columns) for columns in training.blocks.values())])
    alone = replace(
        training,
        x=training.x[:, where],
        names=[training.names[i] for i in where],
        blocks={block: range(ends[i], ends[i + 1]) for i, block in enumerate(training.blocks)},
        sites=sites,
    )
    found = remembered(alone, _learned)
    return Learned(found.part.among(training.names, where), found.settings, found.odds)


def _learned(training: Training) -> Learned:
    """Fit one model at its best settings."""
    tried, inner = inner_predictions(training)
    best = int(np.argmin([training.outcome.loss(training.y, row) for row in inner]))
    chain = fit_chain(training, tried[best])
    link = link_of(training.outcome)
    odds = score_of(inner[best], link) if hasattr(chain.model, "score") else score_of(inner[best], link, SUREST)
    return Learned(chain, tried[best], odds if training.offset is None else odds - training.offset)


def averaged(training: Training, parts: Mapping[str, Learned]) -> Learned:
    """Return the mean of several parts' scores; one whose columns are all missing leaves its weight to the others."""
    if len(parts) == 1:
        return next(iter(parts.values()))
    everything = positions(training, training.blocks)
    terms = tuple(Term(part.part, 1 / len(parts), everything) for part in parts.values())
    return Learned(
        Blend(tuple(training.names), terms), settings_of(parts), np.mean([part.odds for part in parts.values()], axis=0)
    )


def adding(training: Training) -> Training:
    """Return the same with a model that can add to log odds known before: the study's, linear ones first, or ridge."""
    from radfuse.fusion.models.cox import Cox
    from radfuse.fusion.models.ridge import Ridge

    model: Any = training.model
    choices = [(own.model, own.selection) for _, own in _members(training)] if hasattr(model, "members") else []
    choices.append((model, training.selection))
    able = [choice for choice in choices if getattr(choice[0], "takes_offset", False)]
    if not able:
        return replace(training, model=Ridge() if link_of(training.outcome) == "logit" else Cox())
    best, selection = min(able, key=lambda choice: getattr(choice[0], "adds_trees", False))  # the first of equals
    return replace(training, model=best, selection=selection)


def positions(training: Training, blocks: Sequence[str] | Mapping[str, Any]) -> np.ndarray:
    """Return the positions of the columns of some blocks."""
    return np.concatenate([np.asarray(training.blocks[name], dtype=int) for name in blocks])


def settings_of(parts: Mapping[str, Learned]) -> dict[str, float]:
    """Return the settings of named parts, each name before its settings."""
    return {f"{name}.{key}": value for name, part in parts.items() for key, value in part.settings.items()}


def _members(training: Training) -> list[tuple[str, Training]]:
    """Return the training of each member by its kind, numbered where one stands twice."""
    model: Any = training.model
    found: list[tuple[str, Training]] = []
    for member in model.members:
        kind = getattr(member.model, "kind", type(member.model).__name__)
        same = sum(name.partition(" ")[0] == kind for name, _ in found)
        selection = training.selection if member.selection is None else member.selection
        own = replace(training, model=member.model, selection=selection)
        found.append((f"{kind} {same + 1}" if same else kind, own))
    return found
