"""Models that are a sum of terms: what they store of themselves for a nomogram, and why others have none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from radfuse.fusion.blend import Blend
from radfuse.fusion.chain import Chain
from radfuse.fusion.parts import Column
from radfuse.fusion.recalibrate import BetaCurve, Knots, Line, Recalibrated
from radfuse.results import score as said

if TYPE_CHECKING:
    from radfuse.fusion.config import FusionConfig

SAME = 1e-9
"""Largest difference in probability between a model and the score stored of it."""
_CHOOSE = (
    "for a nomogram set fusion.classifier to logistic, ridge, lda, svm with kernel: linear, or xgboost with booster: "
    "linear, and fusion.strategy to any but attention"
)
_CHOOSE_OF_SURVIVAL = "for a nomogram set fusion.classifier to cox, with any strategy"


def score_of(fitted: Any, names: Sequence[str], x: np.ndarray, first: str = "clinical") -> said.Score | None:
    """Return a fitted family as a sum of terms; None where it is none, or is one of harmonised values.

    Args:
        fitted: by a strategy, recalibrated or not.
        names: of all columns.
        x: that it was fitted on, float64, shape (unit, column), NaN where missing.
        first: block whose columns stand by themselves.
    """
    part, readings = _read(fitted)
    taken: dict[Column, int] = {}
    found = _node(part, taken)
    if found is None or not taken:
        return None
    places = [list(names).index(column.name) for column in taken]
    values = x[:, places]
    columns = tuple(_column(column, values[:, i]) for i, column in enumerate(taken))
    score = said.Score(columns=columns, sum=_named(found, columns, names), first=first, **readings)
    return score.ranged(values) if _same(score, fitted, x, places) else None


def _same(score: said.Score, fitted: Any, x: np.ndarray, places: list[int]) -> bool:
    """Return whether the score says what the model says, on its own units and on some that lack values and blocks."""
    generator = np.random.default_rng(0)
    rows = x[generator.integers(0, len(x), 200)].copy()
    rows[generator.random(rows.shape) < 0.2] = np.nan
    for i, block in enumerate(score.blocks):
        rows[i::7, [places[place] for place in score.of_block(block)]] = np.nan
    both = np.vstack([x, rows])
    unused = np.setdiff1d(np.arange(x.shape[1]), places)
    both[:, unused] = np.nan
    return bool(np.abs(score.predict(both[:, places]) - fitted.predict(both)).max() <= SAME)


def _read(fitted: Any) -> tuple[Any, dict[str, Any]]:
    """Return what gives the score, and how the probability follows from it."""
    if getattr(fitted, "link", "logit") == "cloglog":
        return fitted, {"readings": (said.Reading(label="probability", link=said.Cloglog(hazard=1.0)),)}
    if not isinstance(fitted, Recalibrated):
        return fitted, {}
    curve: Any = fitted.curve
    if isinstance(curve, Line):
        return fitted, {}
    link: Any = None
    if isinstance(curve, BetaCurve):
        link = said.Beta(intercept=curve.intercept, a=curve.a, b=curve.b)
    elif isinstance(curve, Knots):
        link = said.Knots(scores=tuple(curve.odds.tolist()), probabilities=tuple(curve.probability.tolist()))
    return fitted.part, {"readings": (said.Reading(label="probability", link=link),)}


def _node(part: Any, taken: dict[Column, int]) -> tuple[Any, ...] | said.Terms | None:
    """Return terms, or (intercept, [(weight, positions, absent, node)]); None where a part is no sum of terms."""
    if isinstance(part, Recalibrated):
        own = _node(part.part, taken)
        curve: Any = part.curve
        return None if own is None else (curve.intercept, [(curve.slope, None, None, own)])
    if isinstance(part, Blend):
        nodes = [(term.weight, term.columns, term.absent, _node(term.part, taken)) for term in part.terms]
        return None if any(node is None for *_, node in nodes) else (part.intercept, nodes)
    linear = part.linear() if isinstance(part, Chain) else None
    if linear is None or linear.harmonised:
        return None
    places = tuple(taken.setdefault(column, len(taken)) for column in linear.coefficients)
    return said.Terms(
        intercept=linear.intercept, columns=places, coefficients=tuple(map(float, linear.coefficients.values()))
    )


def _named(node: Any, columns: Sequence[said.ScoreColumn], names: Sequence[str]) -> said.Terms | said.Total:
    """Return the tree with the blocks that its parts stand for, which are known once all columns are."""
    if isinstance(node, said.Terms):
        return node
    intercept, parts = node
    found = []
    for weight, positions, absent, own in parts:
        here = None if positions is None else {names[i] for i in positions}
        blocks = tuple(dict.fromkeys(c.block for c in columns if here is None or c.name in here))
        found.append(said.Weighed(weight=weight, blocks=blocks, absent=absent, score=_named(own, columns, names)))
    return said.Total(intercept=intercept, parts=tuple(found))


def _column(column: Column, values: np.ndarray) -> said.ScoreColumn:
    known = values[~np.isnan(values)]
    if not len(known):
        known = np.array([column.median])
    return said.ScoreColumn(
        name=column.name,
        block=column.block,
        missing=column.median,
        mean=column.mean,
        scale=column.scale,
        low=float(known.min()),
        high=float(known.max()),
        whole=bool((known == np.round(known)).all()),
        usual=said.usual_range(known),
    )


def why_no_terms(config: FusionConfig, blocks: Sequence[str]) -> str:
    """Return why a family of these blocks is no sum of terms, and which settings make it one; "" where it is.

    A user's own parts are taken to be one: what they fit is looked at afterwards.
    """
    if config.harmonise is not None and any(map(config.harmonise.harmonises, blocks)):
        return (
            "its values are harmonised by site before the model sees them, so that no axis could be in a column's own "
            "units; for a nomogram leave fusion.harmonise out"
        )
    bent = tuple(dict.fromkeys(_bent(config.joins, config, blocks)))
    if not bent:
        return ""
    of_survival = all("survival" in getattr(model, "serves", ()) for model in config.learners)
    choose = _CHOOSE_OF_SURVIVAL if of_survival else _CHOOSE
    return f"{' and '.join(bent)} {'are' if len(bent) > 1 else 'is'} no sum of terms; {choose}"


def _bent(strategy: Any, config: FusionConfig, blocks: Sequence[str]) -> Iterable[str]:
    """Yield the names of what in a strategy is no sum of terms for these blocks."""
    kind, alone = getattr(strategy, "kind", ""), len(blocks) == 1
    if kind == "penalty":
        return
    if kind == "attention" and not alone:
        yield kind
    elif kind == "average" and not alone:
        for one in strategy.of:
            yield from _bent(one, config, blocks)
    elif kind == "priority" and not alone and strategy.first in blocks:
        able = [model for model in config.learners if getattr(model, "takes_offset", False)]
        if able and all(getattr(model, "adds_trees", False) for model in able):
            yield from (str(getattr(model, "kind", "")) for model in able)
    else:
        yield from (str(getattr(model, "kind", "")) for model in config.learners if not _is_linear(model))


def _is_linear(model: Any) -> bool:
    return bool(getattr(model, "linear_score", not type(model).__module__.startswith("radfuse.")))
