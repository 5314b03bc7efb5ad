"""Take the measures of a case."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radfuse.errors import InputError
from radfuse.morphometry.config import MeasureConfig
from radfuse.morphometry.measure import PREFIX, Measured, Subject


def take(subject: Subject, measures: Sequence[MeasureConfig]) -> Measured:
    """Return "region/morphometry_Feature" -> value.

    Args:
        subject: one case on the grid of one of its images.
        measures: of that image.

    Raises:
        InputError: a measure gave no finite number and no reason: a fault of a user's own kind.
    """
    together = Measured()
    for measure in measures:
        for region, found in measure.measured(subject).items():
            at = f"{region}/{PREFIX}{measure.name}"
            for feature, value in found.values.items():
                if not np.isfinite(value) and feature not in found.reasons:
                    raise InputError(
                        f"{type(measure).__name__} gave {value} for {feature} of region {region!r} and no reason; give "
                        "a number, or NaN and its reason"
                    )
                together.values[at + feature] = float(value)
            together.reasons |= {at + feature: reason for feature, reason in found.reasons.items()}
    return together
