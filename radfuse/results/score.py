"""A score that is a sum of terms, stored as the refitted model computes it: what nomograms and calculators are made of.

Nothing is rounded and nothing merged: columns keep what imputes and scales them, parts keep their weights and what
stands in their place where a block is missing as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, FiniteFloat, NonNegativeInt, PositiveFloat, model_validator

from radfuse.config import Section


class ScoreColumn(Section):
    """A column in use; terms see (value - mean) / scale."""

    name: str
    block: str
    missing: FiniteFloat
    """What a missing value becomes."""
    mean: FiniteFloat
    scale: PositiveFloat
    low: FiniteFloat
    high: FiniteFloat
    """Smallest and largest value at training."""
    whole: bool
    """Every value at training is a whole number."""
    usual: tuple[FiniteFloat, FiniteFloat] | None = None
    """Between which all but one unit in a hundred lie at either end; None where nobody told."""


class Terms(Section):
    """intercept + sum of coefficient * standardised column."""

    kind: Literal["terms"] = "terms"
    intercept: FiniteFloat
    columns: tuple[NonNegativeInt, ...]
    """Places among the columns of the score."""
    coefficients: tuple[FiniteFloat, ...]
    """Of the standardised columns."""

    @model_validator(mode="after")
    def _one_each(self) -> Terms:
        if len(self.columns) != len(self.coefficients):
            raise ValueError(f"{len(self.columns)} columns have {len(self.coefficients)} coefficients")
        return self


class Weighed(Section):
    """One part of a total."""

    weight: FiniteFloat
    blocks: tuple[str, ...]
    """It is absent where all values of these blocks are missing."""
    absent: FiniteFloat | None = None
    """What stands in its place then; None: the other parts carry its weight."""
    score: Annotated[Terms | Total, Field(discriminator="kind")]


class Total(Section):
    """intercept + sum of weight * part; how absent parts are made up for stands in `radfuse.fusion.blend.Blend`."""

    kind: Literal["total"] = "total"
    intercept: FiniteFloat
    parts: tuple[Weighed, ...]


class Logistic(Section):
    """1 / (1 + exp(-score))."""

    kind: Literal["logistic"] = "logistic"

    def of(self, score: np.ndarray) -> np.ndarray:
        """Return probabilities, shape as given."""
        from scipy.special import expit

        return np.asarray(expit(score))


class Beta(Section):
    """Log odds of intercept + a * log p - b * log(1 - p), p the logistic of the score."""

    kind: Literal["beta"] = "beta"
    intercept: FiniteFloat
    a: FiniteFloat
    b: FiniteFloat

    def of(self, score: np.ndarray) -> np.ndarray:
        """Return probabilities, shape as given."""
        bent = self.intercept - self.a * np.logaddexp(0, -score) + self.b * np.logaddexp(0, score)
        return Logistic().of(bent)


class Knots(Section):
    """Straight between knots of the score, flat beyond them."""

    kind: Literal["knots"] = "knots"
    scores: tuple[FiniteFloat, ...] = Field(min_length=1)
    probabilities: tuple[FiniteFloat, ...] = Field(min_length=1)

    def of(self, score: np.ndarray) -> np.ndarray:
        """Return probabilities, shape as given."""
        return np.asarray(np.interp(score, self.scores, self.probabilities))


class Cloglog(Section):
    """1 - exp(-hazard * exp(score)): an event by a stated time, from the cumulative baseline hazard then."""

    kind: Literal["cloglog"] = "cloglog"
    hazard: PositiveFloat

    def of(self, score: np.ndarray) -> np.ndarray:
        """Return probabilities, shape as given."""
        return np.asarray(-np.expm1(-self.hazard * np.exp(score)))


class Survival(Section):
    """exp(-hazard * exp(score)): no event by a stated time, from the cumulative baseline hazard then."""

    kind: Literal["survival"] = "survival"
    hazard: PositiveFloat

    def of(self, score: np.ndarray) -> np.ndarray:
        """Return probabilities, shape as given."""
        return np.asarray(np.exp(-self.hazard * np.exp(score)))


class Reading(Section):
    """What is read off a score: its label, and how it follows from the score; only survival falls as that rises."""

    label: str
    link: Annotated[Logistic | Beta | Knots | Cloglog | Survival, Field(discriminator="kind")]


class Score(Section):
    """A model as a sum of terms."""

    columns: tuple[ScoreColumn, ...]
    sum: Annotated[Terms | Total, Field(discriminator="kind")]
    readings: tuple[Reading, ...] = Field(default=(Reading(label="probability", link=Logistic()),), min_length=1)
    """The first is the model's own probability."""
    first: str = "clinical"
    """Block whose columns stand by themselves."""
    ranges: Mapping[str, tuple[FiniteFloat, FiniteFloat]] = {}
    """Block -> smallest and largest score of it at training."""
    usual_ranges: Mapping[str, tuple[FiniteFloat, FiniteFloat]] = {}
    """Block -> the same without one unit in a hundred at either end."""

    @model_validator(mode="after")
    def _knows_its_columns(self) -> Score:
        for _, terms in leaves(self.sum):
            if any(place >= len(self.columns) for place in terms.columns):
                raise ValueError("a term is of a column that is not listed")
        for part in _parts(self.sum):
            if not part.blocks or not set(part.blocks) <= set(self.blocks):
                raise ValueError("a part stands for a block that has no column")
        return self

    @property
    def blocks(self) -> tuple[str, ...]:
        """Blocks with a column in use, in order."""
        return tuple(dict.fromkeys(column.block for column in self.columns))

    def of_block(self, block: str) -> list[int]:
        """Return the places of a block's columns."""
        return [place for place, column in enumerate(self.columns) if column.block == block]

    def standardised(self, values: np.ndarray) -> np.ndarray:
        """Return imputed and standardised columns; values float64, shape (unit, column), NaN where missing."""
        missing, mean, scale = (
            np.array([getattr(column, name) for column in self.columns]) for name in ("missing", "mean", "scale")
        )
        return np.asarray((np.where(np.isnan(values), missing, values) - mean) / scale)

    def predictor(self, values: np.ndarray) -> np.ndarray:
        """Return the score of units, shape (unit,); values float64, shape (unit, column), NaN where missing."""
        here = {block: ~np.isnan(values[:, self.of_block(block)]).all(axis=1) for block in self.blocks}
        return _valued(self.sum, self.standardised(values), here)

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Return the model's probabilities, shape (unit,); values float64, shape (unit, column), NaN where missing."""
        return self.readings[0].link.of(self.predictor(values))

    def coefficients(self) -> np.ndarray:
        """Return what each standardised column adds where no block is missing, shape (column,)."""
        found = np.zeros(len(self.columns))
        for weight, terms in leaves(self.sum):
            np.add.at(found, list(terms.columns), weight * np.array(terms.coefficients))
        return found

    def intercept(self) -> float:
        """Return the score where every standardised column is 0."""
        return float(
            _valued(self.sum, np.zeros((1, len(self.columns))), dict.fromkeys(self.blocks, np.array([True])))[0]
        )

    def own_terms(self, block: str) -> tuple[float, Terms] | None:
        """Return the one part that is of this block, and of no other, with its weight; None where there is no such."""
        own = set(self.of_block(block))
        found = [(weight, terms) for weight, terms in leaves(self.sum) if own & set(terms.columns)]
        return found[0] if len(found) == 1 and set(found[0][1].columns) <= own else None

    def block_score(self, block: str, standardised: np.ndarray) -> np.ndarray:
        """Return the score of a block, shape (unit,): of its own part, or all that its columns add together."""
        own = self.own_terms(block)
        if own is not None:
            return own[1].intercept + standardised[:, own[1].columns] @ np.array(own[1].coefficients)
        places = self.of_block(block)
        return np.asarray(standardised[:, places] @ self.coefficients()[places])

    def ranged(self, values: np.ndarray) -> Score:
        """Return the same with the ranges of block scores on training units, shape (unit, column)."""
        standardised = self.standardised(values)
        found = {block: self.block_score(block, standardised) for block in self.blocks}
        return self.model_copy(
            update={
                "ranges": {block: (float(each.min()), float(each.max())) for block, each in found.items()},
                "usual_ranges": {block: usual_range(each) for block, each in found.items()},
            }
        )


