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
from radfuse.errors import CaseError, InputError, Problem
from radfuse.morphometry.config import MeasureConfig
from radfuse.morphometry.measure import Subject
from radfuse.morphometry.take import plates, take
from radfuse.morphometry.thickness import Plate
from radfuse.radiomics.config import RadiomicsConfig
from radfuse.radiomics.engines.result import RegionResult
from radfuse.radiomics.measure import measured_regions
from radfuse.regions.cells import cells_on
from radfuse.regions.config import RegionConfig
from radfuse.regions.habitats import HabitatsRegion
from radfuse.regions.make import make_regions
from radfuse.regions.named import made_on
from radfuse.regions.scene import Scene
from radfuse.results import CaseFeatures
from radfuse.run.digests import UNSAID
from radfuse.seg.config import DeepConfig
from radfuse.seg.encode import encode
from radfuse.seg.predict import OnnxSegmenter
from radfuse.sequences import SequenceRecipe, falls_beside
from radfuse.volume.files import read_labels, read_volume
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap, Volume, require_same_grid
from radfuse.volume.normalise import normalised
from radfuse.volume.region import Region
from radfuse.volume.resample import lost_beyond, resample_labels
from radfuse.volume.sitk import Transform, read_transform
from radfuse.volume.suv import read_suv
from radfuse.volume.visit import Visit

NO_MASK = "the case has no mask; draw one, or leave the case out of the cohort table"
NOTHING_FOUND = "the network found none of the labels in this image; look at the image, or train longer or on more"


class RegionRecipe(Section):
    """What decides a case's regions beside its mask.

    Attributes:
        labels: label name -> number.
        regions: the regions of interest.
        sequences: sequence -> how the mask reaches it, and what is done to its values.
    """

    labels: dict[str, int]
    regions: tuple[RegionConfig, ...]
    sequences: dict[str, SequenceRecipe]


@dataclass(frozen=True)
class CaseFiles:
    """Where a case's images and masks lie.

    Attributes:
        images: sequence -> image.
        mask: of the segmented image; without one the case fails.
        source: of the mask: manual, external or cross_fitted.
        own: sequence -> mask drawn on that image, of those that are measured by it.
        transforms: sequence -> transform by which masks are carried to it.
        moved: rigid transform that puts image and mask where the baseline of their unit lies; None: they stay.
        together: images are put where the segmented image of the unit's baseline lies, as `Visit.together` has it.
        home: sequence of the segmented image, where masks need not lie on its grid.
    """

    images: Mapping[str, Path]
    mask: Path | None
    source: str
    own: Mapping[str, Path] = field(default_factory=dict)
    transforms: Mapping[str, Path] = field(default_factory=dict)
    moved: Path | None = field(default=None, metadata=UNSAID)
    together: bool = field(default=False, metadata=UNSAID)
    home: str = field(default="", metadata=UNSAID)


@dataclass(frozen=True)
class MaskedImage:
    """One image of a case, its values normalised, and the mask on its grid.

    Attributes:
        image: the image.
        mask: on its grid.
        drawn: grid that the mask was drawn or made on.
        remark: what to know of a mask that lies partly beyond it, or of a parameter map's values; empty: nothing.
        way: transform from its points to those of the segmented image, where it was registered.
    """

    image: Volume
    mask: LabelMap
    drawn: Grid
    remark: str = ""
    way: Transform | None = None


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


def read_mask(path: Path | None, labels: Mapping[str, int], source: str, like: Grid | None = None) -> LabelMap:
    """Read the mask of a case.

    Args:
        path: of the mask; None where the case has none.
        labels: label name -> number.
        source: manual, external, cross_fitted or untrained.
        like: where the voxels of its image lie, for masks that are DICOM objects.

    Raises:
        InputError: no mask, an unreadable one, or an empty one; the mend is to draw a manual mask, or to train.
    """
    if path is None:
        raise InputError(NO_MASK)
    predicted = source != "manual"
    mask = read_labels(path, {number: name for name, number in labels.items()}, empty=predicted, like=like)
    if predicted and not mask.present():
        raise InputError(NOTHING_FOUND)
    return mask


def read_masked(files: CaseFiles, recipe: RegionRecipe) -> dict[str, MaskedImage]:
    """Read a case's images and masks, and bring them together, as `masked` has it.

    Raises:
        InputError: a file cannot be used, or as `masked`.
    """
    if files.mask is None:
        raise InputError(NO_MASK)
    images = {sequence: read_measured(path, recipe.sequences[sequence]) for sequence, path in files.images.items()}
    own = {
        sequence: read_mask(path, recipe.labels, "manual", images[sequence].grid)
        for sequence, path in files.own.items()
    }
    ways = {sequence: read_transform(path) for sequence, path in files.transforms.items()}
    seen = Visit(images, read_mask(files.mask, recipe.labels, files.source, _home(files, images, recipe)), own, ways)
    if files.together:
        seen = seen.together(read_transform(files.moved) if files.moved is not None else None)
    return masked(seen, recipe)


