"""Stage `refit`: each family on all units, as ONNX that is proved to say the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from radfuse.errors import CaseError
from radfuse.results import FittedFamily
from radfuse.run.stage import Stage
from radfuse.stages import fit, fuse, prepare
from radfuse.stages.context import Context
from radfuse.stages.fit import FitJob

PARITY = 1e-5
"""Largest difference of an ONNX file from its fitted model: in probability, or in standard deviations of a number."""


@dataclass(frozen=True)
class Refitted:
    """A family that can ship."""

    model: bytes
    fitted: FittedFamily
    largest_difference: float


def place_of(family: str) -> str:
    """Return where a family's fit on all units lies."""
    return f"models/{family}/all"


def jobs(context: Context) -> Iterator[FitJob]:
    """Yield every family that was compared."""
    for family in fuse.whole_families(context):
        yield fit.job_of(context, family, None)


def work(job: FitJob) -> Refitted:
    """Return the fit and its ONNX file.

    Raises:
        CaseError: it cannot be fitted, or the file differs from the fitted model by more than `PARITY`.
    """
    from threadpoolctl import threadpool_limits

    from radfuse.fusion.additive import score_of, why_no_terms
    from radfuse.fusion.export import largest_difference
    from radfuse.fusion.families import blocks_of
    from radfuse.fusion.link import link_of
    from radfuse.fusion.validate import everyone, family_table, fit_fold

    prepared = prepare.read_design(job.design)
    design, fold = prepared.design, everyone(prepared.everyone)
    about = (job.patient, job.outcome, job.fusion, job.seed, job.site)
    with threadpool_limits(1):  # as in the folds
        stored, refitted = fit_fold(design, job.family, fold, *about)
    table = family_table(design, job.family, fold.name, job.fusion, job.site)
    x, first = table.x, getattr(job.fusion.joins, "first", "clinical")
    score = score_of(refitted.fitted, table.names, x, first)
    without = why_no_terms(job.fusion, blocks_of(job.family)) or "the refitted model is no sum of terms"
    if score is not None and stored.survival is not None and hasattr(job.outcome, "readings"):
        score = score.model_copy(update={"readings": job.outcome.readings(stored.survival)})
    if stored.survival is not None and stored.survival.rivals:
        score, without = (
            None,
            "where events compete, no probability is read off a score alone; its formula or file predicts",
        )
    if link_of(job.outcome) in ("identity", "softmax"):
        without = (
            "a nomogram reads off a probability of an event, and this outcome has none; its formula or file predicts"
        )
    stored = stored.model_copy(update={"score": score, "no_score": "" if score is not None else without})
    model = refitted.fitted.to_onnx(job.family, stored.threshold)
    difference = largest_difference(model, refitted.fitted.predict, x, job.seed)
    allowed = PARITY * (float(job.outcome.targets(design.units).std()) if link_of(job.outcome) == "identity" else 1.0)
    if not difference <= allowed:
        message = f"the ONNX file differs from the fitted model by {difference:.2g}, allowed {allowed:.0e}"
        raise CaseError(job.family, message)
    return Refitted(model, stored, difference)


def write(found: Refitted, path: Path) -> None:
    """Store model.onnx, fitted.json and parity.json."""
    path.mkdir()
    (path / "model.onnx").write_bytes(found.model)
    (path / "fitted.json").write_text(found.fitted.model_dump_json(indent=1))
    (path / "parity.json").write_text(json.dumps({"largest_difference": found.largest_difference}))


STAGE = Stage(
    "refit",
    16,
    jobs,
    work,
    write,
    lambda job: place_of(job.family),
    what="exporting",
    needs=("fuse",),
    fails="stays",
    crew=fit.crew,
)