def usual_range(values: np.ndarray) -> tuple[float, float]:
    """Return the 1st and the 99th percentile, each a value that is there, and not the outermost of several units.

    All values where these are one.

    Args:
        values: shape (unit,), at least one.
    """
    low, high = np.quantile(values, 0.01, method="higher"), np.quantile(values, 0.99, method="lower")
    return (float(low), float(high)) if high > low else (float(values.min()), float(values.max()))


def leaves(node: Terms | Total, weight: float = 1.0) -> Iterator[tuple[float, Terms]]:
    """Yield the terms of a sum with the weight they come in with where no part is absent."""
    if isinstance(node, Terms):
        yield weight, node
        return
    for part in node.parts:
        yield from leaves(part.score, weight * part.weight)


def _parts(node: Terms | Total) -> Iterator[Weighed]:
    for part in node.parts if isinstance(node, Total) else ():
        yield part
        yield from _parts(part.score)


def _valued(node: Terms | Total, standardised: np.ndarray, here: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the value of a sum for each unit; `here` says which blocks a unit has."""
    if isinstance(node, Terms):
        return np.asarray(node.intercept + standardised[:, node.columns] @ np.array(node.coefficients))
    fixed = np.full(len(standardised), node.intercept)
    shared, carried, imputed = (np.zeros(len(standardised)) for _ in range(3))
    whole = sum(part.weight for part in node.parts if part.absent is None)
    for part in node.parts:
        value = part.weight * _valued(part.score, standardised, here)
        present = np.any([here[block] for block in part.blocks], axis=0)
        if part.absent is not None:
            fixed += np.where(present, value, part.weight * part.absent)
            continue
        imputed += value
        shared += np.where(present, value, 0.0)
        carried += np.where(present, part.weight, 0.0)
    some = carried > 0
    return np.asarray(fixed + np.where(some, shared / np.where(some, carried, 1.0) * whole, imputed))
