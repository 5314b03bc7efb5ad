"""Stage `audit`: what an audit has to fit: a fold with its held-out rows replaced by noise, and volume alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from radfuse.audit.honesty import look
from radfuse.audit.subject import events_of
from radfuse.audit.volume import NAME, volume_check, volume_columns, volume_fits, whole_of
from radfuse.config import Section
from radfuse.fusion.config import FusionConfig
from radfuse.fusion.explain.config import ExplainConfig
from radfuse.fusion.link import link_of
from radfuse.outcomes.kinds import Outcome
from radfuse.results import AuditCheck, FittedFamily
from radfuse.run.stage import Stage
from radfuse.stages import fuse, prepare
from radfuse.stages.context import Context
from radfuse.stages.extract import write_section
from radfuse.stages.prepare import Prepared
from radfuse.study import Study

PLACE = "audit.json"


class AuditFits(Section):
    """What was fitted.

    Attributes:
        honesty: whether held-out rows leave a trace.
        volume: volume alone on each fold; empty where there is none.
    """

    honesty: AuditCheck
    volume: tuple[FittedFamily, ...] = ()


@dataclass(frozen=True)
class AuditJob:
    """The one audit.

    Attributes:
        design: where it is stored.
        families: of the study.
        fusion: how models are built.
        patient: column of the person.
        outcome: what is predicted.
        seed: of the inner folds.
        site: column of the site, where values are harmonised by it.
        tables: of the study, which a part of its own may not open.
        every: try all families with noise; else one.
    """

    design: Path
    families: tuple[str, ...]
    fusion: FusionConfig
    patient: str
    outcome: Outcome
    seed: int
    site: str | None = None
    tables: tuple[Path, ...] = ()
    every: bool = False

    def __str__(self) -> str:
        return "the audit"


def job_of(study: Study, design: Path, *, every: bool = False) -> AuditJob:
    """Return the audit of a study."""
    about = study.cohort
    assert about.outcome is not None
    fusion = study.fusion.model_copy(update={"families": (), "primary": None, "explain": ExplainConfig()})
    site = about.site if fusion.harmonise is not None else None
    named = [table for source in study.features.values() for table in (source.table, source.second_table) if table]
    tables = tuple(dict.fromkeys([about.table, *named]))
    return AuditJob(design, study.families, fusion, about.patient, about.outcome, study.seed, site, tables, every)


def jobs(context: Context) -> Iterator[AuditJob]:
    """Yield the one audit."""
    yield job_of(context.study, context.path(prepare.PLACE))


def work(job: AuditJob) -> AuditFits:
    """Return what was fitted."""
    from threadpoolctl import threadpool_limits

    prepared = prepare.read_design(job.design)
    honesty = honesty_of(prepared, job)
    with threadpool_limits(1):
        return AuditFits(honesty=honesty, volume=_volume(prepared, job))


def volume_of(prepared: Prepared, study: Study) -> AuditCheck:
    """Return volume alone beside a ridge regression on the whole block, for a study whose families are not fitted."""
    from threadpoolctl import threadpool_limits

    job = job_of(study, Path())
    about = (prepared.folds, job.patient, job.outcome, job.fusion, job.seed)
    with threadpool_limits(1):
        volume = _volume(prepared, job)
        if not volume:
            return volume_check(None, ())
        block = next(iter(volume_columns(prepared.design)))
        whole = whole_of(block)
        fits = {whole: volume_fits(prepared.design, *about, whole=True), NAME: volume}
    found = fuse.predictions_of(prepared, fits, study.cohort.unit_columns, job.patient, job.outcome)
    measured = job.outcome.measure(found[found["family"] == NAME])
    return volume_check(measured, job.outcome.compare(found, [whole, NAME]), f"features.{block}")


def _volume(prepared: Prepared, job: AuditJob) -> tuple[FittedFamily, ...]:
    if events_of(job.outcome, prepared.design.units) is None and link_of(job.outcome) == "logit":
        return ()
    return volume_fits(prepared.design, prepared.folds, job.patient, job.outcome, job.fusion, job.seed)


def honesty_of(prepared: Prepared, job: AuditJob) -> AuditCheck:
    """Return whether held-out rows of a design leave a trace."""
    about = (job.patient, job.outcome, job.fusion, job.seed, job.site)
    return look(prepared.design, prepared.folds, job.families, *about, tables=job.tables, every=job.every)


def read_fits(path: Path) -> AuditFits:
    """Return what was fitted as it was stored."""
    return AuditFits.model_validate_json(path.read_bytes())


STAGE = Stage("audit", 3, jobs, work, write_section, lambda _: PLACE, what="auditing", needs=("prepare",))
