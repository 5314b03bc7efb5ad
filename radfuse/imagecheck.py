"""Checks of every image header and mask of a study before any compute; images are not read where a header is enough."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from radfuse.cohort.case import Case
from radfuse.cohort.read import named_files
from radfuse.errors import CaseError, InputError, Problem
from radfuse.study import Study
from radfuse.volume.files import read_grid, read_labels
from radfuse.volume.grid import Grid
from radfuse.volume.image import require_grid
from radfuse.workers import each

_FEW = 16
"""Up to so many cases are read here: starting processes would take longer."""


@dataclass(frozen=True)
class CheckJob:
    """The files of one case; travels to a worker process.

    Attributes:
        row: of the cohort table.
        case: with its files, there or not.
        study: what they should be.
    """

    row: int
    case: Case
    study: Study

    def __str__(self) -> str:
        return self.case.case_id


def check_images(study: Study, progress: Callable[[str, int, int], None] = lambda *_: None) -> list[Problem]:
    """Return what is wrong with the images and masks of a study, by row; missing files are `read_cohort`'s to tell.

    Args:
        study: with regions.
        progress: told of every case.
    """
    jobs = [CheckJob(row, case, study) for row, case in named_files(study.cohort).items()]
    found: list[Problem] = []
    progress("checking images", 0, len(jobs))
    for done, (job, result) in enumerate(each(check_case, jobs, 1 if len(jobs) <= _FEW else None), start=1):
        if isinstance(result, CaseError):
            found.append(_problem(job, f"cannot be checked: {result.message}"))
        else:
            found += result
        progress("checking images", done, len(jobs))
    return sorted(found, key=lambda problem: (problem.row or 0, problem.column or ""))


def check_case(job: CheckJob) -> list[Problem]:
    """Return what is wrong with the files of one case; runs in a worker."""
    problems: list[Problem] = []
    grids: dict[str, tuple[Path, Grid]] = {}
    for sequence, path in job.case.images.items():
        if not path.exists():
            continue
        try:
            grids[sequence] = (path, read_grid(path))
        except InputError as error:
            problems.append(_problem(job, str(error), job.study.cohort.images[sequence]))
    if job.case.mask is not None:
        problems += _check_mask(job, job.case.mask, grids)
    else:
        problems += _check_without_mask(job, grids)
    return problems


def _check_mask(job: CheckJob, mask: Path, grids: Mapping[str, tuple[Path, Grid]]) -> list[Problem]:
    column, segmentation = job.study.cohort.mask, job.study.segmentation
    if not mask.exists():
        return []
    try:
        labels = read_labels(mask, segmentation.names if segmentation else None)
    except InputError as error:
        return [_problem(job, str(error), column)]
    problems = []
    for path, grid in () if job.study.resample_masks else grids.values():
        try:
            require_grid(grid, path.name, labels)
        except InputError as error:
            problems.append(_problem(job, str(error), column))
    return problems


def _check_without_mask(job: CheckJob, grids: Mapping[str, tuple[Path, Grid]]) -> list[Problem]:
    """A case without a mask needs a network; its mask then lies on the grid of the image that is segmented."""
    config, study = job.study.cohort, job.study
    if study.segmentation is not None and study.segmentation.backend == "manual":
        mend = "draw one, train a network on the others (segmentation.backend: unet), or list it under cohort.exclude"
        return [_problem(job, f"there is no mask; {mend}", config.mask)]
    segmented = getattr(study.segmentation, "sequence", None) or next(iter(config.images))
    if study.resample_masks or segmented not in grids:
        return []
    path, first = grids[segmented]
    return [
        _problem(
            job,
            f"image {other.name} lies on another grid than {path.name}, which is segmented:\n  {path.name} {first}\n  "
            f"{other.name} {grid}\nResample the image, or let the study bring masks over with `resample_masks: true`",
            config.images[sequence],
        )
        for sequence, (other, grid) in grids.items()
        if not grid.same_as(first)
    ]


def _problem(job: CheckJob, message: str, column: str | None = None) -> Problem:
    return Problem(job.study.cohort.table.name, f"case {job.case.case_id}: {message}", job.row, column)