def _home(files: CaseFiles, images: Mapping[str, Volume], recipe: RegionRecipe) -> Grid | None:
    """Return where the voxels of the image lie that the mask was made on; None where that is not among them."""
    same = (name for name in images if recipe.sequences[name].masks == "same_grid")
    name = files.home or next(same, "")
    return images[name].grid if name in images else None


def read_measured(path: Path, recipe: SequenceRecipe) -> Volume:
    """Read an image as it is measured: PET in SUV, where that is asked for.

    Raises:
        InputError: as `read_volume` and `read_suv`.
    """
    return (read_suv if recipe.suv else read_volume)(path, recipe.spacing_mm)


def masked(seen: Visit, recipe: RegionRecipe) -> dict[str, MaskedImage]:
    """Return sequence -> image, normalised, and the mask on its grid.

    Args:
        seen: images, masks, and the ways between them.
        recipe: how the mask reaches each image, and what is done to its values.

    Raises:
        InputError: a mask lies on another grid, beside its image, or is not there; or values cannot be normalised.
    """
    found = {}
    for sequence, image in seen.images.items():
        here = _mask_on(sequence, image, seen, recipe.sequences[sequence])
        ready = normalised(image, recipe.sequences[sequence].normalise, here, recipe.labels)
        drawn = seen.own[sequence] if recipe.sequences[sequence].masks == "own" else seen.mask
        known = recipe.sequences[sequence].map
        told = [lost_beyond(seen.mask, image.grid)] if recipe.sequences[sequence].masks == "resample" else []
        told += [known.remark(image.voxels[here.array > 0], image.name)] if known is not None else []
        remark = "; ".join(filter(None, told))
        found[sequence] = MaskedImage(ready, here, drawn.grid, remark, seen.ways.get(sequence))
    return found


def _mask_on(sequence: str, image: Volume, seen: Visit, recipe: SequenceRecipe) -> LabelMap:
    """Return a case's mask on the grid of one of its images."""
    mask = seen.mask
    if recipe.masks == "own":
        if sequence not in seen.own:
            raise InputError(
                f"the case has no mask of its own on {sequence!r}; fill its cell in the column that cohort.masks."
                f"{sequence} names, or set sequences.{sequence}.masks: register"
            )
        mask = seen.own[sequence]
    if recipe.masks in ("same_grid", "own"):
        return require_same_grid(image, mask)
    if recipe.masks == "resample":
        here = resample_labels(mask, image.grid)
    else:
        here = resample_labels(mask, image.grid, seen.ways[sequence], recipe.carried)
    if mask.present() and not here.present():
        raise InputError(falls_beside(sequence, image.name, image.grid, mask))
    return here


def regions_on(sequence: str, images: Mapping[str, MaskedImage], recipe: RegionRecipe, about: About) -> list[Region]:
    """Return a case's regions on the grid of one of its images, those that are made there.

    Args:
        sequence: of that image.
        images: sequence -> image, each on its own grid, those of `images_named` among them.
        recipe: of the regions.
        about: the case.

    Raises:
        CaseError: a region is empty or tiny, or needs an image that the case has not.
    """
    scene = scene_of(sequence, images, recipe, about)
    return make_regions(scene, recipe.regions, recipe.sequences[sequence].min_voxels)


def scene_of(sequence: str, images: Mapping[str, MaskedImage], recipe: RegionRecipe, about: About) -> Scene:
    """Return a case's labels on the grid of one of its images."""
    at = images[sequence]
    return Scene(
        at.mask,
        recipe.labels,
        about.side,
        about.visit,
        {name: other.image for name, other in images.items()},
        about.case,
        sequence,
        about.landmarks,
        about.slices,
        at.drawn,
        {name: other.way for name, other in images.items() if other.way is not None},
    )


def mapped_plates(
    images: Mapping[str, MaskedImage], recipe: RegionRecipe, about: About, measures: Sequence[MeasureConfig]
) -> dict[str, Plate]:
    """Return title -> plate of each cartilage that is measured, on the image that its measure names, or the first."""
    found: dict[str, Plate] = {}
    for sequence in images:
        here = measures_on(sequence, recipe, measures)
        if here:
            found |= plates(scene_of(sequence, images, recipe, about), here)
    return found


def measures_on(sequence: str, recipe: RegionRecipe, measures: Sequence[MeasureConfig]) -> list[MeasureConfig]:
    """Return the measures that are taken on an image."""
    return [measure for measure in measures if (measure.sequence or next(iter(recipe.sequences))) == sequence]


