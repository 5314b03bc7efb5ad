"""How one case's images become numbers: mask, onto the image's grid, regions, measured. The one path for all.

The study's stages, the bundle and the scripts call the functions here, so that they cannot come to differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from radfuse.cohort.case import Case
from radfuse.config import Section
from radfuse.errors import InputError
from radfuse.radiomics.config import RadiomicsConfig
from radfuse.radiomics.measure import measured_regions
from radfuse.regions.cells import cells_on
from radfuse.regions.config import RegionConfig
from radfuse.regions.make import make_regions
from radfuse.regions.scene import Scene
from radfuse.results import CaseFeatures
from radfuse.seg.config import DeepConfig
from radfuse.seg.encode import encode
from radfuse.seg.predict import OnnxSegmenter
from radfuse.volume.files import read_labels
from radfuse.volume.image import LabelMap, Volume, require_same_grid
from radfuse.volume.region import Region
from radfuse.volume.resample import resample_labels

NO_MASK = "the case has no mask; draw one, or leave the case out of the cohort table"
NOTHING_FOUND = "the network found none of the labels in this image; look at the image, or train longer or on more"


class RegionRecipe(Section):
    """What decides a case's regions beside its mask.

    Attributes:
        labels: label name -> number.
        regions: the regions of interest.
        min_voxels: smaller regions are an error.
        resample_masks: bring the mask onto each image's grid; otherwise grids must be equal.
    """

    labels: dict[str, int]
    regions: tuple[RegionConfig, ...]
    min_voxels: int = 10
    resample_masks: bool = False


@dataclass(frozen=True)
class About:
    """Who a case is.

    Attributes:
        case: its id, for messages.
        side: of the body, where the table says it.
        visit: where the table says it.
        landmarks: name -> mm, where the table says them.
        slices: name -> number of a slice of the mask, the first is 1, where the table says them.
    """

    case: str
    side: str | None = None
    visit: str | None = None
    landmarks: Mapping[str, float] = field(default_factory=dict)
    slices: Mapping[str, int] = field(default_factory=dict)


def about(case: Case, unit_columns: Sequence[str]) -> About:
    """Return who a case is.

    Args:
        case: of a cohort.
        unit_columns: of the cohort, one of which may be the side.
    """
    side = dict(zip(unit_columns, case.unit, strict=True)).get("side")
    visit = case.visit if isinstance(case.visit, str) else None
    return About(case.case_id, side, visit, case.landmarks, case.slices)


def read_mask(path: Path | None, labels: Mapping[str, int], source: str) -> LabelMap:
    """Read the mask of a case.

    Args:
        path: of the mask; None where the case has none.
        labels: label name -> number.
        source: manual, external, cross_fitted or untrained.

    Raises:
        InputError: no mask, an unreadable one, or an empty one; the mend is to draw a manual mask, or to train.
    """
    if path is None:
        raise InputError(NO_MASK)
    predicted = source != "manual"
    mask = read_labels(path, {number: name for name, number in labels.items()}, empty=predicted)
    if predicted and not mask.present():
        raise InputError(NOTHING_FOUND)
    return mask


def regions_on(
    sequence: str, images: Mapping[str, Volume], mask: LabelMap, recipe: RegionRecipe, about: About
) -> list[Region]:
    """Return a case's regions on the grid of one of its images.

    Args:
        sequence: of that image.
        images: sequence -> image, each on its own grid, those of `images_named` among them.
        mask: the segmentation.
        recipe: of the regions.
        about: the case.

    Raises:
        InputError: the mask lies on another grid.
        CaseError: a region is empty or tiny, or needs an image that the case has not.
    """
    image = images[sequence]
    here = mask
    if not image.grid.same_as(mask.grid):
        if not recipe.resample_masks:
            require_same_grid(image, mask)
        here = resample_labels(mask, image.grid)
    scene = Scene(
        here,
        recipe.labels,
        about.side,
        about.visit,
        images,
        about.case,
        sequence,
        about.landmarks,
        about.slices,
        mask.grid,
    )
    return make_regions(scene, recipe.regions, recipe.min_voxels)


def radiomic_features(
    images: Mapping[str, Volume],
    mask: LabelMap,
    source: str,
    recipe: RegionRecipe,
    config: RadiomicsConfig,
    about: About,
) -> CaseFeatures:
    """Return the features of all regions on all images of a case.

    Args:
        images: sequence -> image, each on its own grid.
        mask: the segmentation.
        source: of the mask; recorded with the values.
        recipe: of the regions.
        config: how to compute.
        about: the case.

    Raises:
        InputError: another grid.
        CaseError: a region that is empty or tiny, or features that cannot be computed.
    """
    features: dict[str, float | None] = {}
    voxels: dict[str, int] = {}
    missing: dict[str, str] = {}
    remarks: dict[str, str] = {}
    for sequence, image in images.items():
        regions = regions_on(sequence, images, mask, recipe, about)
        voxels |= {f"{sequence}/{region.name}": region.voxels for region in regions}
        for region, result in measured_regions(image, regions, config, all_or_none=True).items():
            at = f"{sequence}/{region}"
            features |= {f"{at}/{name}": None if value != value else value for name, value in result.values.items()}
            missing |= {f"{at}/{name}": cause for name, cause in result.reasons.items()}
            remarks |= {f"{at}/{name}": remark for name, remark in result.remarks.items()}
    return CaseFeatures(features=features, voxels=voxels, mask_source=source, missing=missing, remarks=remarks)


def deep_features(
    sequence: str,
    image: Volume,
    mask: LabelMap,
    segmenter: OnnxSegmenter,
    recipe: RegionRecipe,
    about: About,
    *,
    mirrored: bool = False,
    others: Mapping[str, Volume] | None = None,
) -> dict[str, float | None]:
    """Return "sequence/region/deep_ROW-COLUMN_CHANNEL" -> encoder feature; None for a cell without voxels.

    Args:
        sequence: of the image.
        image: that the network reads.
        mask: the segmentation.
        segmenter: whose encoder is used.
        recipe: of the regions.
        about: the case.
        mirrored: True for the side that shall be read as the mirror image of the other.
        others: sequence -> image, those that the regions are made with.
    """
    regions = regions_on(sequence, {**(others or {}), sequence: image}, mask, recipe, about)
    frame = segmenter.frame(image)
    found = encode(frame.array, cells_on(regions, image.grid, frame.grid, mirrored=mirrored), segmenter)
    return {f"{sequence}/{name}": None if np.isnan(value) else value for name, value in found.items()}


def deep_recipe(recipe: RegionRecipe, deep: DeepConfig) -> RegionRecipe:
    """Return the recipe of those regions that have deep features."""
    wanted = tuple(region for region in recipe.regions if not deep.regions or region.name in deep.regions)
    return recipe.model_copy(update={"regions": wanted})


def is_mirrored(deep: DeepConfig, columns: Sequence[str], unit: Sequence[str]) -> bool:
    """Return whether a unit is read as the mirror image of the others.

    Args:
        deep: names the column and its value.
        columns: of the unit.
        unit: its values.
    """
    return any((column, value) in deep.mirrored.items() for column, value in zip(columns, unit, strict=True))
