"""Stage `by_fold`: features that depend on what the training cases of a fold taught, of every case in every fold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from radfuse.learned import learns
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
    for fold in context.folds:
        for case in context.cases():
            plain = extract.job_of(context, case, *context.mask(case), fold.name)
            yield FoldJob(**vars(plain), fold=fold.name)


STAGE = Stage(
    "by_fold",
    1,
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
