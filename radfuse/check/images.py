"""Checks of every image header and mask of a study before any compute; images are not read where a header is enough."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from radfuse.check.alike import remarks_on_bands, remarks_on_channels, remarks_on_grids, remarks_on_scales
from radfuse.check.inputs import FoldPatients
from radfuse.check.labels import never_drawn, only_tested
from radfuse.cohort.case import Case
from radfuse.cohort.read import named_files
from radfuse.config import kind_of
from radfuse.errors import CaseError, InputError, Problem, listed
from radfuse.regions.label import LabelRegion
from radfuse.regions.named import places_of
from radfuse.run.workers import Crew
from radfuse.seg.backend import Backend, OnnxNetworks
from radfuse.seg.config import Segmentation
from radfuse.seg.unet.backend import UnetSegmentation
from radfuse.sequences import Reach, falls_beside, radiomics_of, reach_of
from radfuse.study import Study
from radfuse.volume.dicom_masks import drawn_elsewhere
from radfuse.volume.doubts import doubt_of_ct, doubts_of
from radfuse.volume.files import read_grid, read_labels, read_volume
from radfuse.volume.flat import Spacing
from radfuse.volume.grid import Grid, same_voxels
from radfuse.volume.image import LabelMap, require_grid
from radfuse.volume.resample import lost_beyond, share_beyond
from radfuse.volume.stack import require_overlap
from radfuse.volume.suv import suv_factor

_RAGGED = ("ring", "interface", "threshold", "fat", "habitats")
"""Kinds of regions whose voxels often touch by edges and corners alone."""
_FEW = 16
"""Up to so many cases are read here: starting processes would take longer. Of as many the voxels of CT are read."""


@dataclass(frozen=True)
class CheckJob:
    """The files of one case; travels to a worker process.

    Attributes:
        row: of the cohort table.
        case: with its files, there or not.
        table: name of the cohort table.
        columns: sequence -> column of the table.
        mask_column: of the masks.
        own_columns: sequence -> column of masks of its own.
        reader_columns: reader -> column, of those who are compared.
        repeat_columns: reader -> column of what they drew once more.
        segmentation: what labels there are, and who makes masks.
        reach: sequence -> how masks reach it.
        spacings_mm: sequence -> what the study says of its pixels.
        follow_up: why the case cannot be measured by the mask of its unit's baseline, "" where it can; None: it is
            measured by its own.
        in_suv: sequences that are turned into SUV, whose headers must tell of the dose.
        registered: sequence -> image that the segmented one is registered to, from where the headers place them.
        needed: region -> the label that it is, by number.
        hounsfield: sequences that a network takes for CT, whose voxels are looked at in this case.
    """

    row: int
    case: Case
    table: str
    columns: Mapping[str, str]
    mask_column: str | None
    own_columns: Mapping[str, str]
    reader_columns: Mapping[str, str]
    repeat_columns: Mapping[str, str]
    segmentation: Segmentation
    reach: Mapping[str, Reach]
    spacings_mm: Mapping[str, Spacing | None]
    follow_up: str | None
    in_suv: frozenset[str] = frozenset()
    registered: Mapping[str, str] = field(default_factory=dict)
    needed: Mapping[str, int] = field(default_factory=dict)
    hounsfield: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return self.case.case_id


@dataclass(frozen=True)
class Looked:
    """What was seen of a case.

    Attributes:
        problems: what is wrong with its files.
        grids: sequence -> where its voxels lie.
        labels: that occur in its mask; None where it has none that can be read.
    """

    problems: list[Problem]
    grids: Mapping[str, Grid]
    labels: frozenset[int] | None


def check_images(
    study: Study,
    progress: Callable[[str, int, int], None] = lambda *_: None,
    folds: Sequence[FoldPatients] = (),
) -> list[Problem]:
    """Return what is wrong with the images and masks of a study, by row, and what is remarkable of them all.

    Missing files are `read_cohort`'s to tell.

    Args:
        study: with regions.
        progress: told of every case.
        folds: whose networks learn from the masks of patients that they do not test.
    """
    config, backend, jobs = study.cohort, study.segmentation, jobs_of(study)
    assert backend is not None
    found: list[Problem] = []
    grids: dict[str, dict[str, Grid]] = {name: {} for name in config.images}
    held: list[tuple[Case, frozenset[int]]] = []
    progress("checking images", 0, len(jobs))
    with Crew(1 if len(jobs) <= _FEW else None) as crew:
        for done, (job, result) in enumerate(crew.each(check_case, jobs), start=1):
            if isinstance(result, CaseError):
                found.append(_problem(job, f"cannot be checked: {result.message}"))
            else:
                found += result.problems
                held += [] if result.labels is None else [(job.case, result.labels)]
                for sequence, grid in result.grids.items():
                    grids[sequence][job.case.case_id] = grid
            progress("checking images", done, len(jobs))
    found.sort(key=lambda problem: (problem.row or 0, problem.column or ""))
    ragged = any(getattr(region, "kind", "") in _RAGGED for region in study.regions)
    measured = radiomics_of(config.images, study.sequences, study.radiomics)
    found += [*remarks_on_grids(measured, grids, ragged=ragged), *remarks_on_scales(measured, study.sequences)]
    found += remarks_on_bands(study.regions, grids)
    if backend.source != "manual":
        found += remarks_on_channels({name: grids[name] for name in backend.sequences})
    if study.trains and isinstance(backend, OnnxNetworks):
        first = (*backend.sequences, *config.images)[0]
        drawn = {job.case.case_id for job in jobs if job.case.mask is not None}
        found += _of_plan(study, [grid for case, grid in grids[first].items() if case in drawn])
    found += never_drawn(study, backend, [labels for _, labels in held], set(_parts_of(study).values()))
    return found + only_tested(backend, held, folds)


def _of_plan(study: Study, drawn: Sequence[Grid]) -> list[Problem]:
    """Return why networks cannot be planned, or trained as they are planned, from images that have masks."""
    try:
        cast("OnnxNetworks", study.segmentation).check_here()
    except InputError:
        return []  # `read_inputs` tells of it
    try:
        if drawn:
            cast("Backend", study.segmentation).plan(drawn)
    except InputError as error:
        return [Problem("segmentation", str(error))]
    return []


def jobs_of(study: Study) -> list[CheckJob]:
    """Return what is to be looked at of each case of a study with regions, in order of the table's rows."""
    config, backend = study.cohort, study.segmentation
    assert backend is not None
    reach = {
        name: reach_of(name, study.sequences, config.masks, resample_masks=study.resample_masks)
        for name in config.images
    }
    said = {name: section.spacing_mm for name, section in study.sequences.items()}
    readers = {name: column for name, column in config.drawn.items() if column != config.mask}
    drawn = (config.mask, config.masks, readers, config.repeats)
    settings = (config.table.name, config.images, *drawn, backend, reach, said)
    cases, visits = named_files(config), study.visits
    baselines = visits.baselines(cases.values(), config) if visits is not None else {}
    told = dict.fromkeys(baselines, "")
    if visits is not None:
        known = {case.case_id: case for case in cases.values()}
        lone = [known[case] for case, baseline in baselines.items() if baseline is None]
        told |= {case.case_id: visits.lacking(case, config, cases.values()) for case in lone}
    if visits is not None and visits.masks == "own":
        told = {case: why for case, why in told.items() if why}
    in_suv = frozenset(name for name, section in study.sequences.items() if section.suv)
    on_mask = [name for name, how in reach.items() if how != "own"]
    whole = _parts_of(study)
    parts = {one.name: whole[one.name] for one in study.regions if one.name in whole and places_of(one, on_mask)}
    ways = {name: study.sequences[name].registration for name, how in reach.items() if how == "register"}
    met = {name: way.by or name for name, way in ways.items() if way.start == "header"}
    ct = _taken_for_ct(backend, config.images)
    return [
        CheckJob(row, case, *settings, told.get(case.case_id), in_suv, met, parts, ct if number < _FEW else frozenset())
        for number, (row, case) in enumerate(cases.items())
    ]


