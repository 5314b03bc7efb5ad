"""From the images of new cases to their features, with what a bundle ships; no torch.

A case that fails is reported and left out; the others go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pandas as pd

from radfuse.bundle.models import check_network
from radfuse.bundle.schema import NETWORK, ImageRecipe
from radfuse.cohort.case import Case, Cohort
from radfuse.cohort.visits import VisitsConfig
from radfuse.errors import CASE_FAILS, CaseError, InputError, Problem, reasons
from radfuse.features import FeatureTable
from radfuse.recipe import (
    NOTHING_FOUND,
    About,
    RegionRecipe,
    about,
    deep_features,
    deep_recipe,
    is_mirrored,
    masked,
    radiomic_features,
    read_mask,
    read_measured,
    remarks_on_images,
)
from radfuse.regions.config import images_named
from radfuse.report.preview import preview
from radfuse.results import Failure, ReviewedMask
from radfuse.run.disk import sweep, write_atomically, write_folder, writing
from radfuse.run.folder import Progress, safe_name
from radfuse.seg.apply import write_labels
from radfuse.seg.backend import Backend
from radfuse.seg.memory import memory_told
from radfuse.seg.predict import segmenter
from radfuse.seg.quality import figures_of
from radfuse.seg.review import review_list, reviewed
from radfuse.seg.runtimes.runtime import USUAL, chosen
from radfuse.seg.untrained import Given, Untrained
from radfuse.sequences import radiomics_of, recipes_of
from radfuse.volume.doubts import doubt_of_values
from radfuse.volume.files import read_volume
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.register import Registered, register
from radfuse.volume.resample import resample_labels
from radfuse.volume.stack import Stack, stacked
from radfuse.volume.visit import Visit

REVIEW = "review.csv"


@dataclass(frozen=True)
class FromImages:
    """Features of new cases, and the cases that failed.

    Attributes:
        tables: block -> features.
        failures: the cases left out, and why.
        missing: features that some case has no value of, or filtered images that were not made -> why.
        masks: case -> what is suspicious about its predicted mask; cases that failed later are there too.
        registrations: case -> what is suspicious about the registrations that carried its mask, in words; empty where
            nothing is. Cases that failed are not there.
        remarks: on images of one value throughout, on masks partly beyond their images, on channels that lack a part
            of the first, and on values of parameter maps that cannot be.
    """

    tables: dict[str, FeatureTable]
    failures: tuple[Failure, ...]
    missing: Mapping[str, str]
    masks: Mapping[str, ReviewedMask]
    registrations: Mapping[str, tuple[str, ...]]
    remarks: tuple[Problem, ...] = ()


def features_from_images(
    recipe: ImageRecipe,
    cohort: Cohort,
    folder: Path,
    labels_out: Path | None = None,
    progress: Progress = lambda *_: None,
    runtime: str = USUAL,
) -> FromImages:
    """Segment and extract every case of a cohort.

    Args:
        recipe: how.
        cohort: new cases with their images.
        folder: the bundle's, where the network lies.
        labels_out: write each segmentation there as NIfTI, a picture of it, and review.csv.
        progress: told of every case.
        runtime: who runs the network, where it is one of radfuse's own kind.

    Raises:
        InputError: no case could be used, the runtime or a user's own part is not here, or the network is none.
        RunError: a segmentation cannot be written.
    """
    regions = RegionRecipe(
        labels=recipe.labels,
        regions=recipe.opened_regions(),
        sequences=recipes_of(
            recipe.images, recipe.by_sequence, recipe.masks, recipe.radiomics, resample_masks=recipe.resample_masks
        ),
    )
    check_network(recipe, folder / NETWORK)
    way = _Way(recipe, regions, cohort.config.unit_columns, folder, labels_out, chosen(runtime))
    rows: dict[str, dict[str, Mapping[str, float | None]]] = {block: {} for block in recipe.blocks}
    failures: list[Failure] = []
    if labels_out is not None and labels_out.is_dir():
        sweep(labels_out)
    for done, case in enumerate(_in_order(cohort, recipe.visits)):
        progress("reading images", done, len(cohort))
        try:
            found = _case(way, case)
        except CASE_FAILS as error:
            message = error.message if isinstance(error, CaseError) else str(error)
            failures.append(Failure(item=case.case_id, error=message))
            continue
        for block, values in found.items():
            rows[block][case.case_id] = values
    progress("reading images", len(cohort), len(cohort))
    if labels_out is not None and way.masks:
        write_folder(labels_out, {REVIEW: str(listed_masks(way.masks).to_csv(index=False)).encode()})
    if not rows["radiomic"]:
        faults = [*cohort.unusable.items(), *((one.item, one.error) for one in failures)]
        raise InputError(f"no case could be used: {reasons(faults) or 'the table holds none'}")
    tables = {}
    for block, found_rows in rows.items():
        values = pd.DataFrame.from_dict(found_rows, orient="index").astype("float64")
        values.index = pd.Index(list(found_rows), name=cohort.config.case, dtype=object)
        tables[block] = FeatureTable(values)
    return FromImages(tables, tuple(failures), way.missing, way.masks, way.registrations, tuple(way.remarks))


@dataclass(frozen=True)
class _Way:
    """How cases are read, and what is told of them meanwhile.

    Attributes:
        recipe: of the bundle.
        regions: what decides regions.
        unit: columns of a unit.
        folder: of the bundle.
        labels_out: where masks are written.
        runtime: who runs the network.
        missing: as `FromImages` has it.
        masks: as `FromImages` has them.
        registrations: as `FromImages` has them.
        remarks: as `FromImages` has them.
        baseline: unit -> image and mask of its baseline, of the last unit alone.
    """

    recipe: ImageRecipe
    regions: RegionRecipe
    unit: tuple[str, ...]
    folder: Path
    labels_out: Path | None
    runtime: str
    missing: dict[str, str] = field(default_factory=dict)
    masks: dict[str, ReviewedMask] = field(default_factory=dict)
    registrations: dict[str, tuple[str, ...]] = field(default_factory=dict)
    remarks: list[Problem] = field(default_factory=list)
    baseline: dict[tuple[str, ...], tuple[Volume, LabelMap]] = field(default_factory=dict)


def _in_order(cohort: Cohort, visits: VisitsConfig | None) -> list[Case]:
    """Return the cases, each unit's baseline before its follow-ups where they share its mask."""
    cases = list(cohort)
    return cases if visits is None else sorted(cases, key=lambda case: (case.unit, case.visit != visits.baseline))


