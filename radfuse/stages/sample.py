"""Stage `sample`: what each case can teach about its images, where a study learns from those of training cases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from radfuse.learned import learns
from radfuse.recipe import About, CaseFiles, RegionRecipe
from radfuse.run.folder import safe_name
from radfuse.run.stage import Stage
from radfuse.stages.context import Context


@dataclass(frozen=True)
class SampleJob:
    """One case.

    Attributes:
        about: the case.
        files: its images and masks.
        recipe: of its regions, with the settings that are to be learned.
        seed: of the voxels that are drawn.
    """

    about: About
    files: CaseFiles
    recipe: RegionRecipe
    seed: int

    def __str__(self) -> str:
        return self.about.case


def place_of(case: str) -> str:
    """Return where a case's sample lies."""
    return f"features/sampled/{safe_name(case)}.npz"


def jobs(context: Context) -> Iterator[SampleJob]:
    """Yield every case of a study that learns, those of other shards too."""
    for case in context.all_cases if learns(context.study) else ():
        if case.case_id in context.dropped:
            continue
        files = context.files(case, *context.mask(case))
        yield SampleJob(context.about(case), files, context.recipe(None), context.study.seed)


def work(job: SampleJob) -> dict[str, np.ndarray]:
    """Return a case's sample.

    Raises:
        InputError: a file cannot be used.
        CaseError: there is too little to learn from.
    """
    from radfuse.learned import sampled

    return sampled(job.files, job.recipe, job.about, job.seed)


def write(sample: Mapping[str, np.ndarray], path: Path) -> None:
    """Store the arrays of a case by name, as numpy's .npz."""
    with path.open("wb") as file:
        np.savez(file, **dict(sample))  # type: ignore[arg-type]  # whose stub takes one for a setting


def read(path: Path) -> dict[str, np.ndarray]:
    """Return a sample as `write` stored it."""
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


STAGE = Stage(
    "sample",
    3,
    jobs,
    work,
    write,
    lambda job: place_of(str(job)),
    what="sampling images",
    needs=("segment", "register"),
    fails="drops",
    crew="cores",
)
