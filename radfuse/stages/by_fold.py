"""Stage `by_fold`: features that depend on what the training cases of a fold taught, of every case in every fold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from radfuse.learned import Depends, depends, learns
from radfuse.run.folder import safe_name
from radfuse.run.stage import Stage
from radfuse.stages import extract
from radfuse.stages.context import Context
from radfuse.stages.extract import ExtractJob


@dataclass(frozen=True)
class FoldJob(ExtractJob):
    """One case as a fold's training cases taught to measure it.

    Attributes:
        fold: its name.
    """

    fold: str


def place_of(fold: str, case: str) -> str:
    """Return where a case's features of a fold lie."""
    return f"features/by_fold/{safe_name(fold)}/{safe_name(case)}.json"


def jobs(context: Context) -> Iterator[FoldJob]:
    """Yield every case in every outer fold of a study that learns; what all cases taught is measured by `extract`."""
    if not learns(context.study):
        return
    changed = depends(context.study)
    for fold in context.folds:
        for case in context.cases():
            job = extract.job_of(context, case, *context.mask(case), fold.name)
            yield FoldJob(**vars(_what_changes(job, changed)), fold=fold.name)


def _what_changes(job: ExtractJob, changed: Depends) -> ExtractJob:
    """Return what is left to measure where only some images or regions are others in each fold."""
    if not changed.sequences:
        regions = tuple(region for region in job.recipe.regions if region.name in changed.regions)
        return replace(job, recipe=job.recipe.model_copy(update={"regions": regions}), morphometry=())
    if not changed.regions:
        return replace(job, radiomics={name: job.radiomics[name] for name in changed.sequences})
    return job


STAGE = Stage(
    "by_fold",
    5,
    jobs,
    extract.work,
    extract.write_section,
    lambda job: place_of(job.fold, str(job)),
    what="extracting features fold by fold",
    needs=("learn", "segment", "register"),
    fails="drops",
    crew="cores",
    ready=extract.compile_kernels,
)
