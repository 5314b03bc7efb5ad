"""Stage `segment`: the mask of every case, by a network that did not see its patient, its figures, and a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from radfuse import machine
from radfuse.results import SegmentedCase
from radfuse.run.digests import UNSAID
from radfuse.run.folder import safe_name
from radfuse.run.schedule import CrewName
from radfuse.run.stage import Stage
from radfuse.seg.backend import Backend
from radfuse.seg.unet.backend import UnetSegmentation
from radfuse.seg.untrained import Given, Untrained
from radfuse.stages.context import ALL, Context
from radfuse.stages.plan import home_folds
from radfuse.stages.train import network_of
from radfuse.volume.flat import Spacing

if TYPE_CHECKING:
    from radfuse.volume.image import LabelMap, Volume


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
        tolerances_mm: label -> tolerance of its surface Dice; empty where there is no mask to agree with.
        spacings_mm: what the study says of the pixels of the images, where it says something.
        partial: labels that the mask lacks were not annotated there, so that nothing can be said of their agreement.
    """

    case: str
    images: tuple[Path, ...]
    mask: Path | None
    fold: str
    network: Path
    backend: Backend
    runtime: str
    tolerances_mm: Mapping[str, float]
    spacings_mm: tuple[Spacing | None, ...] = field(default=(), metadata=UNSAID, kw_only=True)
    partial: bool = field(default=False, metadata=UNSAID, kw_only=True)

    def __str__(self) -> str:
        return self.case


@dataclass(frozen=True)
class DrawJob(SegmentJob):
    """One image that is segmented without a network.

    Attributes:
        given: what the table says of the case.
    """

    given: Given


class Segmented(NamedTuple):
    """What there is of one case.

    Attributes:
        labels: on the grid of its image.
        facts: what is known of them.
        preview: a picture, PNG.
    """

    labels: LabelMap
    facts: SegmentedCase
    preview: bytes


MASK, FACTS, PREVIEW = "labels.nrrd", "segmented.json", "preview.png"
"""Files of a case's segmentation."""


def place_of(case: str) -> str:
    """Return where a case's segmentation lies."""
    return f"labels/{safe_name(case)}"


def home_of(context: Context) -> dict[str, str]:
    """Return patient -> the fold whose network segments its cases; a network trained elsewhere does all."""
    return home_folds(context) if context.study.trains else {case.patient: ALL for case in context.all_cases}


def jobs(context: Context) -> Iterator[SegmentJob]:
    """Yield every case of a study whose masks networks make."""
    if not context.segments:
        return
    backend, home = context.backend, home_of(context)
    runtime = context.segmentation.runtime_here()
    unlabelled = isinstance(backend, UnetSegmentation) and backend.unlabelled
    for case in sorted(context.cases(), key=lambda case: home[case.patient]):  # a worker keeps few networks open
        fold = home[case.patient]
        network = context.path(network_of(fold))
        near = context.segmentation.tolerances_mm if case.mask is not None else {}
        settings = (case.case_id, context.images(case), case.mask, fold, network, backend, runtime, near)
        if isinstance(context.segmentation, Untrained):
            given = Given(case.case_id, case.landmarks, case.readers, context.about(case).side, network)
            yield DrawJob(*settings, given, spacings_mm=context.spacings_mm)
        else:
            yield SegmentJob(*settings, spacings_mm=context.spacings_mm, partial=unlabelled and case.mask is not None)


def work(job: SegmentJob) -> Segmented:
    """Return the labels of an image, their figures, and how they agree with the manual mask.

    Raises:
        InputError: image or manual mask cannot be used, or there is not enough memory.
    """
    from radfuse.report.preview import preview
    from radfuse.seg.memory import memory_told
    from radfuse.seg.metrics import agreement_per_label
    from radfuse.seg.quality import figures_of
    from radfuse.volume.files import read_labels
    from radfuse.volume.resample import resample_labels
    from radfuse.volume.stack import read_stacked

    with memory_told(job.images[0].name):
        image = read_stacked(job.images, job.spacings_mm)
        with nullcontext() if job.backend.takes_turns else machine.NETWORK_TURN:
            found = _labels(job, image)
        agreement, manual = {}, None
        if job.mask is not None:
            drawn = read_labels(job.mask, job.backend.names, like=image.grid)
            manual = figures_of(drawn, job.backend.labels)
            onto = resample_labels(drawn, found.grid)
            known = {name: n for name, n in job.backend.labels.items() if n in drawn.boxes or not job.partial}
            agreement = agreement_per_label(onto, found, known, job.tolerances_mm)
        facts = SegmentedCase(
            source=job.backend.source,
            network=job.fold,
            figures=figures_of(found, job.backend.labels),
            manual=manual,
            agreement=agreement,
        )
        return Segmented(found, facts, preview(image, found))


def _labels(job: SegmentJob, image: Volume) -> LabelMap:
    if isinstance(job, DrawJob):
        return cast("Untrained", job.backend).draw(image, job.given)
    return job.backend.segment(job.network, image)


def write(segmented: Segmented, path: Path) -> None:
    """Store the labels as NRRD, which keeps the geometry, what is known of them, and the picture."""
    from radfuse.volume.files import write_image

    path.mkdir()
    write_image(segmented.labels, path / MASK)
    (path / FACTS).write_text(segmented.facts.model_dump_json(indent=1), encoding="utf-8")
    (path / PREVIEW).write_bytes(segmented.preview)


def crew_of(jobs: Sequence[SegmentJob]) -> CrewName:
    """Return who segments: one process where the network runs on its GPU."""
    from radfuse.seg.runtimes.runtime import crew_on

    return crew_on(jobs[0].runtime) if jobs else "network"


STAGE = Stage(
    "segment",
    9,
    jobs,
    work,
    write,
    lambda job: place_of(job.case),
    what="segmenting",
    needs=("train",),
    fails="drops",
    crew=crew_of,
)