def _taken_for_ct(backend: Segmentation, images: Collection[str]) -> frozenset[str]:
    """Return the sequences that a network is told are CT; without `sequence` the only image, whatever it is called."""
    if not isinstance(backend, UnetSegmentation):
        return frozenset()
    ct = {name for name, kind in backend.intensities.items() if kind == "ct"}
    return frozenset(ct if backend.sequences or not ct else images)


def _parts_of(study: Study) -> dict[str, int]:
    """Return region -> the label that it is, by number."""
    assert study.segmentation is not None
    whole = {one.name: one.label for one in study.regions if isinstance(one, LabelRegion)}
    labels = study.segmentation.labels
    return {name: labels[label] if isinstance(label, str) else label for name, label in whole.items()}


def check_case(job: CheckJob) -> Looked:
    """Return what is seen of the files of one case; runs in a worker."""
    grids, problems = _grids(job)
    labels: set[int] = set()
    if job.case.mask is not None:
        problems += _check_mask(job, job.case.mask, grids, labels)
    elif job.follow_up is None:
        problems += _check_without_mask(job, grids)
    problems += [*_apart(job, grids), *_channels_apart(job, grids)]
    if job.follow_up:
        problems.append(_problem(job, job.follow_up))
    for sequence, column in job.own_columns.items():
        problems += _check_own_mask(job, sequence, column, grids)
    given = {"first": job.case.mask, "second": job.case.second_mask, **job.case.readers}
    for columns, masks in ((job.reader_columns, given), (job.repeat_columns, job.case.repeats)):
        for reader, column in columns.items():
            problems += _on_its_images(job, masks.get(reader), column, grids, f"reader {reader!r}: ")
    return Looked(problems, {name: grid for name, (_, grid) in grids.items()}, frozenset(labels) or None)


