"""What a study measured of an outcome of several classes without an order, and the names of these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from radfuse.config import Section
from radfuse.results.measured import MeasuredByAuc
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


class MulticlassPerformance(MeasuredByAuc):
    """How well probabilities of classes match observed classes on units that took no part in the fitting.

    `auc` is the mean over classes of the AUC of each against the rest.
    """

    measure: ClassVar[str] = "macro AUC"

    kind: Literal["multiclass"] = "multiclass"
    levels: tuple[str, ...]
    """The classes, in the order of the probabilities."""
    counts: tuple[int, ...]
    """Units of each."""
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
    def columns(self) -> Mapping[str, Interval]:
        """Return discrimination, agreement, error and calibration."""
        named = {"macro AUC": self.auc, "Hand-Till M": self.hand_till, "balanced accuracy": self.balanced_accuracy}
        return {**named, "kappa": self.kappa, "log loss": self.log_loss, "slope": self.calibration_slope}

    @property
    def judged(self) -> Mapping[str, Interval]:
        """Return discrimination, agreement and calibration."""
        named = {"macro AUC": self.auc, "Hand-Till M": self.hand_till, "balanced accuracy": self.balanced_accuracy}
        return {**named, "kappa": self.kappa, "calibration slope": self.calibration_slope}
