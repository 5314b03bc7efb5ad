"""What the fusion wing measured: fitted families, how well each predicts, and how they compare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from radfuse.config import Section
from radfuse.results.kinds import AnyPerformance
from radfuse.results.multiclass import Classes
from radfuse.results.numbers import Interval, Number
from radfuse.results.ordinal import OrdinalFit
from radfuse.results.score import Score
from radfuse.results.survival import SurvivalFit


class UsedColumn(Section):
    """One column that a fitted model uses."""

    name: str
    block: str
    importance: float
    """In the unit of the explanation; signed where the model has a direction."""
    by_class: Mapping[str, float] = Field(default={}, exclude_if=lambda kept: not kept)
    """Of several classes: what it is to each against the rest, in `Explanation.unit_by_class`; classes without it are
    left out."""


class Explanation(Section):
    """What a fitted model says of itself."""

    measure: str
    """Name of an importance, one word: coefficient."""
    unit: str
    """What it is of: log odds per standard deviation."""
    columns: tuple[UsedColumn, ...]
    formula: str | None = None
    """The score in the columns' own units, where there is one; probability = 1 / (1 + exp(-score)). Of harmonised
    values its first line says that it is of them."""
    made_of: tuple[str, ...] = ()
    """All columns in use, where `columns` names components of them."""
    unit_by_class: str = Field(default="", exclude_if=lambda kept: not kept)
    """Of several classes: what importances of each are of, where that is one for all."""


SITE = "site"
"""Block of the column that tells a unit's site where values are harmonised; no learner sees it, no study names it."""


class SiteInput(Section):
    """How a family's values are harmonised: its input has the site's number behind the columns of its blocks.

    Attributes:
        column: of the cohort table, which names the site.
        levels: known sites; 0 is the first.
        unseen: what becomes of units of other sites: an error, or their values stay as they are.
        covariates: clinical columns whose effect is left in; they follow the site where the family has no others.
    """

    column: str
    levels: tuple[str, ...]
    unseen: Literal["error", "pass"]
    covariates: tuple[str, ...] = ()


class FittedFamily(Section):
    """One family fitted on one set of units.

    Attributes:
        family: which blocks.
        fold: name of the outer fold, or "all".
        explanation: the columns in use, and a formula where there is one.
        threshold: chosen inside the training units.
        tuned: the settings chosen inside the training units.
        inner_auc: mean discrimination (AUC, or C of survival) over the inner folds at those settings.
        columns_in: number of columns before selection.
        test: positions of the test units; empty for "all".
        probability: of the test units; of several classes a row of them each.
        site: how values are harmonised; None: they are not.
        remarks: what fell back on something else, a sentence each.
        thresholds: the same by other rules, by their names.
        score: the refitted model as a sum of terms; None in outer folds, and where it is none.
        no_score: why there is none, and what to choose; empty in outer folds.
        explainer: the arrays that its score is made of, as `radfuse.fusion.explain.explainer` writes them, of the
            first deal and of all units; "" without.
        explainers: of several classes, the same of each against the rest.
        survival: of a survival outcome, what it needs to predict at other times.
        ordinal: of an ordinal outcome, what makes probabilities of grades of its score.
        classes: of an outcome of several classes, their names.
    """

    family: str
    fold: str
    explanation: Explanation
    threshold: float
    tuned: Mapping[str, float]
    inner_auc: Number
    columns_in: int
    test: tuple[int, ...] = ()
    probability: tuple[float, ...] | tuple[tuple[float, ...], ...] = ()
    site: SiteInput | None = None
    remarks: tuple[str, ...] = ()
    thresholds: Mapping[str, float] = {}
    score: Score | None = None
    no_score: str = ""
    explainer: str = ""
    explainers: Mapping[str, str] = Field(default={}, exclude_if=lambda kept: not kept)
    survival: SurvivalFit | None = None
    ordinal: OrdinalFit | None = Field(default=None, exclude_if=lambda kept: kept is None)
    classes: Classes | None = Field(default=None, exclude_if=lambda kept: kept is None)

    @property
    def beside(self) -> SurvivalFit | OrdinalFit | Classes | None:
        """What stands beside its predictions, by the outcome; None: nothing."""
        return self.survival or self.ordinal or self.classes


class Comparison(Section):
    """Two families on the same test units; the difference is first minus second in fold-averaged AUC, or C."""

    first: str
    second: str
    difference: Interval
    p: Number
    p_holm: Number
    loss: Interval = Interval(value=None)
    """First minus second in the loss that the outcome names (`Measured.loss`); below 0 where the first is better."""
    patients_to_show: int | None = None
    """About how many patients it takes that a difference of this size is significant in four of five studies."""


class Addition(Section):
    """What a block adds to a family that has the others; plus means better."""

    family: str
    block: str
    without: str
    auc: Interval
    """Gain in fold-averaged AUC."""
    loss: Interval
    """Gain in log loss: by how much it falls."""
    p: Number
    p_holm: Number = None
    """Adjusted over all pairs of families."""
    patients_to_show: int | None
    weight: Number
    """Share of the block in the importance of the family's columns, refitted on all units."""


class ChosenFeature(Section):
    """A column that a family used somewhere."""

    family: str
    name: str
    block: str
    importance: Number
    """In the model refitted on all units; None where that model left it out."""
    folds: int
    """In how many outer folds it was chosen."""


class Failure(Section):
    """What could not be computed, and why."""

    item: str
    error: str


class StudyResults(Section):
    """The comparison of all families of a study.

    Attributes:
        outer_folds: of all repeats.
        performance: of each family.
        comparisons: of each pair.
        failures: what could not be computed.
        repeats: how many times patients were dealt into folds.
    """

    outer_folds: int
    performance: tuple[AnyPerformance, ...]
    comparisons: tuple[Comparison, ...]
    failures: tuple[Failure, ...] = ()
    repeats: int = 1