def _case(way: _Way, case: Case) -> dict[str, Mapping[str, float | None]]:
    """Return block -> features of one case, by the recipe that the study's own stages follow."""
    recipe, regions = way.recipe, way.regions
    who = about(case, way.unit)
    config = recipe.radiomics
    if recipe.params is not None:
        config = config.model_copy(update={"params": way.folder / recipe.params})
    images = {name: read_volume(path, regions.sequences[name].spacing_mm) for name, path in case.images.items()}
    image = stacked([images[sequence] for sequence in recipe.sequences]) if recipe.sequence is not None else None
    told = [*map(doubt_of_values, images.values()), image.lacks if isinstance(image, Stack) else ""]
    way.remarks.extend(Problem(f"case {case.case_id}", text, severity="warning") for text in told if text)
    carried: dict[str, Registered] = {}
    follows = recipe.visits if recipe.visits is not None and case.visit != recipe.visits.baseline else None
    if follows is None or follows.masks == "own":
        labels = _mask(way, case, who, images, image)
    else:
        carried["baseline"], labels = _from_baseline(way, follows, case, images[recipe.home])
    if recipe.visits is not None and follows is None:
        way.baseline.clear()
        way.baseline[case.unit] = (images[recipe.home], labels)
    radiomics = radiomics_of(recipe.images, recipe.by_sequence, config)
    drawn = {name: path for name, path in case.own_masks.items() if name in images}
    own = {name: read_mask(path, recipe.labels, "manual", images[name].grid) for name, path in drawn.items()}
    in_suv = {name for name in images if regions.sequences[name].suv}  # the network saw the images as they are
    measured = images | {name: read_measured(case.images[name], regions.sequences[name]) for name in in_suv}
    to_sequences = _registered(recipe, images, labels, who.case)
    carried |= to_sequences
    seen = Visit(measured, labels, own, {name: one.transform for name, one in to_sequences.items()})
    if recipe.visits is not None and recipe.visits.masks == "own":
        if follows is not None:
            carried["baseline"] = _registered_to(way, follows, case, images[recipe.home])[0]
        seen = seen.together(carried["baseline"].transform if follows is not None else None)
    ready = masked(seen, regions)
    source = "manual" if recipe.sequence is None else "predicted"
    radiomic = radiomic_features(ready, source, regions, radiomics, who, recipe.opened_measures())
    way.missing.update(radiomic.missing)
    way.remarks.extend(remarks_on_images(case.case_id, radiomic))
    if recipe.visits is not None or "register" in map(recipe.reach, recipe.images):
        quality = {name: one.quality.flags for name, one in carried.items()}
        way.registrations[who.case] = tuple(f"{name}: {flag}" for name, flags in quality.items() for flag in flags)
    found: dict[str, Mapping[str, float | None]] = {"radiomic": radiomic.features}
    if recipe.deep is not None and image is not None:
        found["deep"] = _deep(way, case, who, image, labels, measured)
    return found


