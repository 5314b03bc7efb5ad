"""Stage `segment`: the mask of every case, by the network of the fold that tests it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from radfuse import machine
from radfuse.results import SegmentedCase
from radfuse.run.folder import safe_name
from radfuse.run.stage import Stage
from radfuse.seg.backend import Backend
from radfuse.stages.context import ALL, Context
from radfuse.stages.plan import home_folds
from radfuse.stages.train import network_of

if TYPE_CHECKING:
    from radfuse.volume.image import LabelMap


@dataclass(frozen=True)
class SegmentJob:
    """One image to segment.

    Attributes:
        case: its id.
        images: that the network reads; the labels lie on the first.
        mask: drawn by hand, where there is one, for the agreement.
        fold: that tests the case; "all" where the network was trained elsewhere.
        network: of that fold.
        backend: that made it.
        runtime: that runs it here, where the backend has several; results differ in single voxels.
    """

    case: str
    images: tuple[Path, ...]
    mask: Path | None
    fold: str
    network: Path
    backend: Backend
    runtime: str

    def __str__(self) -> str:
        return self.case


def place_of(case: str) -> str:
    """Return where a case's segmentation lies."""
    return f"labels/{safe_name(case)}"


def jobs(context: Context) -> Iterator[SegmentJob]:
    """Yield every case of a study whose masks networks make."""
    if not context.segments:
        return
    backend = context.backend
    everyone = {case.patient: ALL for case in context.all_cases}
    home = home_folds(context) if context.trains else everyone
    runtime = context.segmentation.runtime_here()
    for case in sorted(context.cases(), key=lambda case: home[case.patient]):  # a worker keeps few networks open
        fold = home[case.patient]
        network = context.path(network_of(fold))
        yield SegmentJob(case.case_id, context.images(case), case.mask, fold, network, backend, runtime)


def work(job: SegmentJob) -> tuple[LabelMap, SegmentedCase]:
    """Return the labels of an image and how they agree with the manual mask.

    Raises:
        InputError: image or manual mask cannot be used.
    """
    from radfuse.seg.metrics import agreement_per_label
    from radfuse.volume.files import read_labels
    from radfuse.volume.resample import resample_labels
    from radfuse.volume.stack import read_stacked

    image = read_stacked(job.images)
    with nullcontext() if job.backend.takes_turns else machine.NETWORK_TURN:
        found = job.backend.segment(job.network, image)
    agreement = {}
    if job.mask is not None:
        truth = resample_labels(read_labels(job.mask, job.backend.names), found.grid)
        agreement = agreement_per_label(truth, found, job.backend.labels)
    return found, SegmentedCase(source=job.backend.source, network=job.fold, agreement=agreement)


def write(segmented: tuple[LabelMap, SegmentedCase], path: Path) -> None:
    """Store the labels as NRRD, which keeps the geometry, and what is known of them."""
    from radfuse.volume.files import write_image

    labels, facts = segmented
    path.mkdir()
    write_image(labels, path / "labels.nrrd")
    (path / "segmented.json").write_text(facts.model_dump_json(indent=1), encoding="utf-8")


STAGE = Stage(
    "segment",
    7,
    jobs,
    work,
    write,
    lambda job: place_of(job.case),
    what="segmenting",
    needs=("train",),
    fails="drops",
    crew="network",
)
