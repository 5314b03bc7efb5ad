"""What headers tell of cases that will fail, for a study that is about to train: no voxel is read."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from radfuse.check.images import CheckJob, check_case, jobs_of
from radfuse.errors import InputError, Problem
from radfuse.run.workers import Crew
from radfuse.study import Study
from radfuse.volume.files import SUFFIXES, read_grid, suffix_of
from radfuse.volume.grid import same_voxels

_FEW = 16
"""Up to so many cases are read here: handing them over would take longer."""


def headers_ahead(
    study: Study, cases: Collection[str], crew: Crew, progress: Callable[[str, int, int], None] = lambda *_: None
) -> list[Problem]:
    """Return which cases will fail by what their headers say, as warnings: they fail alone, when it is their turn.

    Files whose header does not stand by itself, as those of a DICOM series, are left to whoever reads them.

    Args:
        study: with regions.
        cases: to look at.
        crew: that reads.
        progress: told of every case.
    """
    jobs = [_by_header(job) for job in jobs_of(study) if job.case.case_id in cases]
    found: list[Problem] = []
    progress("reading headers", 0, len(jobs))
    for done, (_, result) in enumerate(crew.each(look, jobs, "one" if len(jobs) <= _FEW else "cores"), start=1):
        if isinstance(result, list):
            found += result
        progress("reading headers", done, len(jobs))
    found.sort(key=lambda problem: (problem.row or 0, problem.column or ""))
    return [replace(problem, severity="warning") for problem in found]


def look(job: CheckJob) -> list[Problem]:
    """Return what is wrong with a case by its headers; runs in a worker."""
    bare = replace(job, case=replace(job.case, mask=None))
    found = [problem for problem in check_case(bare).problems if problem.severity == "error"]
    return found or _mask_elsewhere(job)


def _by_header(job: CheckJob) -> CheckJob:
    """Return what is to be looked at of a case: its images, and where the mask lies that they are measured by."""
    images = {name: path for name, path in job.case.images.items() if _has_header(path)}
    case = replace(job.case, images=images, second_mask=None, own_masks={}, readers={}, repeats={})
    return replace(
        job, case=case, own_columns={}, reader_columns={}, repeat_columns={}, in_suv=frozenset(), hounsfield=frozenset()
    )


def _has_header(path: Path) -> bool:
    return path.is_file() and suffix_of(path) in SUFFIXES


def _mask_elsewhere(job: CheckJob) -> list[Problem]:
    """Return whether a mask that is to lie on its image's grid lies on another; one that is unread is told later."""
    same = [name for name in job.case.images if job.reach[name] == "same_grid"]
    if job.case.mask is None or not same or not _has_header(job.case.mask):
        return []
    image = job.case.images[same[0]]
    try:
        here, there = read_grid(image, job.spacings_mm.get(same[0])), read_grid(job.case.mask)
    except InputError:
        return []
    if same_voxels(there, here):
        return []
    message = (
        f"case {job.case.case_id}: mask {job.case.mask.name} lies on another grid than image {image.name}:\n  image "
        f"{here}\n  mask  {there}\nResample the mask, or let the study do it with `resample_masks: true`"
    )
    return [Problem(job.table, message, job.row, job.mask_column)]