def radiomic_features(
    images: Mapping[str, MaskedImage],
    source: str,
    recipe: RegionRecipe,
    radiomics: Mapping[str, RadiomicsConfig],
    about: About,
    morphometry: Sequence[MeasureConfig] = (),
) -> CaseFeatures:
    """Return the features of all regions on all images of a case, and what is measured of their shapes.

    Args:
        images: sequence -> image and mask, each on its own grid.
        source: of the mask; recorded with the values.
        recipe: of the regions.
        radiomics: sequence -> how to compute; images of other sequences are there for regions alone.
        about: the case.
        morphometry: measures; each is taken on the one image that it names, or on the first.

    Raises:
        CaseError: a region that is empty or tiny, or features that cannot be computed.
    """
    features: dict[str, float | None] = {}
    voxels: dict[str, int] = {}
    missing = {f"{sequence}/": "the case has no such image" for sequence in radiomics if sequence not in images}
    remarks: dict[str, str] = {}
    for sequence, at in images.items():
        if sequence not in radiomics:
            continue
        remarks |= {f"{sequence}/": at.remark} if at.remark else {}
        scene = scene_of(sequence, images, recipe, about)
        regions = make_regions(scene, whole_regions(recipe).regions, recipe.sequences[sequence].min_voxels)
        voxels |= {f"{sequence}/{region.name}": region.voxels for region in regions}
        found = measured_regions(at.image, regions, radiomics[sequence], all_or_none=True)
        for region in recipe.regions:
            if isinstance(region, HabitatsRegion) and made_on(region, sequence):
                found |= _of_habitats(region, scene, at.image, radiomics[sequence], recipe.sequences[sequence])
        for name, result in found.items():
            place = f"{sequence}/{name}"
            features |= {f"{place}/{one}": None if value != value else value for one, value in result.values.items()}
            missing |= {f"{place}/{one}": cause for one, cause in result.reasons.items()}
            remarks |= {f"{place}/{one}": remark for one, remark in result.remarks.items()}
        here = Subject(scene, {region.name: region for region in regions}, at.image)
        shapes = take(here, measures_on(sequence, recipe, morphometry))
        features |= {f"{sequence}/{name}": None if value != value else value for name, value in shapes.values.items()}
        missing |= {f"{sequence}/{name}": reason for name, reason in shapes.reasons.items()}
    return CaseFeatures(features=features, voxels=voxels, mask_source=source, missing=missing, remarks=remarks)


def remarks_on_images(case: str, found: CaseFeatures) -> list[Problem]:
    """Return what to know of a case's images and their masks."""
    told = {name: text for name, text in found.remarks.items() if name.endswith("/")}
    return [Problem(f"case {case}", f"{name[:-1]}: {text}", severity="warning") for name, text in told.items()]


def _of_habitats(
    habitats: HabitatsRegion, scene: Scene, image: Volume, radiomics: RadiomicsConfig, recipe: SequenceRecipe
) -> dict[str, RegionResult]:
    """Return the shares of a case's habitats, under the name of them all, and what is measured of each."""
    found: dict[str, RegionResult] = {}
    parts = {region.name: region for region in make_regions(scene, [habitats], recipe.min_voxels)}
    if scene.measured == habitats.sequences[0]:
        found[habitats.name] = RegionResult(values=habitats.fractions(scene))
    if habitats.measure == "fractions":
        return found
    if habitats.measure == "firstorder":
        some = {name: own for name, own in radiomics.features.items() if name == "firstorder"}
        radiomics = radiomics.model_copy(update={"classes": ("firstorder",), "features": some})
    measured = measured_regions(image, list(parts.values()), radiomics)
    for name in habitats.names:
        result = measured.get(name) or RegionResult(
            failed=CaseError(name, f"the habitat has fewer than {recipe.min_voxels} voxels in this case")
        )
        found[name] = result if result.failed is None else RegionResult(reasons={"": result.failed.message})
    return found


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
        others: sequence -> image as it is measured, those that the regions are made with; that which the network reads
            may be among them.
    """
    here = _mask_on(sequence, image, Visit({}, mask), recipe.sequences[sequence])
    seen = {}
    for name, other in {sequence: image, **(others or {})}.items():
        on = here if name == sequence else resample_labels(mask, other.grid)
        ready = normalised(other, recipe.sequences[name].normalise, on, recipe.labels)
        seen[name] = MaskedImage(ready, here, mask.grid)
    regions = regions_on(sequence, seen, recipe, about)
    frame = segmenter.frame(image)
    found = encode(frame.array, cells_on(regions, image.grid, frame.grid, mirrored=mirrored), segmenter)
    return {f"{sequence}/{name}": None if np.isnan(value) else value for name, value in found.items()}


def deep_recipe(recipe: RegionRecipe, deep: DeepConfig, sequence: str) -> RegionRecipe:
    """Return the recipe of those regions that have deep features on an image; habitats have none."""
    listed = (region for region in whole_regions(recipe).regions if made_on(region, sequence))
    wanted = tuple(region for region in listed if not deep.regions or region.name in deep.regions)
    return recipe.model_copy(update={"regions": wanted})


def whole_regions(recipe: RegionRecipe) -> RegionRecipe:
    """Return the recipe without habitats, which a case may lack."""
    wanted = tuple(region for region in recipe.regions if not isinstance(region, HabitatsRegion))
    return recipe.model_copy(update={"regions": wanted})


def is_mirrored(deep: DeepConfig, columns: Sequence[str], unit: Sequence[str]) -> bool:
    """Return whether a unit is read as the mirror image of the others.

    Args:
        deep: names the column and its value.
        columns: of the unit.
        unit: its values.
    """
    return any((column, value) in deep.mirrored.items() for column, value in zip(columns, unit, strict=True))
