"""Stage `review`: the list of all predicted masks, the most suspicious first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from radfuse.results import MaskFigures, ReviewedMask, SegmentedCase, TrainingRange
from radfuse.run.folder import safe_name
from radfuse.run.stage import Stage
from radfuse.stages import ranges, segment
from radfuse.stages.context import Context

PLACE = "labels/review.csv"


@dataclass(frozen=True)
class ReviewJob:
    """All masks.

    Attributes:
        cases: case -> what is known of its mask.
        folds: case -> the fold whose network made it.
        ranges: fold -> what the masks look like that its network learned from.
    """

    cases: Mapping[str, Path]
    folds: Mapping[str, str]
    ranges: Mapping[str, Path]

    def __str__(self) -> str:
        return "the review list"


def jobs(context: Context) -> Iterator[ReviewJob]:
    """Yield the one list of a study whose masks networks make."""
    cases = sorted(case.case_id for case in context.cases()) if context.segments else []
    if not cases:
        return
    home = segment.home_of(context)
    places = {case: context.path(segment.place_of(case)) / segment.FACTS for case in cases}
    folds = {case.case_id: home[case.patient] for case in context.cases()}
    usual = {fold: ranges.place_of(fold) for fold in sorted(set(folds.values()))}
    found = {fold: context.path(place) for fold, place in usual.items() if context.has(place)}
    yield ReviewJob(places, {case: folds[case] for case in cases}, found)


def work(job: ReviewJob) -> pd.DataFrame:
    """Return a row per case."""
    from radfuse.seg.review import review_list, reviewed_together

    usual = {fold: TrainingRange.model_validate_json(path.read_bytes()) for fold, path in job.ranges.items()}
    figures: dict[str, dict[str, MaskFigures]] = {}
    for case, path in job.cases.items():
        facts = SegmentedCase.model_validate_json(path.read_bytes())
        figures.setdefault(job.folds[case], {})[case] = facts.figures
    masks: dict[str, ReviewedMask] = {}
    for fold, made in figures.items():
        masks |= reviewed_together(made, usual.get(fold))
    files = {case: (f"{safe_name(case)}/{segment.MASK}", f"{safe_name(case)}/{segment.PREVIEW}") for case in masks}
    return review_list(masks, files)


def write(found: pd.DataFrame, path: Path) -> None:
    """Store the list."""
    found.to_csv(path, index=False)


def read(path: Path) -> pd.DataFrame:
    """Return the list as `write` stored it."""
    return pd.read_csv(path, dtype={"case": str, "flags": str}, keep_default_na=False)


STAGE = Stage(
    "review", 2, jobs, work, write, lambda _: PLACE, what="listing masks to look at", needs=("segment", "ranges")
)
