"""What a study says of each of its sequences: how masks reach it, what is done to its values, how it is measured."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveInt, field_validator, model_validator

from radfuse.cohort.config import CohortConfig
from radfuse.config import Section, nearest
from radfuse.errors import short
from radfuse.radiomics.config import RadiomicsConfig
from radfuse.regions.config import RegionConfig
from radfuse.seg.config import Segmentation
from radfuse.volume.flat import Spacing
from radfuse.volume.grid import SPACING_MM, Grid
from radfuse.volume.image import LabelMap
from radfuse.volume.normalise import Percentiles, Step, Window
from radfuse.volume.nyul import Nyul
from radfuse.volume.parameter_map import ParameterMap
from radfuse.volume.registration import Registration

_Pixel = Annotated[float, Field(ge=SPACING_MM[0], le=SPACING_MM[1])]


def _plain_map(said: Any) -> Any:
    """Return what `map: true` is short for."""
    return {} if said is True else None if said is False else said


Reach = Literal["same_grid", "resample", "register", "own"]


class SequenceConfig(Section):
    """One sequence of `cohort.images`."""

    masks: Reach | None = None
    """How the mask reaches this image: it lies on its grid, is brought there by nearest neighbour, is carried by a
    registration of the segmented image to this one, or is one of its own, drawn on it and named in `cohort.masks`,
    also where a network makes the masks of the segmented image: new cases then need both. None: its own where
    `cohort.masks` names one, otherwise as `resample_masks` says."""
    registration: Registration = Registration()
    """How the segmented image is registered to this one, where `masks` is register."""
    spacing_mm: tuple[_Pixel, _Pixel] | None = None
    """Between rows and between columns, of flat images that do not say how large their pixels are (PNG, JPEG, some
    radiographs); a file that says another is an error. Masks drawn on them have the same. None: each file says it."""
    suv: bool = False
    """Turn PET from a DICOM folder into SUV by body weight before all else; False where the image holds SUV already."""
    map: Annotated[ParameterMap, BeforeValidator(_plain_map)] | None = None
    """It is a parameter map, as ADC or Ktrans: `true`, or the range of values that can be. It keeps its units: no step
    may scale it by the image itself, and its `radiomics` say how wide a bin is."""
    normalise: tuple[Step, ...] = ()
    """What is done to its values before regions and features see them, in this order; networks see the image itself."""
    radiomics: RadiomicsConfig | None = None
    """Settings that differ from the study's `radiomics`, merged over those."""

    @field_validator("normalise")
    @classmethod
    def _learns_once(cls, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        if sum(isinstance(step, Nyul) for step in steps) > 1:
            raise ValueError("one step of kind nyul is enough; remove the others")
        return steps

    @model_validator(mode="after")
    def _map_keeps_its_units(self) -> SequenceConfig:
        if self.map is None:
            return self
        scaled: list[str] = [step.kind for step in self.normalise if not isinstance(step, (Percentiles, Window))]
        scaled += ["radiomics.normalize"] if self.radiomics is not None and self.radiomics.normalize else []
        if scaled:
            raise ValueError(f"a map has units, which {scaled[0]} would take away; remove it, or `map`")
        if self.radiomics is None or not self.radiomics.model_fields_set & {"bin_width", "bin_count", "params"}:
            raise ValueError(
                "a map needs bins of its own units: radiomics: {bin_width: 20} for ADC in 10^-6 mm2/s, say, and "
                "{bin_width: 0.00002} in mm2/s"
            )
        return self

    @field_validator("radiomics")
    @classmethod
    def _has_no_file(cls, radiomics: RadiomicsConfig | None) -> RadiomicsConfig | None:
        if radiomics is not None and radiomics.params is not None:
            raise ValueError("a parameter file of PyRadiomics is for all sequences; write what differs as settings")
        return radiomics


class SequenceRecipe(Section):
    """What decides the regions of a case on one of its images, beside the mask.

    Attributes:
        masks: how the mask reaches its grid.
        carried: how labels are interpolated by a registration.
        suv: PET is turned into SUV by its DICOM headers.
        map: which values can be, where it is a parameter map.
        spacing_mm: of flat images that do not say it.
        normalise: what is done to its values.
        min_voxels: smaller regions are an error.
    """

    masks: Reach = "same_grid"
    carried: Literal["nearest", "linear"] = "nearest"
    suv: bool = False
    map: ParameterMap | None = None
    normalise: tuple[Step, ...] = ()
    min_voxels: PositiveInt = 10
    spacing_mm: Spacing | None = Field(default=None, exclude_if=lambda said: said is None)


def merged(study: Any) -> Any:
    """Return the raw content of a study with its `radiomics` under those of each sequence that has some.

    A width said for a sequence goes before a count said for the study, which would otherwise take its place.
    """
    common, sequences = study.get("radiomics") or {}, study.get("sequences")
    if not isinstance(sequences, Mapping) or not isinstance(common, Mapping):
        return study
    found = dict(sequences)
    common = {key: value for key, value in common.items() if key != "params"}
    for name, section in sequences.items():
        own = section.get("radiomics") if isinstance(section, Mapping) else None
        if isinstance(own, Mapping):
            below = {key: value for key, value in common.items() if key != "bin_count" or "bin_width" not in own}
            found[name] = {**section, "radiomics": {**below, **own}}
    return {**study, "sequences": found}


def spacings_of(names: Collection[str], sequences: Mapping[str, SequenceConfig]) -> tuple[Spacing | None, ...]:
    """Return what a study says of the pixels of some sequences, in their order; empty where it says nothing."""
    found = tuple(sequences[name].spacing_mm if name in sequences else None for name in names)
    return found if any(found) else ()


def reach_of(
    sequence: str, sequences: Mapping[str, SequenceConfig], own: Collection[str], *, resample_masks: bool
) -> Reach:
    """Return how masks reach a sequence.

    Args:
        sequence: name.
        sequences: the study's section.
        own: sequences that have masks of their own.
        resample_masks: the study's setting.
    """
    said = sequences[sequence].masks if sequence in sequences else None
    if said is not None:
        return said
    if sequence in own:
        return "own"
    return "resample" if resample_masks else "same_grid"


def falls_beside(sequence: str, image: str, grid: Grid, mask: LabelMap) -> str:
    """Return what is said where a mask is brought onto an image that shows nothing of it.

    Args:
        sequence: of the image.
        image: its name.
        grid: where its voxels lie.
        mask: on its own grid.
    """
    return (
        f"nothing of mask {mask.name} falls into image {image} ({sequence}):\n  image {grid}\n  mask  {mask.grid}\n"
        f"Correct the header that is wrong, take another image of the case, or set sequences.{sequence}.masks: "
        "register, with registration: {start: centres} where headers count from elsewhere"
    )


def radiomics_of(
    images: Collection[str], sequences: Mapping[str, SequenceConfig], common: RadiomicsConfig
) -> dict[str, RadiomicsConfig]:
    """Return sequence -> how it is measured."""
    own = {name: section.radiomics for name, section in sequences.items()}
    return {name: own.get(name) or common for name in images}


def recipes_of(
    images: Collection[str],
    sequences: Mapping[str, SequenceConfig],
    own: Collection[str],
    common: RadiomicsConfig,
    *,
    resample_masks: bool,
) -> dict[str, SequenceRecipe]:
    """Return sequence -> what decides its regions; arguments are those of `reach_of` and `radiomics_of`."""
    measured = radiomics_of(images, sequences, common)
    found = {}
    for name in images:
        section = sequences.get(name, SequenceConfig())
        found[name] = SequenceRecipe(
            masks=reach_of(name, sequences, own, resample_masks=resample_masks),
            carried=section.registration.carried,
            suv=section.suv,
            map=section.map,
            spacing_mm=section.spacing_mm,
            normalise=section.normalise,
            min_voxels=measured[name].min_voxels,
        )
    return found


def open_step(steps: Sequence[Step]) -> Nyul | None:
    """Return the step whose landmarks are to be learned from training cases; None where there is none."""
    return next((step for step in steps if isinstance(step, Nyul) and step.landmarks is None), None)


def open_steps(sequences: Mapping[str, SequenceConfig]) -> dict[str, Nyul]:
    """Return sequence -> its step whose landmarks are to be learned."""
    steps = {name: open_step(section.normalise) for name, section in sequences.items()}
    return {name: step for name, step in steps.items() if step is not None}


def check_sequences(
    sequences: Mapping[str, SequenceConfig],
    images: Collection[str],
    regions: Sequence[RegionConfig],
    segmentation: Segmentation | None,
) -> None:
    """Refuse names in the section that nobody declared.

    Raises:
        ValueError: a sequence, a region or a label; says the nearest.
    """
    names = [region.name for region in regions]
    parts = {"body", "image", *(segmentation.labels if segmentation else ())}
    for name, section in sequences.items():
        if name not in images:
            raise ValueError(f"sequences: {short(name)!r} is not one of cohort.images{nearest(name, images)}")
        wanted = section.radiomics.normalize_region if section.radiomics else None
        if names and wanted is not None and wanted not in names:
            raise ValueError(
                f"sequences.{name}.radiomics.normalize_region: no region {wanted!r}{nearest(wanted, names)}"
            )
        for within in (getattr(step, "within", "image") for step in section.normalise):
            if within not in parts:
                raise ValueError(f"sequences.{name}.normalise: no label {short(within)!r}{nearest(within, parts)}")


def check_reach(
    sequences: Mapping[str, SequenceConfig], cohort: CohortConfig, segmentation: Segmentation, *, resample_masks: bool
) -> None:
    """Refuse ways for masks to the sequences that are none.

    Raises:
        ValueError: says which way would do.
    """
    segmented = segmentation.sequences or tuple(cohort.images)[:1]
    home = segmented[0]
    for name in segmented:
        if name in cohort.optional_images:
            raise ValueError(
                f"cohort.optional_images: masks are drawn or made on {name!r}, so that every case needs it; remove it"
            )
    if home in cohort.masks:
        raise ValueError(f"cohort.masks.{home}: cohort.mask holds the masks of {home!r}, which is segmented; remove it")
    for name in cohort.images:
        reach = reach_of(name, sequences, cohort.masks, resample_masks=resample_masks)
        if name == home and reach in ("register", "own"):
            raise ValueError(
                f"sequences.{home}.masks: {reach}, but masks are drawn on {home!r} itself; use same_grid or resample, "
                "or name another image as segmentation.sequence"
            )
        by = sequences[name].registration.by if reach == "register" else None
        if by is not None and (by not in cohort.images or by == home):
            others = [other for other in cohort.images if other not in (name, home)]
            raise ValueError(
                f"sequences.{name}.registration.by: {short(by)!r} is no other sequence{nearest(by, others)}"
            )
        if reach == "own" and name not in cohort.masks:
            raise ValueError(f"sequences.{name}.masks: own needs cohort.masks.{name}, the column of its masks")
        said = sequences[name].masks if name in sequences else None
        if reach == "own" and said is None and segmentation.source != "manual":
            raise ValueError(
                f"cohort.masks.{name} are drawn by hand, and those of {home!r} are not: set sequences.{name}.masks: "
                "register, or resample; or own, where somebody will draw them for new cases, too"
            )
