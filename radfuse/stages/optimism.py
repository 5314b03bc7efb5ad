"""Stage `optimism`: every family fitted on bootstrap samples of patients, for Harrell's optimism."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from radfuse.cohort.splits import Fold
from radfuse.errors import CaseError
from radfuse.outcomes.kinds import Outcome
from radfuse.results import OptimismDraw
from radfuse.run.stage import Stage
from radfuse.stages import fit, fuse, prepare
from radfuse.stages.context import Context
from radfuse.stages.extract import write_section
from radfuse.stages.fit import FitJob


@dataclass(frozen=True)
class OptimismJob(FitJob):
    """A family on one sample; `draw` 0 is all units themselves, whose performance is the apparent one."""

    draw: int = 0

    def __str__(self) -> str:
        return f"{self.family}, bootstrap sample {self.draw}" if self.draw else f"{self.family}, apparent"


def place_of(family: str, draw: int) -> str:
    """Return where a sample's fit lies."""
    return f"models/{family}/optimism/{draw:04d}.json"


def jobs(context: Context) -> Iterator[OptimismJob]:
    """Yield every sample with every family, where the study asks for some: families share what they learn."""
    draws = context.study.evaluation.optimism
    families = fuse.whole_families(context) if draws else ()
    for draw in range(draws + 1):
        for family in families:
            yield OptimismJob(**vars(fit.job_of(context, family, None)), draw=draw)


def work(job: OptimismJob) -> OptimismDraw:
    """Return how well the sample's model does on the sample, and on all units.

    Raises:
        CaseError: the family cannot be fitted to the sample.
    """
    from threadpoolctl import threadpool_limits

    from radfuse.fusion.validate import ALL, fit_fold

    prepared = prepare.read_design(job.design)
    units, everyone = prepared.design.units, prepared.everyone
    rows = drawn(units[job.patient].to_numpy()[everyone], job.seed, job.draw)
    fold = Fold(ALL, everyone[rows], np.arange(len(units)))
    about = (job.patient, job.outcome, job.fusion, job.seed, job.site)
    try:
        with threadpool_limits(1):  # as in the folds
            found = fit_fold(prepared.design, job.family, fold, *about)[0]
    except CaseError as error:
        mend = "; the other samples count without it, or set evaluation.optimism: 0"
        raise CaseError(error.item, error.message + mend) from error
    y, p = job.outcome.targets(units), np.array(found.probability)
    return OptimismDraw(
        family=job.family,
        draw=job.draw,
        sample=_measures(job.outcome, y[fold.train], p[fold.train]),
        everyone=_measures(job.outcome, y, p),
    )


def drawn(patients: np.ndarray, seed: int, draw: int) -> np.ndarray:
    """Return rows of as many patients as there are, drawn with replacement, each with all of its units.

    A patient drawn twice stays one patient, so that inner folds keep its copies together. 0 draws each once.
    """
    if draw == 0:
        return np.arange(len(patients))
    names = list(dict.fromkeys(patients))
    places = {name: np.flatnonzero(patients == name) for name in names}
    picked = np.random.default_rng([seed, draw]).integers(0, len(names), len(names))
    return np.concatenate([places[names[i]] for i in picked])


def _measures(outcome: Outcome, y: np.ndarray, p: np.ndarray) -> dict[str, float]:
    """Return discrimination and mean loss, by the outcome's names of them, and of an event the Brier score.

    No calibration slope: that of shrunken models is far above 1 on their own units, and its mean is one sample's.
    """
    ranks, costs = getattr(outcome, "measures", ("AUC", "log loss"))
    found = {ranks: outcome.discrimination(y, p), costs: outcome.loss(y, p)}
    if y.ndim == 1 and set(np.unique(y)) <= {0, 1} and getattr(outcome, "link", "logit") == "logit":
        found["Brier"] = float(np.mean((p - y) ** 2))
    return found


STAGE = Stage(
    "optimism",
    9,
    jobs,
    work,
    write_section,
    lambda job: place_of(job.family, job.draw),
    what="bootstrapping",
    needs=("fuse",),
    fails="stays",
    crew=fit.crew,
)
