"""Stage `ranges`: beside each network, what manual masks look like: numbers of a crowd.

They are those that it learned from; of a network trained elsewhere, which does not tell, those of the study.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from radfuse.check.inputs import FoldPatients
from radfuse.results import SegmentedCase, TrainingRange
from radfuse.run.folder import safe_name
from radfuse.run.stage import Stage
from radfuse.stages import plan, segment
from radfuse.stages.context import ALL, Context
from radfuse.stages.extract import write_section


@dataclass(frozen=True)
class RangesJob:
    """One network.

    Attributes:
        fold: whose test patients it did not see.
        cases: what is known of those it learned from: their manual masks, and the ones that networks predicted.
    """

    fold: str
    cases: tuple[Path, ...]

    def __str__(self) -> str:
        return f"the manual masks beside the network of fold {self.fold}"


def place_of(fold: str) -> str:
    """Return where it lies, beside the network."""
    return f"models/segmentation/{safe_name(fold)}.masks.json"


def jobs(context: Context) -> Iterator[RangesJob]:
    """Yield each network of a study whose masks networks make, and that has manual ones."""
    if not context.segments:
        return
    drawn = [case for case in context.cases() if case.mask is not None]
    scans = context.inputs.cohort.scans
    drawn.sort(key=lambda case: scans[case.case_id])  # as in `train`: the order of the table says nothing
    for fold in plan.networks(context) if context.study.trains else (FoldPatients(ALL, frozenset()),):
        seen = [case.case_id for case in drawn if case.patient not in fold.test]
        if seen:
            places = tuple(context.path(segment.place_of(case)) / segment.FACTS for case in seen)
            yield RangesJob(fold.name, places)


def work(job: RangesJob) -> TrainingRange:
    """Return what does not surprise of a mask by this network."""
    from radfuse.seg.review import training_range

    cases = [SegmentedCase.model_validate_json(path.read_bytes()) for path in job.cases]
    return training_range([case.manual for case in cases if case.manual], [case.figures for case in cases])


STAGE = Stage(
    "ranges",
    2,
    jobs,
    work,
    write_section,
    lambda job: place_of(job.fold),
    what="gathering manual masks",
    needs=("segment",),
)
