"""Stage `preprocess`: what networks train on, of every case with a manual mask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from radfuse.run.digests import UNSAID
from radfuse.run.folder import safe_name
from radfuse.run.stage import Stage
from radfuse.seg.backend import Preparation
from radfuse.stages import plan
from radfuse.stages.context import Context
from radfuse.volume.flat import Spacing


@dataclass(frozen=True)
class PreprocessJob:
    """One case to learn from.

    Attributes:
        case: its id.
        images: that the network reads; the mask lies on the first.
        mask: drawn by hand.
        labels: label name -> number.
        preparation: of the network's input.
        resample_masks: the mask may lie on another grid.
        spacings_mm: what the study says of the pixels of the images, where it says something.
    """

    case: str
    images: tuple[Path, ...]
    mask: Path
    labels: Mapping[str, int]
    preparation: Preparation
    resample_masks: bool
    spacings_mm: tuple[Spacing | None, ...] = field(default=(), metadata=UNSAID)

    def __str__(self) -> str:
        return self.case


def place_of(case: str) -> str:
    """Return where a case is kept for training."""
    return f"work/cases/{safe_name(case)}"


def jobs(context: Context) -> Iterator[PreprocessJob]:
    """Yield the cases with manual masks of a study that trains networks, those of other shards too."""
    if not context.study.trains:
        return
    preparation = context.backend.preparation(context.path(plan.PLACE).read_text(encoding="utf-8"))
    for case in context.all_cases:
        if case.mask is not None and case.case_id not in context.dropped:
            labels, resample = context.backend.labels, context.reach(context.network_sequences[0]) == "resample"
            settings = (labels, preparation, resample, context.spacings_mm)
            yield PreprocessJob(case.case_id, context.images(case), case.mask, *settings)


def work(job: PreprocessJob) -> Mapping[str, np.ndarray]:
    """Return the arrays of one case.

    Raises:
        InputError: image or mask cannot be used.
    """
    from radfuse.volume.files import read_labels
    from radfuse.volume.image import require_same_grid
    from radfuse.volume.stack import read_stacked

    volume = read_stacked(job.images, job.spacings_mm)
    labels = read_labels(job.mask, {number: name for name, number in job.labels.items()}, like=volume.grid)
    if not job.resample_masks:
        labels = require_same_grid(volume, labels)
    return job.preparation.prepare(volume, labels)


def write(arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """Store each array as NAME.npy, which training reads in parts."""
    path.mkdir()
    for name, array in arrays.items():
        np.save(path / f"{name}.npy", array)


STAGE = Stage(
    "preprocess",
    5,
    jobs,
    work,
    write,
    lambda job: place_of(job.case),
    what="preparing images",
    needs=("plan",),
    fails="drops",
    crew="cores",
)
