"""What refits on resampled, shuffled or fewer patients gave."""

from __future__ import annotations

from collections.abc import Mapping

from radfuse.config import Section
from radfuse.results.numbers import Number


class OptimismDraw(Section):
    """One family fitted to one bootstrap sample; draw 0 is the units themselves."""

    family: str
    draw: int
    sample: Mapping[str, Number]
    """Measure -> value on the units that the model was fitted to."""
    everyone: Mapping[str, Number]
    """The same on all units."""


class LearningPoint(Section):
    """One family fitted on a share of the patients of each training set of one deal.

    Attributes:
        family: by name.
        share: of the training patients.
        draw: number of the draw.
        patients: that the family learned from, mean over the folds.
        events: among their units, mean over the folds.
        value: mean discrimination over the whole test folds; None where a fold could not be fitted or measured.
        remark: why.
    """

    family: str
    share: float
    draw: int
    patients: float
    events: float
    value: Number
    remark: str | None = None


class Shuffled(Section):
    """One family through all folds, outcomes shuffled."""

    family: str
    draw: int
    value: Number
    """Mean discrimination over the folds."""
