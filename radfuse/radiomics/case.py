"""Handcrafted features of one case: its images, its segmentation, the study's regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from radfuse.config import Section
from radfuse.errors import CaseError, InputError
from radfuse.radiomics.config import RadiomicsConfig, RegionConfig
from radfuse.radiomics.engine import measured_regions
from radfuse.radiomics.regions import make_regions
from radfuse.volume.image import LabelMap, Volume, require_same_grid
from radfuse.volume.resample import resample_labels


class CaseFeatures(Section):
    """What is known of one case.

    Attributes:
        features: "sequence/region/filter_class_Feature" -> value; None where it could not be computed.
        voxels: "sequence/region" -> number of voxels of the region on that image's grid.
        mask_source: manual, external or cross_fitted.
        missing: "sequence/region/feature or filtered image" -> why there is no value.
    """

    features: Mapping[str, float | None]
    voxels: Mapping[str, int]
    mask_source: str
    missing: Mapping[str, str] = {}


def case_features(
    case: str,
    images: Mapping[str, Volume],
    labels: LabelMap,
    regions: Sequence[RegionConfig],
    numbers: Mapping[str, int],
    config: RadiomicsConfig,
    *,
    resample_masks: bool = False,
    mask_source: str = "manual",
) -> CaseFeatures:
    """Return the features of all regions on all sequences of a case.

    Args:
        case: for messages.
        images: sequence -> image, each on its own grid.
        labels: the segmentation.
        regions: which regions.
        numbers: label name -> number.
        config: how to compute.
        resample_masks: bring the segmentation onto each image's grid; otherwise grids must be equal.
        mask_source: recorded with the values.

    Raises:
        CaseError: another grid, a region that is empty or tiny, or features that cannot be computed.
    """
    features: dict[str, float | None] = {}
    voxels: dict[str, int] = {}
    missing: dict[str, str] = {}
    for sequence, image in images.items():
        here = labels
        if not image.grid.same_as(labels.grid):
            if not resample_masks:
                try:
                    require_same_grid(image, labels)
                except InputError as error:
                    raise CaseError(case, str(error)) from error
            here = resample_labels(labels, image.grid)
        found = make_regions(here, regions, numbers, config.min_voxels, case)
        for region in found:
            voxels[f"{sequence}/{region.name}"] = region.voxels
        for region_name, result in measured_regions(image, found, config).items():
            for name, value in result.values.items():
                features[f"{sequence}/{region_name}/{name}"] = None if value != value else value
            missing |= {f"{sequence}/{region_name}/{name}": cause for name, cause in result.reasons.items()}
    return CaseFeatures(features=features, voxels=voxels, mask_source=mask_source, missing=missing)
