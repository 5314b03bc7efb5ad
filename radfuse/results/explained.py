"""What a family looks at: contributions of columns to the scores of held-out units, and what shuffling a column costs.

Contributions are in the unit of the score: log odds, where the outcome is a yes or no; its own unit, where it is a
value.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from radfuse.config import Section
from radfuse.results.numbers import Interval, Number


@dataclass(frozen=True)
class FoldExplanation:
    """Held-out units of one outer fold, explained by the family that was fitted without them.

    base + absence + the sum of a row of contributions = score.

    Attributes:
        names: of the columns that the family uses, shape (column,).
        blocks: that they belong to.
        units: positions of the explained units, shape (row,).
        values: of their columns as the table holds them, NaN where missing, shape (row, column).
        contributions: shape (row, column).
        absence: what it moves that a unit has other blocks than the training units, shape (row,).
        base: mean score of the training units compared with, shape ().
        score: shape (row,).
        background: how many training units these are, shape ().
        tested: positions of all held-out units, shape (unit,).
        tested_score: their scores.
        shuffled_blocks: names.
        by_block: scores after each block was shuffled, shape (block, repeat, unit).
        shuffled_columns: places of the columns that were shuffled one by one.
        by_column: scores after that, shape (shuffled column, repeat, unit).
    """

    names: np.ndarray
    blocks: np.ndarray
    units: np.ndarray
    values: np.ndarray
    contributions: np.ndarray
    absence: np.ndarray
    base: np.ndarray
    score: np.ndarray
    background: np.ndarray
    tested: np.ndarray
    tested_score: np.ndarray
    shuffled_blocks: np.ndarray
    by_block: np.ndarray
    shuffled_columns: np.ndarray
    by_column: np.ndarray

    def to_bytes(self) -> bytes:
        """Return a file of arrays (npz); of shuffled scores and contributions seven digits are kept."""
        stream = io.BytesIO()
        arrays = {item.name: np.asarray(getattr(self, item.name)) for item in fields(self)}
        short = ("contributions", "by_block", "by_column", "values")
        arrays |= {name: arrays[name].astype(np.float32) for name in short}
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> FoldExplanation:
        """Return what `to_bytes` stored."""
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            return cls(**{item.name: stored[item.name] for item in fields(cls)})


class ColumnImportance(Section):
    """One column of an explained family."""

    name: str
    block: str
    size: float
    """Mean absolute contribution."""
    share: float
    """Of the sum over all columns."""
    folds: int
    """In how many explained folds it is used."""
    direction: Number
    """Spearman's correlation of its values with its contributions; None where either is constant."""
    auc: Interval = Interval(value=None)
    """Drop in discrimination where it is shuffled."""
    loss: Interval = Interval(value=None)
    """Rise in loss where it is shuffled."""


class BlockImportance(Section):
    """One block of an explained family."""

    block: str
    columns: int
    """In use, in any fold."""
    size: float
    """Mean absolute contribution of its columns together."""
    share: float
    """Of the sum over all columns of their mean absolute contributions."""
    auc: Interval
    loss: Interval


class FamilyOfFeatures(Section):
    """Columns that share a part of their names: sequence, region, class of feature or filter."""

    part: str
    """Which: "region"."""
    name: str
    columns: int
    size: float
    """Mean absolute contribution of its columns together."""
    share: float


class Cluster(Section):
    """Columns that say the same (Spearman above 0.9, each with one of the others)."""

    columns: tuple[str, ...]
    size: float
    """Mean absolute contribution of them together."""
    alone: float
    """The largest mean absolute contribution of one of them."""


@dataclass(frozen=True)
class ExplainedFamily:
    """A family's held-out units of all explained folds together.

    Attributes:
        family: name.
        units: name of each explained unit, shape (row,).
        folds: name of the fold that it was held out in.
        background: training units compared with, in each fold.
        columns: the most important first.
        values: shape (row, column), NaN where missing or not in use.
        contributions: the same.
        absence: shape (row,).
        base: shape (row,).
        score: shape (row,).
        blocks: the most important first.
        families: of features.
        cells: (region, sequence) -> mean absolute contribution of its columns together.
        clusters: among the most important columns.
        stability: Spearman's correlation of columns' importances between folds, shape (fold, fold).
        level: the class whose score against the rest it is; "" where the outcome has none.
    """

    family: str
    units: Sequence[str]
    folds: Sequence[str]
    background: int
    columns: Sequence[ColumnImportance]
    values: np.ndarray
    contributions: np.ndarray
    absence: np.ndarray
    base: np.ndarray
    score: np.ndarray
    blocks: Sequence[BlockImportance]
    families: Sequence[FamilyOfFeatures]
    cells: Mapping[tuple[str, str], float]
    clusters: Sequence[Cluster]
    stability: np.ndarray
    level: str = ""
