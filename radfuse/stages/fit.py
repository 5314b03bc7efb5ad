"""Stage `fit`: every family on every outer fold, predicting the units that the fold tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from radfuse.fusion.config import FusionConfig
from radfuse.fusion.explain.config import ExplainConfig
from radfuse.outcomes.kinds import Outcome
from radfuse.results import FittedFamily
from radfuse.run.folder import safe_name
from radfuse.run.stage import Stage
from radfuse.stages import prepare
from radfuse.stages.context import Context
from radfuse.stages.extract import write_section

_MUCH = 30_000_000
"""Bytes of the tables times jobs from which on they are done by a process a core."""


@dataclass(frozen=True)
class FitJob:
    """One family on one fold's training units, or on all units.

    Attributes:
        design: where it is stored.
        family: which blocks.
        fold: name of the fold; None: all units.
        fusion: how models are built.
        patient: column of the person.
        outcome: what is predicted.
        seed: of the inner folds.
        site: column of the site, where values are harmonised by it.
    """

    design: Path
    family: str
    fold: str | None
    fusion: FusionConfig
    patient: str
    outcome: Outcome
    seed: int
    site: str | None = None

    def __str__(self) -> str:
        return f"{self.family}, all units" if self.fold is None else f"{self.family}, fold {self.fold}"


def place_of(family: str, fold: str) -> str:
    """Return where a family's fit on one fold lies."""
    return f"models/{family}/fold-{safe_name(fold)}.json"


def job_of(context: Context, family: str, fold: str | None) -> FitJob:
    """Return the fit of a family on a fold, or on all units."""
    study = context.study
    assert study.cohort.outcome is not None
    config = study.fusion.model_copy(update={"families": (), "primary": None, "explain": ExplainConfig()})
    where, about = context.path(prepare.PLACE), study.cohort
    site = about.site if config.harmonise is not None else None
    return FitJob(where, family, fold, config, about.patient, study.cohort.outcome, study.seed, site)


def jobs(context: Context) -> Iterator[FitJob]:
    """Yield every fold with every family: families of a fold share what they learn of a block."""
    prepared = prepare.read_design(context.path(prepare.PLACE))
    for fold in prepared.folds:
        for family in context.study.families:
            yield job_of(context, family, fold.name)


def work(job: FitJob) -> FittedFamily:
    """Return the fit with its predictions of the fold's test units.

    Raises:
        CaseError: the family cannot be fitted there.
    """
    from threadpoolctl import threadpool_limits

    from radfuse.fusion.validate import fit_fold

    prepared = prepare.read_design(job.design)
    fold = next(fold for fold in prepared.folds if fold.name == job.fold)
    about = (job.patient, job.outcome, job.fusion, job.seed, job.site)
    with threadpool_limits(1):  # the jobs are the parallelism, and small matrices are slower on two threads
        return fit_fold(prepared.design, job.family, fold, *about)[0]


def crew(jobs: Sequence[FitJob]) -> Literal["running", "cores"]:
    """Return "running" for small tables: processes take longer to start than all of it."""
    size = sum(path.stat().st_size for path in jobs[0].design.glob("*.parquet")) if jobs else 0
    return "cores" if size * len(jobs) > _MUCH else "running"


STAGE = Stage(
    "fit",
    16,
    jobs,
    work,
    write_section,
    lambda job: place_of(job.family, str(job.fold)),
    what="fitting",
    needs=("prepare",),
    fails="stays",
    crew=crew,
    kin=lambda job: job.fold,
)
