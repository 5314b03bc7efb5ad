"""Stage `permute`: every family through all folds again, outcomes shuffled between patients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from radfuse.cohort.splits import Drawn, Fold, Split, make_folds
from radfuse.errors import CaseError, InputError
from radfuse.results import Shuffled
from radfuse.run.stage import Stage
from radfuse.stages import fit, fuse, prepare
from radfuse.stages.context import Context
from radfuse.stages.extract import write_section
from radfuse.stages.fit import FitJob
from radfuse.stages.prepare import Prepared


@dataclass(frozen=True)
class PermuteJob(FitJob):
    """A family on one shuffle of the outcomes.

    Attributes:
        split: how patients are dealt, which is done anew: the outcome decides it; None: the folds stay, as something
            else than models was learned in them.
        draw: number of the shuffle, from 1.
    """

    split: Split | None = None
    draw: int = 1

    def __str__(self) -> str:
        return f"{self.family}, shuffle {self.draw}"


def place_of(family: str, draw: int) -> str:
    """Return where a shuffle lies."""
    return f"models/{family}/shuffled/{draw:04d}.json"


def jobs(context: Context) -> Iterator[PermuteJob]:
    """Yield every shuffle with every family, where the study asks for some: families share what they learn."""
    study, count = context.study, context.study.evaluation.permutations
    families = fuse.whole_families(context) if count else ()
    split = study.cohort.split
    dealt = split.model_copy(update={"repeats": 1}) if isinstance(split, Drawn) and not study.trains else None
    for draw in range(1, count + 1):
        for family in families:
            yield PermuteJob(**vars(fit.job_of(context, family, None)), split=dealt, draw=draw)


def work(job: PermuteJob) -> Shuffled:
    """Return the mean discrimination over the folds of one deal.

    Raises:
        CaseError: the family cannot be fitted to a fold of these outcomes.
    """
    from threadpoolctl import threadpool_limits

    from radfuse.fusion.validate import fit_fold

    prepared = prepare.read_design(job.design)
    units = prepared.design.units
    columns = list(job.outcome.columns().values())
    who = units[job.patient].to_numpy()
    mixed = units.assign(**{name: units[name].to_numpy()[shuffled(who, job.seed, job.draw)] for name in columns})
    design, y = replace(prepared.design, units=mixed), job.outcome.targets(mixed)
    about = (job.patient, job.outcome, job.fusion, job.seed, job.site)
    found = []
    try:
        with threadpool_limits(1):  # as in the folds
            for fold in _folds(job, prepared, mixed):
                fitted = fit_fold(design, job.family, fold, *about)[0]
                found.append(job.outcome.discrimination(y[fold.test], np.array(fitted.probability)))
    except CaseError as error:
        mend = "; the other shuffles count without it, or set evaluation.permutations: 0"
        raise CaseError(error.item, error.message + mend) from error
    known = [value for value in found if np.isfinite(value)]
    return Shuffled(family=job.family, draw=job.draw, value=float(np.mean(known)) if known else None)


def _folds(job: PermuteJob, prepared: Prepared, units: pd.DataFrame) -> list[Fold]:
    if job.split is None:
        return [fold for fold in prepared.folds if fold.repeat == 1]
    try:
        return make_folds(job.split, units, job.patient, job.outcome, job.seed, prepared.everyone)
    except InputError as error:
        raise CaseError(str(job), str(error)) from error


def shuffled(patients: np.ndarray, seed: int, draw: int) -> np.ndarray:
    """Return from which unit each unit takes its outcome: a patient takes all of another one's, who has as many units.

    A patient with a number of units that nobody else has keeps its own.
    """
    places: dict[str, list[int]] = {}
    for row, patient in enumerate(patients):
        places.setdefault(patient, []).append(row)
    generator = np.random.default_rng([seed, draw, 1])
    source = np.arange(len(patients))
    for size in sorted({len(rows) for rows in places.values()}):
        alike = np.array([rows for rows in places.values() if len(rows) == size])
        source[alike] = generator.permutation(alike)
    return source


STAGE = Stage(
    "permute",
    9,
    jobs,
    work,
    write_section,
    lambda job: place_of(job.family, job.draw),
    what="shuffling outcomes",
    needs=("fuse",),
    fails="stays",
    crew=fit.crew,
)
