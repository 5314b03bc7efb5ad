"""Stage `beside`: what the cohort table says of units that models never see: readers' scores, subgroups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from radfuse.cohort.beside import Beside, read_beside
from radfuse.cohort.config import CohortConfig
from radfuse.evaluation.config import EvaluationConfig
from radfuse.run.stage import Stage
from radfuse.stages import prepare
from radfuse.stages.context import Context

PLACE = "features/beside"
SCORES, GROUPS = "scores.parquet", "groups.parquet"


@dataclass(frozen=True)
class BesideJob:
    """The columns of one cohort table.

    Attributes:
        cohort: what the columns of the table mean, without images.
        evaluation: which columns are read.
        design: where the units are stored.
    """

    cohort: CohortConfig
    evaluation: EvaluationConfig
    design: Path

    def __str__(self) -> str:
        return "readers and subgroups"


def jobs(context: Context) -> Iterator[BesideJob]:
    """Yield the one table, where a study names readers or subgroups."""
    evaluation = context.study.evaluation
    if evaluation.readers or evaluation.subgroups:
        read = evaluation.model_copy(update={"optimism": 0, "permutations": 0, "learning_curve": None, "visits": ()})
        yield BesideJob(prepare.job_of(context.study).cohort, read, context.path(prepare.PLACE))


def work(job: BesideJob) -> Beside:
    """Return scores and groups, rows as the design's units.

    Raises:
        InputError: a column is not there, or says nothing.
    """
    found = read_beside(job.cohort, job.evaluation)
    keys = list(job.cohort.unit_columns)
    units = prepare.read_design(job.design).design.units[keys]
    wanted = pd.MultiIndex.from_frame(units) if len(keys) > 1 else pd.Index(units[keys[0]])
    return Beside(*(part.reindex(wanted).reset_index(drop=True) for part in (found.scores, found.groups)))


def write(found: Beside, path: Path) -> None:
    """Store scores and groups, a file each: who reads one is not made anew where the other changes."""
    path.mkdir()
    found.scores.to_parquet(path / SCORES)
    found.groups.to_parquet(path / GROUPS)


STAGE = Stage("beside", 1, jobs, work, write, lambda _: PLACE, what="reading readers", needs=("prepare",))