def _mask(way: _Way, case: Case, who: About, images: Mapping[str, Volume], image: Volume | None) -> LabelMap:
    """Return the mask that a case brought, or that is made of its image; what is made is reviewed, and written."""
    recipe = way.recipe
    if image is None:
        return read_mask(case.mask, recipe.labels, "manual", _grid_of(images, recipe.home))
    backend = cast("Backend | None", recipe.opened_backend())
    with memory_told(image.name):
        labels = _labels(backend, way.folder / NETWORK, image, case, who.side, way.runtime)
    way.masks[case.case_id] = reviewed(figures_of(labels, recipe.labels), recipe.training_masks)
    if way.labels_out is not None:
        write_labels(labels, way.labels_out / labels_file(case.case_id))
        with writing(way.labels_out):
            write_atomically(way.labels_out / _preview_of(case.case_id), preview(image, labels))
    if not labels.present():
        raise InputError(NOTHING_FOUND)
    return labels


def _from_baseline(way: _Way, visits: VisitsConfig, case: Case, image: Volume) -> tuple[Registered, LabelMap]:
    """Return the registration of a follow-up to its unit's baseline, and the mask that it carries over."""
    found, mask = _registered_to(way, visits, case, image)
    labels = resample_labels(mask, image.grid, found.transform, visits.registration.carried)
    if not labels.present():
        raise CaseError(
            case.case_id, f"nothing of the baseline's mask falls into image {image.name}; look at both images"
        )
    return found, labels


def _registered_to(way: _Way, visits: VisitsConfig, case: Case, image: Volume) -> tuple[Registered, LabelMap]:
    """Return the registration of a follow-up to its unit's baseline, and the mask of that."""
    if case.unit not in way.baseline:
        raise CaseError(
            case.case_id, f"its unit has no visit {visits.baseline!r} that could be used, {visits.whose}; add it"
        )
    first, mask = way.baseline[case.unit]
    return register(image, first, visits.registration, case.case_id, mask), mask


def _deep(
    way: _Way, case: Case, who: About, image: Volume, labels: LabelMap, measured: Mapping[str, Volume]
) -> dict[str, float | None]:
    """Return the deep features of one case."""
    recipe = way.recipe
    assert recipe.deep is not None
    opened, first = segmenter(way.folder / NETWORK), recipe.sequences[0]
    wanted, mirrored = deep_recipe(way.regions, recipe.deep, first), is_mirrored(recipe.deep, way.unit, case.unit)
    named = {first, *images_named(wanted.regions)}
    made_with = {name: values for name, values in measured.items() if name in named}
    return deep_features(first, image, labels, opened, wanted, who, mirrored=mirrored, others=made_with)


def _grid_of(images: Mapping[str, Volume], name: str) -> Grid | None:
    return images[name].grid if name in images else None


def _labels(
    backend: Backend | None, network: Path, image: Volume, case: Case, side: str | None, runtime: str
) -> LabelMap:
    if isinstance(backend, Untrained):
        return backend.draw(image, Given(case.case_id, case.landmarks, case.readers, side, network))
    return backend.segment(network, image) if backend else segmenter(network, runtime)(image)


def _registered(
    recipe: ImageRecipe, images: Mapping[str, Volume], labels: LabelMap, case: str
) -> dict[str, Registered]:
    """Return sequence -> registration of those that masks are carried to, as the study's stage finds it."""
    found = {}
    for name, image in images.items():
        if recipe.reach(name) == "register":
            settings = recipe.by_sequence[name].registration
            if settings.by is not None and settings.by not in images:
                raise CaseError(case, f"{name!r} is registered by image {settings.by!r}, which the case lacks; add it")
            fixed = image if settings.by is None else images[settings.by]
            found[name] = register(fixed, images[recipe.home], settings, case, labels)
    return found


def listed_masks(masks: Mapping[str, ReviewedMask]) -> pd.DataFrame:
    """Return the list of predicted masks, the most suspicious first; its files are those that lie beside it."""
    return review_list(masks, {case: (labels_file(case), _preview_of(case)) for case in masks})


def labels_file(case: str) -> str:
    """Return the name of a case's mask in the folder of labels."""
    return f"{safe_name(case)}.nii.gz"


def _preview_of(case: str) -> str:
    return f"{safe_name(case)}.png"
