"""Stage `readers`: what readers say of the units beside what the families predicted out of fold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from radfuse.evaluation.config import Reader
from radfuse.results import ReaderResults
from radfuse.run.stage import Stage
from radfuse.stages import beside, fuse, prepare
from radfuse.stages.context import Context
from radfuse.stages.extract import write_section

PLACE = "models/readers.json"


@dataclass(frozen=True)
class ReadersJob:
    """All readers of a study.

    Attributes:
        design: where the units are stored.
        scores: where they are stored.
        comparison: where predictions are.
        readers: how scores are meant.
        families: in the order of the report.
        unit: columns that name a unit.
    """

    design: Path
    scores: Path
    comparison: Path
    readers: Mapping[str, Reader]
    families: tuple[str, ...]
    unit: tuple[str, ...]

    def __str__(self) -> str:
        return "the readers"


def jobs(context: Context) -> Iterator[ReadersJob]:
    """Yield the one comparison, where a study names readers."""
    study = context.study
    if study.evaluation.readers:
        yield ReadersJob(
            design=context.path(prepare.PLACE),
            scores=context.path(beside.PLACE) / beside.SCORES,
            comparison=context.path(fuse.PLACE),
            readers=study.evaluation.readers,
            families=tuple(fuse.whole_families(context)),
            unit=study.cohort.unit_columns,
        )


def work(job: ReadersJob) -> ReaderResults:
    """Return readers measured and compared."""
    from radfuse.outcomes.readers import compare_readers

    predictions = pd.read_parquet(job.comparison / "predictions.parquet")
    units = prepare.read_design(job.design).design.units
    positions = positions_in(units, predictions, job.unit)
    scores = pd.read_parquet(job.scores)
    return compare_readers(predictions.assign(position=positions), scores, job.readers, job.families)


def positions_in(units: pd.DataFrame, predictions: pd.DataFrame, unit: tuple[str, ...]) -> np.ndarray:
    """Return which of the units each prediction is of."""
    known = pd.MultiIndex.from_frame(units[list(unit)])
    return np.asarray(known.get_indexer(pd.MultiIndex.from_frame(predictions[list(unit)])))


STAGE = Stage(
    "readers", 2, jobs, work, write_section, lambda _: PLACE, what="comparing readers", needs=("beside", "fuse")
)
