"""The kinds of measures that a study may name, and users' own. A new kind is a file of this folder and a word here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated

from pydantic import Field

from radfuse.config import nearest
from radfuse.errors import listed
from radfuse.extend import own_parts
from radfuse.morphometry.cartilage import CartilageMeasure
from radfuse.morphometry.distance import DistanceMeasure
from radfuse.morphometry.joint_space import JointSpaceMeasure
from radfuse.morphometry.measure import Measure, MeasureKind
from radfuse.morphometry.meniscus import MeniscusMeasure
from radfuse.morphometry.muscle import MuscleMeasure
from radfuse.morphometry.size import SizeMeasure

MeasureConfig = Annotated[
    CartilageMeasure | DistanceMeasure | JointSpaceMeasure | MeniscusMeasure | MuscleMeasure | SizeMeasure,
    Field(discriminator="kind"),
    *own_parts(MeasureKind, "a measure", Measure),
]


def check_measures(
    measures: Sequence[MeasureConfig],
    regions: Mapping[str, Collection[str]],
    labels: Mapping[str, int],
    images: Collection[str],
) -> None:
    """Refuse measures of regions, labels or images that a study has not, and two that would share their names.

    Args:
        measures: of the study.
        regions: its regions, name -> sequences that it is made on.
        labels: label name -> number.
        images: names of its sequences.

    Raises:
        ValueError: says which measure, and what there is.
    """
    seen: set[tuple[str, str, str, str]] = set()
    for place, measure in enumerate(measures):
        where = f"morphometry.{place}"
        for region in measure.regions:
            if region not in regions:
                raise ValueError(
                    f"{where}.regions names {region!r}, which is not among regions{nearest(region, regions)}"
                )
        for label in measure.labels_named():
            if label not in labels and label not in labels.values():
                hint = nearest(label, labels) if isinstance(label, str) else f"; declared: {listed(labels.values())}"
                raise ValueError(f"{where} has the label {label!r}, no segmentation label{hint}")
        if measure.sequence is not None and measure.sequence not in images:
            raise ValueError(
                f"{where}.sequence {measure.sequence!r} is not one of cohort.images{nearest(measure.sequence, images)}"
            )
        sequence = measure.sequence or next(iter(images))
        for region in measure.regions:
            if sequence not in regions[region]:
                raise ValueError(
                    f"{where} measures region {region!r} on {sequence!r}, where it is not made (on: "
                    f"{listed(regions[region])}); set {where}.sequence, or add {sequence!r} to the region's `on`"
                )
            column = (type(measure).__qualname__, sequence, region, measure.name)
            if column in seen:
                raise ValueError(
                    f"{where} measures region {region!r} as another measure of its kind does; give one a `name`, which "
                    "then begins the names of its features"
                )
            seen.add(column)
