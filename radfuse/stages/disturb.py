"""Stage `disturb`: features of each case's disturbed copies, and of the masks of its readers."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path

import numpy as np

from radfuse.config import Section
from radfuse.errors import CaseError, InputError
from radfuse.learned import learns
from radfuse.morphometry.config import MeasureConfig
from radfuse.morphometry.measure import Subject
from radfuse.morphometry.take import take
from radfuse.radiomics.config import RadiomicsConfig
from radfuse.radiomics.stability_config import StabilityConfig
from radfuse.recipe import About, CaseFiles, MaskedImage, RegionRecipe, measures_on, scene_of, whole_regions
from radfuse.regions.make import make_regions
from radfuse.results import MaskAgreement
from radfuse.run.digests import UNSAID
from radfuse.run.folder import safe_name
from radfuse.run.stage import Stage
from radfuse.stages.context import Context
from radfuse.stages.extract import compile_kernels, write_section
from radfuse.volume.grid import Grid

Row = Mapping[str, float | None]
""""sequence/region/feature" -> value, None where there is none."""


class ReaderPair(Section):
    """How two masks of a case agree.

    Attributes:
        reader: whose mask is the reference.
        other: who drew the mask that is held against it; the same reader where it was drawn once more.
        labels: label -> agreement.
    """

    reader: str
    other: str
    labels: Mapping[str, MaskAgreement]


class StableCase(Section):
    """Features of a case and its copies, and of its readers' masks.

    Attributes:
        copies: features of the case as it is, then of each copy.
        readers: reader -> features by their mask; empty where nobody is compared.
        repeats: the same by the masks that they drew once more.
        agreement: of each two readers, and of each reader with their own repeat.
    """

    copies: tuple[Row, ...]
    readers: Mapping[str, Row] = {}
    repeats: Mapping[str, Row] = {}
    agreement: tuple[ReaderPair, ...] = ()


def rows_again(cases: Mapping[str, StableCase]) -> dict[str, list[dict[str, Row]]]:
    """Return "copies", "readers" and "repeats:READER", what there is of them -> case -> features, once for each time.

    A case stands in the rows of those readers who drew it.
    """
    count = len(next(iter(cases.values())).copies) if cases else 0
    found = {"copies": [{case: own.copies[i] for case, own in cases.items()} for i in range(count)]}
    readers = dict.fromkeys(reader for own in cases.values() for reader in own.readers)
    found["readers"] = [{c: own.readers[name] for c, own in cases.items() if name in own.readers} for name in readers]
    for name in dict.fromkeys(reader for own in cases.values() for reader in own.repeats):
        both = {case: own for case, own in cases.items() if name in own.repeats and name in own.readers}
        parts = ("readers", "repeats")
        found[f"repeats:{name}"] = [{case: getattr(own, part)[name] for case, own in both.items()} for part in parts]
    return {source: rows for source, rows in found.items() if len(rows) > 1 and all(rows)}


@dataclass(frozen=True)
class DisturbJob:
    """One case.

    Attributes:
        about: the case.
        files: its images and masks.
        readers: reader -> mask they drew, of those who are compared.
        repeats: reader -> mask they drew once more.
        recipe: of the regions.
        radiomics: sequence -> how features are computed.
        stability: how copies are made.
        seed: of the study.
        morphometry: what is measured of shapes.
        tolerances_mm: label -> tolerance of the surface Dice between readers; those that are not usual.
    """

    about: About
    files: CaseFiles
    readers: Mapping[str, Path]
    repeats: Mapping[str, Path]
    recipe: RegionRecipe
    radiomics: Mapping[str, RadiomicsConfig]
    stability: StabilityConfig
    seed: int
    morphometry: tuple[MeasureConfig, ...] = field(default=(), metadata=UNSAID)
    tolerances_mm: Mapping[str, float] = field(default_factory=dict, metadata=UNSAID)

    def __str__(self) -> str:
        return self.about.case


def place_of(case: str) -> str:
    """Return where a case's copies lie."""
    return f"features/stability/{safe_name(case)}.json"


def jobs(context: Context) -> Iterator[DisturbJob]:
    """Yield every case, with its manual mask where there is one, and those of its readers."""
    study, recipe = context.study, whole_regions(context.recipe())
    for case in context.cases():
        manual = case.mask is not None and case.case_id not in context.baselines
        mask, source = (case.mask, "manual") if manual else context.mask(case)
        readers, files = case.drawn(study.cohort), context.files(case, mask, source)
        near = {name: mm for name, mm in context.segmentation.tolerances_mm.items() if mm != 1} if readers else {}
        settings = (recipe, context.radiomics(), study.stability, study.seed, study.morphometry, near)
        yield DisturbJob(context.about(case), files, readers, case.repeats, *settings)


def work(job: DisturbJob) -> StableCase:
    """Return the features of a case's copies, and of its readers' masks, and how those agree.

    Raises:
        InputError: a file cannot be used, or lies on another grid; says whose mask it is.
        CaseError: a region cannot be made or measured.
    """
    from radfuse.radiomics.stability import perturbed_features
    from radfuse.recipe import read_masked, regions_on

    images = read_masked(job.files, job.recipe)
    copies: list[dict[str, float | None]] = [{} for _ in range(job.stability.copies + 1)]
    for number, (sequence, at) in enumerate(images.items()):
        regions = regions_on(sequence, images, job.recipe, job.about)
        seed = (job.seed, zlib.crc32(job.about.case.encode()), number)
        made = perturbed_features(at.image, regions, job.radiomics[sequence], job.stability, seed)
        shapes = _shapes(job, sequence, images, seed)
        for into, row, shape in zip(copies, made, shapes, strict=True):
            into |= {**_stored(sequence, row), **shape}
    drawn = [
        {name: _by(job, (name, path), images, copies[0]) for name, path in masks.items()}
        for masks in (job.readers, job.repeats)
    ]
    return StableCase(copies=tuple(copies), readers=drawn[0], repeats=drawn[1], agreement=_agreement(job))


