"""How well a family predicts, whatever the outcome: what every kind of performance says, and the headline it has."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from radfuse.config import Section
from radfuse.results.numbers import Interval, Number


class Measured(Section):
    """How well predictions match outcomes on units that took no part in the fitting; a kind of outcome adds its own.

    A kind is a file here: it derives from this, has a `kind` of its own, and joins `radfuse.results.kinds`.
    """

    measure: ClassVar[str]
    """Name of the headline, as a table has it: AUC."""
    loss: ClassVar[str]
    """Name of the loss that families are compared by beside the headline: log loss."""

    family: str
    units: int
    patients: int

    @property
    def scale(self) -> str:
        """What scores are in, that effects add up on."""
        return "log odds"

    @property
    @abstractmethod
    def headline(self) -> Interval:
        """How well units are ranked, averaged over the test folds; 0.5 by chance."""

    @property
    @abstractmethod
    def columns(self) -> Mapping[str, Interval]:
        """Its main measures by name, as a short table has them, the headline first."""

    @property
    def places(self) -> Mapping[str, int]:
        """How many decimals tell those of them that are in the outcome's unit, by name; of others it is three."""
        return {}

    @property
    @abstractmethod
    def judged(self) -> Mapping[str, Interval]:
        """Measures by name of which a reader is told where other patients do not allow them."""

    @property
    @abstractmethod
    def fold_values(self) -> Mapping[str, Number]:
        """The headline of each test fold."""


def folds_told(performance: Sequence[Measured]) -> str:
    """Return over how many test folds headlines are averaged, where those are some, and not all."""
    folds = performance[0].fold_values
    told = sum(all(item.fold_values.get(fold) is not None for item in performance) for fold in folds)
    if told in (0, len(folds)):
        return "test folds"
    return f"the {told} of {len(folds)} test folds whose units can be told apart"


class MeasuredByAuc(Measured):
    """Whose headline is an area under the ROC curve, or the mean of several."""

    measure: ClassVar[str] = "AUC"
    loss: ClassVar[str] = "log loss"

    auc: Interval
    """Averaged over the test folds; the headline."""
    auc_pooled: Interval
    """Over all predictions at once; biased downwards on small folds."""
    fold_aucs: Mapping[str, Number]

    @property
    def headline(self) -> Interval:
        """Return the AUC."""
        return self.auc

    @property
    def fold_values(self) -> Mapping[str, Number]:
        """Return the AUC of each test fold."""
        return self.fold_aucs


class MeasuredByConcordance(Measured):
    """Whose headline is the share of pairs of units ranked right, of those that can be compared."""

    measure: ClassVar[str] = "C"

    c: Interval
    """Averaged over the test folds; the headline."""
    c_pooled: Interval
    """Over all predictions at once."""
    fold_cs: Mapping[str, Number]

    @property
    def headline(self) -> Interval:
        """Return the concordance."""
        return self.c

    @property
    def fold_values(self) -> Mapping[str, Number]:
        """Return the concordance of each test fold."""
        return self.fold_cs
