"""What a study measured of an outcome of several classes without an order, and the names of these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, field_validator

from radfuse.config import Section
from radfuse.results.measured import Measured
from radfuse.results.numbers import Interval, Number


class Classes(Section):
    """Names of the classes that a family gives a probability each, in the order of its output.

    Attributes:
        names: three or more, each once.
    """

    names: Annotated[tuple[str, ...], Field(min_length=3)]

    @field_validator("names")
    @classmethod
    def _once_each(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise ValueError("a class stands twice")
        return names


class OfClass(Section):
    """One class against all others; a unit is given the class of the largest probability."""

    name: str
    units: int
    given: int
    """Predictions of this class, of all repeats."""
    auc: Interval
    """Averaged over the test folds that hold it."""
    sensitivity: Interval
    specificity: Interval
    ppv: Interval
    f1: Interval
    """2 * right / (of the class + given the class)."""
    observed: Number
    expected: Number
    intercept: Interval
    """Of calibration: log odds, 0 is ideal."""
    slope: Interval


class MulticlassPerformance(Measured):
    """How well probabilities of classes match observed classes on units that took no part in the fitting."""

    kind: Literal["multiclass"] = "multiclass"
    levels: tuple[str, ...]
    """The classes, in the order of the probabilities."""
    counts: tuple[int, ...]
    """Units of each."""
    auc: Interval
    """Mean over classes of the AUC of each against the rest, averaged over the test folds; the headline."""
    auc_pooled: Interval
    """Over all predictions at once."""
    fold_aucs: Mapping[str, Number]
    auc_weighted: Interval
    """The same with classes weighed by their units."""
    hand_till: Interval
    """Hand and Till's M: mean over pairs of classes of how well the two are told apart."""
    log_loss: Interval
    brier: Interval
    """Squared error summed over classes, 0 to 2."""
    brier_scaled: Number
    """1 - brier / that of the shares of the classes."""
    accuracy: Interval
    balanced_accuracy: Interval
    """Mean over classes of the share that is found."""
    kappa: Interval
    """Cohen's, of predicted and observed classes."""
    calibration_slope: Interval
    """Of all classes together; below 1: too extreme."""
    classes: tuple[OfClass, ...]

    @property
    def measure(self) -> str:
        """Return the name of the mean AUC."""
        return "macro AUC"

    @property
    def loss(self) -> str:
        """Return what families are compared by beside."""
        return "log loss"

    @property
    def headline(self) -> Interval:
        """Return the mean AUC."""
        return self.auc

    @property
    def columns(self) -> Mapping[str, Interval]:
        """Return discrimination, agreement, error and calibration."""
        named = {"macro AUC": self.auc, "Hand-Till M": self.hand_till, "balanced accuracy": self.balanced_accuracy}
        return {**named, "kappa": self.kappa, "log loss": self.log_loss, "slope": self.calibration_slope}

    @property
    def judged(self) -> Mapping[str, Interval]:
        """Return discrimination, agreement and calibration."""
        named = {"macro AUC": self.auc, "Hand-Till M": self.hand_till, "balanced accuracy": self.balanced_accuracy}
        return {**named, "kappa": self.kappa, "calibration slope": self.calibration_slope}

    @property
    def fold_values(self) -> Mapping[str, Number]:
        """Return the mean AUC of each test fold."""
        return self.fold_aucs