def _shapes(job: DisturbJob, sequence: str, images: Mapping[str, MaskedImage], seed: tuple[int, ...]) -> list[Row]:
    """Return what is measured of the shapes of a case as it is, and of each copy; nothing of one that lost a region."""
    from radfuse.radiomics.stability import perturbed_labels

    at, measures = images[sequence], measures_on(sequence, job.recipe, job.morphometry)
    rows = [_taken(job, sequence, images, measures)]
    for number in range(job.stability.copies):
        row: Row = {}
        if measures:
            generator = np.random.default_rng((*seed, number, 1))
            image, labels = perturbed_labels(at.image, at.mask, job.stability, generator)
            copy = replace(at, image=image, mask=labels)
            with suppress(CaseError):
                row = _taken(job, sequence, {**images, sequence: copy}, measures)
        rows.append(row)
    return rows


def _taken(job: DisturbJob, sequence: str, images: Mapping[str, MaskedImage], measures: Sequence[MeasureConfig]) -> Row:
    """Return what is measured of shapes on one image.

    Raises:
        CaseError: a region that is measured cannot be made.
    """
    if not measures:
        return {}
    wanted = {name for measure in measures for name in measure.regions}
    scene = scene_of(sequence, images, job.recipe, job.about)
    named = [region for region in job.recipe.regions if region.name in wanted]
    regions = make_regions(scene, named, job.recipe.sequences[sequence].min_voxels)
    subject = Subject(scene, {region.name: region for region in regions}, images[sequence].image)
    return _stored(sequence, take(subject, measures).values)


def _agreement(job: DisturbJob) -> tuple[ReaderPair, ...]:
    """Return how the masks of each two readers agree, and those of each reader with their own repeat."""
    from radfuse.recipe import read_mask
    from radfuse.seg.metrics import agreement_per_label
    from radfuse.volume.resample import resample_labels

    like = _drawn_on(job) if job.readers or job.repeats else None
    first, again = (
        {name: read_mask(path, job.recipe.labels, "manual", like) for name, path in masks.items()}
        for masks in (job.readers, job.repeats)
    )
    pairs = [(one, other, first[one], first[other]) for one, other in combinations(first, 2)]
    pairs += [(name, name, first[name], again[name]) for name in again if name in first]
    found = []
    for reader, other, reference, mask in pairs:
        onto = resample_labels(mask, reference.grid)
        labels = agreement_per_label(reference, onto, job.recipe.labels, job.tolerances_mm)
        found.append(ReaderPair(reader=reader, other=other, labels=labels))
    return tuple(found)


def _drawn_on(job: DisturbJob) -> Grid:
    """Return where the voxels of the image lie that readers drew on, before it was put where a baseline lies."""
    from radfuse.volume.files import read_grid

    ways = job.recipe.sequences
    name = job.files.home or next(name for name in job.files.images if ways[name].masks == "same_grid")
    return read_grid(job.files.images[name], ways[name].spacing_mm)


def _by(job: DisturbJob, drawn: tuple[str, Path], images: Mapping[str, MaskedImage], measured: Row) -> Row:
    """Return the features of a case by a reader's mask, which says nothing of an image that has a mask of its own."""
    from radfuse.radiomics.measure import region_features
    from radfuse.recipe import read_masked, regions_on

    seen = {name: path for name, path in job.files.images.items() if name not in job.files.own}
    reader, mask = drawn
    if mask == job.files.mask:
        return {name: value for name, value in measured.items() if name.partition("/")[0] in seen}
    theirs = replace(job.files, images=seen, mask=mask, source="manual", own={})
    try:
        here = read_masked(theirs, job.recipe)
    except InputError as error:
        raise InputError(f"the mask of reader {reader!r} cannot be compared: {error}") from error
    found: dict[str, float | None] = {}
    for sequence, at in here.items():
        regions = regions_on(sequence, {**images, **here}, job.recipe, job.about)
        made = region_features(at.image, regions, job.radiomics[sequence])
        flat = {f"{region}/{name}": value for region, row in made.items() for name, value in row.items()}
        found |= _stored(sequence, flat)
        found |= _taken(job, sequence, {**images, **here}, measures_on(sequence, job.recipe, job.morphometry))
    return found


def _stored(sequence: str, row: Mapping[str, float]) -> dict[str, float | None]:
    return {f"{sequence}/{name}": value if np.isfinite(value) else None for name, value in row.items()}


def _spared(context: Context) -> tuple[str, ...]:
    """Return the stages whose results no copy of this study's images needs."""
    drawn = all(case.mask is not None for case in context.cases())
    return (*(("segment",) if drawn else ()), *(() if learns(context.study) else ("learn",)))


STAGE = Stage(
    "disturb",
    9,
    jobs,
    work,
    write_section,
    lambda job: place_of(str(job)),
    what="disturbing images",
    needs=("segment", "follow", "register", "learn"),
    spares=_spared,
    fails="drops",
    crew="cores",
    ready=compile_kernels,
)
