"""What refits on resampled or shuffled patients gave."""

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


class Shuffled(Section):
    """One family through all folds, outcomes shuffled."""

    family: str
    draw: int
    value: Number
    """Mean discrimination over the folds."""