def _grids(job: CheckJob) -> tuple[dict[str, tuple[Path, Grid]], list[Problem]]:
    """Return sequence -> image and where its voxels lie, by its header, and what is wrong with headers."""
    grids: dict[str, tuple[Path, Grid]] = {}
    problems: list[Problem] = []
    for sequence, path in job.case.images.items():
        if not _is_there(path):
            continue
        try:
            grids[sequence] = (path, read_grid(path, job.spacings_mm.get(sequence)))
            doubts = doubts_of(*grids[sequence])
            if sequence in job.hounsfield:
                doubts += filter(None, [doubt_of_ct(read_volume(path, job.spacings_mm.get(sequence)))])
            told = [_problem(job, f"{path.name}: {doubt}", job.columns[sequence]) for doubt in doubts]
            problems += [replace(one, severity="warning") for one in told]
            if sequence in job.in_suv:
                suv_factor(path)
        except InputError as error:
            problems.append(_problem(job, str(error), job.columns[sequence]))
    return grids, problems


def _apart(job: CheckJob, grids: Mapping[str, tuple[Path, Grid]]) -> list[Problem]:
    """Return which images are to be registered from where their headers place them, and share no point there."""
    if (segmented := _segmented(job)) not in grids:
        return []
    moving, home = grids[segmented]
    found = {(name, *grids[by]) for name, by in job.registered.items() if name in job.case.images and by in grids}
    return [
        _problem(
            job,
            f"image {fixed.name} and image {moving.name} do not overlap as their headers place them:\n  {fixed.name} "
            f"{grid}\n  {moving.name} {home}\nSet sequences.{name}.registration: {{start: centres}} where they count "
            "from different places, or correct the header that is wrong",
            job.columns[name],
        )
        for name, fixed, grid in sorted(found, key=str)
        if grid.beside(home)
    ]


def _channels_apart(job: CheckJob, grids: Mapping[str, tuple[Path, Grid]]) -> list[Problem]:
    """Return which images that a network reads as channels share no point, as headers place them."""
    first, *others = job.segmentation.sequences or ("",)
    problems: list[Problem] = []
    if job.segmentation.source == "manual":
        return problems
    for name in [name for name in others if {first, name} <= set(grids)]:
        (one, here), (other, there) = grids[first], grids[name]
        try:
            require_overlap(one.name, here, other.name, there)
        except InputError as error:
            problems.append(_problem(job, str(error), job.columns[name]))
    return problems


def _check_own_mask(job: CheckJob, sequence: str, column: str, grids: Mapping[str, tuple[Path, Grid]]) -> list[Problem]:
    """Return what is wrong with the mask that was drawn on one of the images."""
    mask, needed = job.case.own_masks.get(sequence), job.reach[sequence] == "own" and sequence in job.case.images
    if mask is None:
        mend = f"draw it, or set sequences.{sequence}.masks: register"
        return [_problem(job, f"there is no mask on {sequence!r}; {mend}", column)] if needed else []
    if not _is_there(mask):
        return []
    try:
        path, grid = grids.get(sequence, (None, None))
        labels = read_labels(mask, job.segmentation.names, like=grid)
        if path is not None and grid is not None:
            require_grid(grid, path.name, labels)
    except InputError as error:
        return [_problem(job, str(error), column)]
    return []


