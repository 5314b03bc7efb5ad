"""From the images of new cases to their features, with what a bundle ships; onnxruntime only.

A case that fails is reported and left out; the others go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from radfuse.cohort.case import Case, Cohort
from radfuse.config import Section
from radfuse.errors import CASE_FAILS, CaseError, InputError
from radfuse.features import FeatureTable
from radfuse.radiomics.config import RadiomicsConfig, RegionConfig
from radfuse.results import Failure
from radfuse.runs import Progress, safe_name
from radfuse.seg.config import DeepConfig

if TYPE_CHECKING:
    from radfuse.seg.predict import OnnxSegmenter

NETWORK = "segmentation.onnx"


class ImageRecipe(Section):
    """How a study turned images into features.

    Attributes:
        images: sequence -> column of the cohort table.
        mask: column of masks where nothing is segmented.
        sequence: which image the network reads; None where masks are brought.
        labels: label name -> number.
        regions: the regions of interest.
        radiomics: how features are computed; a parameter file's content travels in `params`.
        params: content of the PyRadiomics parameter file, where the study named one.
        deep: which deep features; None without.
        resample_masks: as in the study.
    """

    images: dict[str, str]
    mask: str | None
    sequence: str | None
    labels: dict[str, int]
    regions: tuple[RegionConfig, ...]
    radiomics: RadiomicsConfig
    params: str | None = None
    deep: DeepConfig | None = None
    resample_masks: bool = False

    @property
    def blocks(self) -> tuple[str, ...]:
        """Blocks that come from images."""
        return ("radiomic", "deep") if self.deep is not None else ("radiomic",)


@dataclass(frozen=True)
class FromImages:
    """Features of new cases, and the cases that failed."""

    tables: dict[str, FeatureTable]
    failures: tuple[Failure, ...]


def features_from_images(
    recipe: ImageRecipe,
    cohort: Cohort,
    folder: Path,
    labels_out: Path | None = None,
    progress: Progress = lambda *_: None,
) -> FromImages:
    """Segment and extract every case of a cohort.

    Args:
        recipe: how.
        cohort: new cases with their images.
        folder: the bundle's, where the network lies.
        labels_out: write each segmentation there as NIfTI.
        progress: told of every case.

    Raises:
        InputError: no case could be used.
    """
    from radfuse.seg.predict import OnnxSegmenter

    segmenter = OnnxSegmenter(folder / NETWORK) if recipe.sequence is not None else None
    rows: dict[str, dict[str, dict[str, float | None]]] = {block: {} for block in recipe.blocks}
    failures: list[Failure] = []
    for done, case in enumerate(cohort):
        progress("reading images", done, len(cohort))
        try:
            found = _case(recipe, case, cohort, segmenter, folder, labels_out)
        except CASE_FAILS as error:
            message = error.message if isinstance(error, CaseError) else str(error)
            failures.append(Failure(item=case.case_id, error=message))
            continue
        for block, values in found.items():
            rows[block][case.case_id] = values
    progress("reading images", len(cohort), len(cohort))
    if not rows["radiomic"]:
        raise InputError(f"no case could be used; the first: {failures[0].item}: {failures[0].error}")
    tables = {}
    for block, found_rows in rows.items():
        values = pd.DataFrame.from_dict(found_rows, orient="index").astype("float64")
        values.index = pd.Index(list(found_rows), name=cohort.config.case, dtype=object)
        tables[block] = FeatureTable(values)
    return FromImages(tables, tuple(failures))


def _case(
    recipe: ImageRecipe,
    case: Case,
    cohort: Cohort,
    segmenter: OnnxSegmenter | None,
    folder: Path,
    labels_out: Path | None,
) -> dict[str, dict[str, float | None]]:
    from radfuse.radiomics.case import case_features
    from radfuse.radiomics.regions import make_regions
    from radfuse.seg.encode import deep_features
    from radfuse.volume.files import read_labels, read_volume, write_image

    images = {sequence: read_volume(path) for sequence, path in case.images.items()}
    if segmenter is not None and recipe.sequence is not None:
        labels, source = segmenter(images[recipe.sequence]), "predicted"
        if labels_out is not None:
            labels_out.mkdir(parents=True, exist_ok=True)
            write_image(labels, labels_out / f"{safe_name(case.case_id)}.nii.gz")
    elif case.mask is not None:
        labels, source = read_labels(case.mask, {number: name for name, number in recipe.labels.items()}), "manual"
    else:
        raise CaseError(case.case_id, f"the case has no mask (column {recipe.mask!r})")
    config = recipe.radiomics
    if recipe.params is not None:
        config = config.model_copy(update={"params": folder / recipe.params})
    radiomic = case_features(
        case.case_id,
        images,
        labels,
        recipe.regions,
        recipe.labels,
        config,
        resample_masks=recipe.resample_masks,
        mask_source=source,
    )
    found = {"radiomic": dict(radiomic.features)}
    if recipe.deep is not None and segmenter is not None and recipe.sequence is not None:
        wanted = [region for region in recipe.regions if not recipe.deep.regions or region.name in recipe.deep.regions]
        regions = make_regions(labels, wanted, recipe.labels, config.min_voxels, case.case_id)
        mirrored = is_mirrored(recipe.deep, dict(zip(cohort.config.unit_columns, case.unit, strict=True)))
        masks = {region.name: region.mask for region in regions}
        deep = deep_features(images[recipe.sequence], masks, segmenter, mirrored=mirrored)
        found["deep"] = {f"{recipe.sequence}/{name}": None if np.isnan(v) else v for name, v in deep.items()}
    return found


def is_mirrored(deep: DeepConfig, unit: Mapping[str, str]) -> bool:
    """Return whether a unit is read as the mirror image of the others."""
    return any(unit[column] == value for column, value in deep.mirrored.items())
