"""What a selector, a model, a strategy and an outcome offer each other; a user's own part offers the same.

Throughout, x is float64 of shape (unit, column), y what the outcome made of the units, a row each, and a probability
float64 of shape (unit,). Settings are numbers by name, and no two parts of a study use one name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from radfuse.cohort.splits import InnerSplit
    from radfuse.evaluation.thresholds import Rule
    from radfuse.fusion.sites import Sites
    from radfuse.results import Explanation

Array = np.ndarray
Settings = Mapping[str, float]
Again = Mapping[str, Mapping[str, Array]]
"""Block -> "copies", "readers" or "repeats:READER" -> its values as often as they were measured, float64.

The shape is (repeat, unit, column); NaN where a unit was not measured again; a block that nothing was measured of
again is left out.
"""


@dataclass(frozen=True)
class Column:
    """A column that selection kept; models see (value - mean) / scale, held between `low` and `high`.

    Attributes:
        name: in the table.
        block: it belongs to.
        median: what a missing value becomes.
        mean: subtracted after imputation.
        scale: divided by after that.
        low: least that models see, of values so standardised.
        high: most.
    """

    name: str
    block: str
    median: float
    mean: float
    scale: float
    low: float = -inf
    high: float = inf


class Outcome(Protocol):
    """What fusion asks of an outcome; see `radfuse.outcomes.kinds`."""

    def labels(self, units: pd.DataFrame) -> Array | None:
        """Return the class of each unit that folds are stratified by."""

    def targets(self, units: pd.DataFrame) -> Array:
        """Return y."""

    def folds_possible(self, y: Array, patients: Array, wanted: int) -> int:
        """Return how many inner folds a training set allows; raises ValueError."""

    def relevance(self, x: Array, y: Array) -> Array:
        """Return how much each column says about the outcome."""

    def loss(self, y: Array, probability: Array) -> float:
        """Return what tuning makes small."""

    def discrimination(self, y: Array, probability: Array) -> float:
        """Return how well the units are ranked."""

    def threshold(self, y: Array, probability: Array, rule: Rule) -> float:
        """Return the probability from which a unit is called."""

    def thresholds(self, y: Array, probability: Array) -> Mapping[str, float]:
        """Return the same by every usual rule, by its name."""


class Selector(Protocol):
    """Chooses columns of a training set; a `Section` of its own settings.

    It may have more: `own_units = True` (a class variable) for x imputed but not standardised, and
    `remark(x, y, settings, outcome)`, a sentence or "", asked for where one column alone was kept. With
    `compares_again = True` both are given `again` too: of the columns and units of x, "copies", "readers" or
    "repeats:READER" -> values as often as they were measured, shape (repeat, unit, column); such a step sees each block
    alone, and stands before reductions. `choose_each(x, y, candidates, outcome)`, where there is one, is asked for a
    list of masks in place of `choose`, and shares work between settings. One that derives from
    `radfuse.fusion.selectors.step.Step` has the settings `over` and `blocks`.
    """

    def candidates(self) -> Sequence[Settings]:
        """Return the settings to try in the inner folds, simplest first; `({},)` where nothing is tuned."""

    def jointly(self) -> bool:
        """Return whether it sees the columns of all blocks together, and not block by block."""

    def choose(self, x: Array, y: Array, settings: Settings, outcome: Outcome) -> Array:
        """Return which columns to keep, bool of shape (column,), at least one; x is finite and standardised."""


@runtime_checkable
class Reduction(Protocol):
    """Makes components of the columns of a training set: stands among the selectors, `reduce` in place of `choose`."""

    def candidates(self) -> Sequence[Settings]:
        """Return the settings to try in the inner folds, simplest first; `({},)` where nothing is tuned."""

    def jointly(self) -> bool:
        """Return whether it sees the columns of all blocks together, and not block by block."""

    def reduce(self, x: Array, y: Array, settings: Settings, outcome: Outcome) -> Array:
        """Return a matrix, float64 of shape (column, component); x is finite and standardised.

        Components are x times the matrix, brought to unit variance by whoever asks.
        """


class FittedModel(Protocol):
    """A model that knows its training set.

    A dataclass with `coefficients` of shape (column,) whose prediction depends on x @ coefficients alone is a linear
    model: a reduction that stands before it is folded into them, and it never hears of components. One may have a
    `remark`: a sentence that the report is to have, as that it did not converge.
    """

    def predict(self, x: Array) -> Array:
        """Return probabilities; columns as it was fitted to."""

    def to_onnx(self, columns: str) -> tuple[list[Any], dict[str, Array]]:
        """Return ONNX nodes and their constants by name.

        The nodes make `probability` of shape (unit,), and `score` where there is one, from the tensor `columns`:
        float64 of shape (unit, column). `radfuse.fusion.export.TAKEN` are names they may not use for anything else.
        """

    def explain(self, columns: Sequence[Column], score: str) -> Explanation:
        """Return what it makes of each column; `score` names the result of a formula."""


class Model(Protocol):
    """Is fitted to the columns that selection kept; a `Section` of its own settings.

    One with `takes_patients = True` (a class variable) is given `patients` too, the person of each unit, shape (unit,),
    for folds of its own; one with `takes_offset = True` log odds known before as `offset`, where there are some: what
    it fits then has a `score`, the log odds to be added. `adds_trees = True` lets linear ones go before it there. One
    of survival has `takes_horizon = True` and is given `horizon`, the time by which the event is predicted; all that it
    fits has a `score`, the complementary log-log of the probability, and y is time and event, shape (unit, 2).
    `serves` names the kinds of outcome that it can be fitted to, ("binary",) where it is not there. `linear_score =
    True` says that what it fits is a sum over columns, of which there are nomograms.
    """

    def candidates(self) -> Sequence[Settings]:
        """Return the settings to try in the inner folds, simplest first."""

    def fit(self, x: Array, y: Array, settings: Settings, seed: int) -> FittedModel:
        """Return the model of a training set at some settings; x is finite and standardised."""


class Member(Protocol):
    """One of several learners."""

    @property
    def model(self) -> Model:
        """The model."""

    @property
    def selection(self) -> Sequence[Selector | Reduction] | None:
        """What chooses its columns; None: as all others."""


class Ensemble(Protocol):
    """Several learners, each tuned on its own, that answer together."""

    @property
    def members(self) -> Sequence[Member]:
        """The learners."""


@dataclass(frozen=True)
class Training:
    """One family's training set, and with what it is fitted.

    Attributes:
        x: NaN where missing.
        y: from the outcome.
        blocks: block -> positions of its columns in `x`.
        names: of all columns of `x`.
        folds: for tuning; a patient is never on both sides.
        selection: what chooses columns, in order.
        model: what is fitted to them, or several models.
        outcome: what is predicted.
        seed: of whatever is drawn.
        offset: log odds known before, shape (unit,), that the model adds to; None: none. Only models whose
            `takes_offset` is true can be given some.
        sites: how values are harmonised, and where `x` tells the site; None: they are not.
        again: of the columns of each block, what was measured again of the units.
        oversample: whether units of the rarer class are made up wherever a model is fitted.
        patients: of the units, shape (unit,); None: each unit is one.
    """

    x: Array
    y: Array
    blocks: Mapping[str, Sequence[int]]
    names: Sequence[str]
    folds: Sequence[InnerSplit]
    selection: Sequence[Selector | Reduction]
    model: Model | Ensemble
    outcome: Outcome
    seed: int
    offset: Array | None = None
    sites: Sites | None = None
    again: Again = field(default_factory=dict)
    oversample: bool = False
    patients: Array | None = None

    def of(self, columns: Iterable[str]) -> Training:
        """Return the same with some blocks only; columns keep their positions."""
        wanted = set(columns)
        return replace(self, blocks={name: where for name, where in self.blocks.items() if name in wanted})


class FittedFamilyModel(Protocol):
    """What a strategy made of a family's training set."""

    def predict(self, values: Array) -> Array:
        """Return probabilities; columns as `Training.x`, NaN where missing."""

    def to_onnx(self, family: str, threshold: float) -> bytes:
        """Return an ONNX file: float64 `features` of shape (unit, column) -> `probability` of shape (unit,).

        Columns as `Training.x`; a `score` may stand beside the probability. Family and threshold are metadata.
        """

    def explain(self, score: str) -> Explanation:
        """Return what it makes of each column it uses; `score` names the result of a formula."""


@dataclass(frozen=True)
class Tuned:
    """A family fitted at its best settings.

    Attributes:
        fitted: on the whole training set.
        settings: with the smallest loss.
        inner: out-of-fold probabilities at these settings.
        remarks: what fell back on something else, a sentence each.
    """

    fitted: FittedFamilyModel
    settings: Settings
    inner: Array
    remarks: tuple[str, ...] = ()


class Strategy(Protocol):
    """Joins the blocks of a family into one prediction; a `Section` of its own settings."""

    def fit(self, training: Training) -> Tuned:
        """Tune in the inner folds, and fit on the whole training set.

        Raises:
            ValueError: the training set does not allow it, and why.
        """