def _check_mask(job: CheckJob, mask: Path, grids: Mapping[str, tuple[Path, Grid]], labels: set[int]) -> list[Problem]:
    """Return what is wrong with the mask that a case is measured by; the labels that it holds go to `labels`."""
    problems = _on_its_images(job, mask, job.mask_column, grids, labels=labels)
    if any(problem.severity == "error" for problem in problems):
        return problems
    if not labels or job.segmentation.source != "manual" or job.follow_up is not None:
        return problems
    names = job.segmentation.names
    held = listed(names[one] for one in sorted(labels))
    return problems + [
        _problem(
            job,
            f"region {region!r} would be empty: mask {mask.name} holds {held} and no {names[number]} ({number}); draw "
            "it, or list the case under cohort.exclude",
            job.mask_column,
        )
        for region, number in job.needed.items()
        if number not in labels
    ]


def _on_its_images(
    job: CheckJob,
    mask: Path | None,
    column: str | None,
    grids: Mapping[str, tuple[Path, Grid]],
    whose: str = "",
    labels: set[int] | None = None,
) -> list[Problem]:
    """Return what is wrong with a mask: by itself, and beside the grids of its images; `labels` get those it holds."""
    if mask is None or not _is_there(mask):
        return []
    try:
        same = [found for sequence, found in grids.items() if job.reach[sequence] == "same_grid"]
        home = same[0] if same else grids.get(_segmented(job))
        found = read_labels(mask, job.segmentation.names, like=home and home[1])
    except InputError as error:
        return [_problem(job, f"{whose}{error}", column)]
    if labels is not None:
        labels.update(found.present())
    problems = []
    if len(same) and min(found.grid.shape) > 1 and found.array.all():
        text = f"{whose}mask {mask.name} covers all of its image, background included; look whether it is inverted"
        problems.append(replace(_problem(job, text, column), severity="warning"))
    for path, grid in same:
        try:
            require_grid(grid, path.name, found)
        except InputError as error:
            problems.append(_problem(job, f"{whose}{error}", column))
        if doubt := drawn_elsewhere(mask, path):
            text = f"{whose}mask {mask.name} {doubt}"
            problems.append(replace(_problem(job, text, column), severity="warning"))
    return problems + (_beyond(job, found, grids, column) if labels is not None else [])


def _beyond(job: CheckJob, mask: LabelMap, grids: Mapping[str, tuple[Path, Grid]], column: str | None) -> list[Problem]:
    """Return which images show nothing, or not all, of a mask that is brought onto them as headers place both."""
    problems = []
    for sequence, (path, grid) in grids.items():
        if job.reach[sequence] != "resample" or not (lost := lost_beyond(mask, grid)):
            continue
        nothing = share_beyond(mask, grid) == 1
        told = _problem(job, falls_beside(sequence, path.name, grid, mask) if nothing else lost, column)
        problems.append(told if nothing else replace(told, severity="warning"))
    return problems


def _check_without_mask(job: CheckJob, grids: Mapping[str, tuple[Path, Grid]]) -> list[Problem]:
    """A case without a mask needs a network; its mask then lies on the grid of the image that is segmented."""
    if job.segmentation.source == "manual":
        mend = "draw one, train a network on the others (segmentation.backend: unet), or list it under cohort.exclude"
        return [_problem(job, f"there is no mask; {mend}", job.mask_column)]
    segmented = _segmented(job)
    if segmented not in grids:
        return []
    path, first = grids[segmented]
    return [
        _problem(
            job,
            f"image {other.name} lies on another grid than {path.name}, which is segmented:\n  {path.name} {first}\n  "
            f"{other.name} {grid}\nResample the image, or let the study bring masks over with `resample_masks: true`",
            job.columns[sequence],
        )
        for sequence, (other, grid) in grids.items()
        if job.reach[sequence] == "same_grid" and not same_voxels(grid, first)
    ]


def _segmented(job: CheckJob) -> str:
    """Return the sequence that masks are drawn or made on."""
    return (job.segmentation.sequences or tuple(job.columns))[0]


def _is_there(path: Path) -> bool:
    """Return whether there is something to read; why not is `read_cohort`'s to tell."""
    try:
        return kind_of(path) is not None
    except InputError:
        return False


def _problem(job: CheckJob, message: str, column: str | None = None) -> Problem:
    return Problem(job.table, f"case {job.case.case_id}: {message}", job.row, column)
