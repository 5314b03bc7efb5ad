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
from radfuse.fusion.parts import Model, Reduction, Selector, Settings, Training, Tuned
from radfuse.fusion.regress import shares_of
from radfuse.fusion.tune import fit_chains, inner_predictions
from radfuse.statistics.links import LinkName, probability_of, score_of


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

    The simplest of equals wins. Several learners are each tuned on their own, and a mean of their scores is taken.

    Raises:
        ValueError: the training set does not allow it, and why.
    """
    model: Any = training.model
    if hasattr(model, "members"):
        members = _members(training)
        parts = dict(zip([name for name, _ in members], _each([own for _, own in members]), strict=True))
        usual = [getattr(member, "weight", 1.0) for member in model.members]
        return averaged(training, parts, usual, getattr(model, "shares", "learned") == "fixed")
    return _each([training])[0]


def _each(trainings: Sequence[Training]) -> list[Learned]:
    """Return what each of several learners comes to, which differ in selection and model alone."""
    training = trainings[0]
    where, sites = positions(training, training.blocks), training.sites
    if sites is not None and any(map(sites.settings.harmonises, training.blocks)):
        hidden = [i for i in sites.positions if i not in where]
        where = np.concatenate([where, np.array(hidden, dtype=int)])
        sites = sites.moved({int(old): new for new, old in enumerate(where)})
    else:
        sites = None
    ends = np.cumsum([0, *(len(columns) for columns in training.blocks.values())])
    whole = np.array_equal(where, np.arange(training.x.shape[1]))
    alone = replace(
        training,
        x=training.x if whole else training.x[:, where],
        names=[training.names[i] for i in where],
        blocks={block: range(ends[i], ends[i + 1]) for i, block in enumerate(training.blocks)},
        sites=sites,
    )
    found = remembered([replace(alone, model=own.model, selection=own.selection) for own in trainings], _learned)
    return [Learned(one.part.among(training.names, where), one.settings, one.odds) for one in found]


def _learned(trainings: Sequence[Training]) -> list[Learned]:
    """Fit models at their best settings, each with its selection."""
    y, offset, outcome = trainings[0].y, trainings[0].offset, trainings[0].outcome
    best = []
    for tried, inner in inner_predictions(trainings):
        number = int(np.argmin([outcome.loss(y, row) for row in inner]))
        best.append((tried[number], inner[number]))
    found = []
    link = link_of(outcome)
    for chain, (settings, inner) in zip(fit_chains(trainings, [own for own, _ in best]), best, strict=True):
        odds = score_of(inner, link) if hasattr(chain.model, "score") else score_of(inner, link, SUREST)
        found.append(Learned(chain, settings, odds if offset is None else odds - offset))
    return found


def averaged(
    training: Training, parts: Mapping[str, Learned], usual: Sequence[float] = (), fixed: bool = False
) -> Learned:
    """Return a weighted mean of several parts' scores; one whose columns are all missing leaves its weight to others.

    Args:
        training: that the parts were fitted on.
        parts: by name.
        usual: weights beforehand; empty: all alike.
        fixed: whether they stay so; else parts count by how well they predict in the inner folds, see `shares_of`.
    """
    if len(parts) == 1:
        return next(iter(parts.values()))
    each = np.column_stack([part.odds for part in parts.values()])
    shares = np.asarray(usual or [1.0] * len(parts)) / sum(usual or [1.0] * len(parts))
    odds = each @ shares
    if not fixed:
        shares, odds = _weighed(training, each, shares)
    everything = positions(training, training.blocks)
    terms = tuple(
        Term(part.part, float(share), everything) for part, share in zip(parts.values(), shares, strict=True) if share
    )
    told = {} if fixed else {f"share.{name}": float(share) for name, share in zip(parts, shares, strict=True)}
    return Learned(Blend(tuple(training.names), terms), settings_of(parts) | told, odds)


def _weighed(training: Training, each: np.ndarray, usual: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return shares, and out-of-fold means at shares that are learned without the fold they are of."""
    known = training.offset
    odds = np.empty(len(each))
    for fold in training.folds:
        before = None if known is None else known[fold.train]
        shares = shares_of(training.outcome, each[fold.train], training.y[fold.train], usual, before)
        odds[fold.test] = each[fold.test] @ shares
    return shares_of(training.outcome, each, training.y, usual, known), odds


@dataclass(frozen=True)
class OneOf:
    """A learner among several."""

    model: Any
    selection: Sequence[Selector | Reduction] | None
    weight: float = 1.0


@dataclass(frozen=True)
class Several:
    """Learners that can all add to a score known before."""

    members: tuple[OneOf, ...]
    shares: str = "learned"
    takes_offset: bool = True

    @property
    def class_weight(self) -> object:
        """How the first weighs classes."""
        return getattr(self.members[0].model, "class_weight", None)


def adding(training: Training) -> Training:
    """Return the same with what can add to a score known before: the study's linear models, its trees, or ridge."""
    model: Any = training.model
    choices = (
        [
            OneOf(own.model, own.selection, getattr(member, "weight", 1.0))
            for member, (_, own) in zip(model.members, _members(training), strict=True)
        ]
        if hasattr(model, "members")
        else []
    )
    choices = choices or [OneOf(model, training.selection)]
    able = [choice for choice in choices if getattr(choice.model, "takes_offset", False)]
    able = [choice for choice in able if not getattr(choice.model, "adds_trees", False)] or able[:1]
    if not able:
        return replace(training, model=plain_model(training.outcome))
    if len(able) == 1:
        return replace(training, model=able[0].model, selection=able[0].selection or ())
    return replace(training, model=Several(tuple(able), getattr(model, "shares", "learned")))


def plain_model(outcome: Any) -> Model:
    """Return ridge regression of an outcome, by its link."""
    from radfuse.fusion.models.cox import Cox
    from radfuse.fusion.models.linear import LinearModel
    from radfuse.fusion.models.ridge import Ridge

    plain: dict[LinkName, type[Model]] = {"cloglog": Cox, "identity": LinearModel}
    return plain.get(link_of(outcome), Ridge)()


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
