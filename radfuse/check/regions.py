"""Regions held against the labels, the images and the spaces of their study, as settings: no file is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from radfuse.config import nearest
from radfuse.errors import listed
from radfuse.regions.config import RegionConfig, images_named
from radfuse.regions.level import LevelRegion
from radfuse.sequences import reach_of

if TYPE_CHECKING:
    from radfuse.study import Study


def check_images(regions: Sequence[RegionConfig], images: Mapping[str, str]) -> None:
    """Refuse a region that is made with an image which `cohort.images` does not name."""
    for sequence in images_named(regions):
        if sequence not in images:
            raise ValueError(f"regions: sequence {sequence!r} is not one of cohort.images{nearest(sequence, images)}")


def check_one_space(study: Study) -> None:
    """Refuse regions that read an image beside the measured one where images are registered to each other."""
    settings = (study.sequences, study.cohort.masks)
    ways = {name: reach_of(name, *settings, resample_masks=study.resample_masks) for name in study.cohort.images}
    moved = [name for name, way in ways.items() if way == "register"]
    by_table = [region for region in study.regions if isinstance(region, LevelRegion) and not region.by]
    if by_table and (moved or "own" in ways.values()):
        other = next(name for name, way in ways.items() if way in ("register", "own"))
        raise ValueError(
            f"region {by_table[0].name!r}: the table tells its level in the segmented image, and {other!r} lies "
            "elsewhere; find the level by labels (`by`), or use resample"
        )
    for sequence in images_named(study.regions) if moved else ():
        raise ValueError(
            f"regions are made with the image {sequence!r} on the grids of all, and sequences.{moved[0]}.masks: "
            "register says that images lie in different places; use resample, or register the files beforehand"
        )


def check_labels(region: RegionConfig, labels: Mapping[str, int]) -> None:
    """Refuse a region that names a label which `segmentation.labels` does not declare."""
    for label in region.labels_named():
        if label not in labels and label not in labels.values():
            settings = [(key, value) for key, value in region if key not in ("kind", "name")]
            told = (key for key, value in settings if label == value or (isinstance(value, tuple) and label in value))
            hint = nearest(label, labels) if isinstance(label, str) else f"; declared: {listed(labels.values())}"
            raise ValueError(
                f"regions: {region.name!r} has {next(told, 'label')} {label!r}, no segmentation label{hint}"
            )
