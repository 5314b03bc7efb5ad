"""Stage `plan`: what all networks of a study share, from the headers of the images they will learn from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from radfuse.errors import InputError
from radfuse.run.digests import UNSAID
from radfuse.run.stage import Stage
from radfuse.seg.backend import Backend
from radfuse.stages.context import ALL, Context
from radfuse.volume.flat import Spacing

PLACE = "work/plan.json"


@dataclass(frozen=True)
class PlanJob:
    """The images with manual masks, by case, and what the study says of their pixels."""

    backend: Backend
    images: Mapping[str, Path]
    spacings_mm: tuple[Spacing | None, ...] = field(default=(), metadata=UNSAID)

    def __str__(self) -> str:
        return "the plan of the networks"


def home_folds(context: Context) -> dict[str, str]:
    """Return patient -> the fold that tests it, whose network segments its cases.

    Raises:
        InputError: the split does not test every patient.
    """
    if any(fold.name == ALL for fold in context.folds):
        raise InputError(f"a fold may not be called {ALL!r}, as is the network of all masks; rename it in cohort.split")
    home = {patient: fold.name for fold in context.folds for patient in fold.test}
    lost = [case.case_id for case in context.all_cases if case.patient not in home]
    if lost:
        raise InputError(
            f"segmentation needs a split that tests every patient once; {len(lost)} cases are in no test fold. "
            "Use cohort.split: {kind: grouped}, or bring masks: segmentation: {backend: manual}"
        )
    return home


def jobs(context: Context) -> Iterator[PlanJob]:
    """Yield the one plan of a study that trains networks.

    Raises:
        InputError: the split does not test every patient.
    """
    if context.trains:
        home_folds(context)
        drawn = [case for case in context.all_cases if case.mask is not None]
        yield PlanJob(context.backend, {case.case_id: context.image(case) for case in drawn}, context.spacings_mm[:1])


def work(job: PlanJob) -> str:
    """Return the plan as JSON; images without a readable header are left to `preprocess` to name.

    Raises:
        InputError: there is no image to learn from.
    """
    from radfuse.volume.files import read_grid

    grids = []
    for path in job.images.values():
        try:
            grids.append(read_grid(path, *job.spacings_mm))
        except InputError:
            continue
    if not grids:
        raise InputError("no case has a manual mask that can be used; a network needs some to learn from")
    return job.backend.plan(grids)


def write(plan: str, path: Path) -> None:
    """Store the plan."""
    path.write_text(plan, encoding="utf-8")


STAGE = Stage("plan", 2, jobs, work, write, lambda _: PLACE, what="planning the networks")
