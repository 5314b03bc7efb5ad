"""Take the measures of a case, and the plates that maps are drawn of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from radfuse.errors import InputError
from radfuse.morphometry.cartilage import CartilageMeasure
from radfuse.morphometry.config import MeasureConfig
from radfuse.morphometry.measure import PREFIX, Labelled, Measured, Subject, many
from radfuse.morphometry.thickness import Plate, plate_of


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


def plates(scene: Labelled, measures: Sequence[MeasureConfig]) -> Mapping[str, Plate]:
    """Return title -> plate of each cartilage that is measured and touches its bone.

    Args:
        scene: the labels of one case.
        measures: of any kind.
    """
    found = {}
    for measure in measures:
        if isinstance(measure, CartilageMeasure):
            bone, cartilage = scene.of(*many(measure.bone)), scene.of(*many(measure.cartilage))
            plate = plate_of(bone, cartilage, scene.labels.grid) if bone.any() and cartilage.any() else None
            if plate is not None and plate.covered.any():
                found["-".join([*map(str, many(measure.cartilage)), *filter(None, [measure.name])])] = plate
    return found
