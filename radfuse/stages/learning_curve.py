"""Stage `learning_curve`: every family fitted on growing shares of the patients of each training set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from radfuse.cohort.splits import Fold
from radfuse.errors import CaseError
from radfuse.outcomes.kinds import drawn_apart, happened
from radfuse.results import LearningPoint
from radfuse.run.stage import Stage
from radfuse.stages import fit, fuse, prepare
from radfuse.stages.context import Context
from radfuse.stages.extract import write_section
from radfuse.stages.fit import FitJob


@dataclass(frozen=True)
class LearningJob(FitJob):
    """A family on one share of the training patients of each fold of the first deal.

    Attributes:
        share: in (0, 1].
        draw: number of the draw of patients, from 1; the shares of a draw grow, each holding the smaller ones.
        whole: the fits on all training patients, of which a share of 1 is made; empty for smaller ones.
    """

    share: float = 1.0
    draw: int = 1
    whole: tuple[Path, ...] = ()

    def __str__(self) -> str:
        return f"{self.family}, share {self.share:g}, draw {self.draw}"


def place_of(family: str, share: float, draw: int) -> str:
    """Return where a point of the curve lies."""
    return f"models/{family}/learning/{share:g}-{draw:04d}.json"


def points_of(context: Context) -> list[tuple[float, int]]:
    """Return share and draw of every point that the study asks for; all patients are drawn once."""
    asked = context.study.evaluation.learning_curve
    if asked is None:
        return []
    draws = range(1, asked.repeats + 1)
    return [(share, draw) for draw in draws for share in asked.shares if share < 1 or draw == 1]


def jobs(context: Context) -> Iterator[LearningJob]:
    """Yield every point of every family, where the study asks for some: families share what they learn."""
    points = points_of(context)
    families = fuse.whole_families(context) if points else {}
    if not families:
        return
    folds = prepare.read_design(context.path(prepare.PLACE)).folds
    for share, draw in points:
        for family, fits in families.items():
            first = tuple(path for path, fold in zip(fits, folds, strict=True) if fold.repeat == 1)
            whole = first if share == 1 else ()
            yield LearningJob(**vars(fit.job_of(context, family, None)), share=share, draw=draw, whole=whole)


def work(job: LearningJob) -> LearningPoint:
    """Return the mean discrimination over the test folds; none where a training set is too small to be fitted."""
    from threadpoolctl import threadpool_limits

    from radfuse.fusion.validate import fit_fold

    prepared = prepare.read_design(job.design)
    units = prepared.design.units
    y, event, who = job.outcome.targets(units), happened(job.outcome, units), units[job.patient].to_numpy()
    classes = drawn_apart(job.outcome, units)
    about = (job.patient, job.outcome, job.fusion, job.seed, job.site)
    values, patients, events = [], [], []
    remark = None
    with threadpool_limits(1):  # as in the folds
        for place, fold in enumerate(fold for fold in prepared.folds if fold.repeat == 1):
            train, test = fold.train, fold.test
            train = train[share_of(who[train], classes[train], job.share, job.seed, job.draw)]
            patients.append(len(set(who[train])))
            events.append(int(event[train].sum()))
            try:
                found = (
                    fuse.read_fit(job.whole[place])
                    if job.whole
                    else fit_fold(prepared.design, job.family, Fold(fold.name, train, test), *about)[0]
                )
            except CaseError as error:
                remark = remark or error.message
                continue
            values.append(job.outcome.discrimination(y[test], np.array(found.probability)))
    known = [value for value in values if np.isfinite(value)]
    return LearningPoint(
        family=job.family,
        share=job.share,
        draw=job.draw,
        patients=float(np.mean(patients)),
        events=float(np.mean(events)),
        value=float(np.mean(known)) if known and remark is None else None,
        remark=remark,
    )


def share_of(patients: np.ndarray, classes: np.ndarray, share: float, seed: int, draw: int) -> np.ndarray:
    """Return rows of a share of patients, each with all of its units, in their order.

    Patients with and without an event, or of each class, are drawn apart, so that the share has as many of them as the
    whole; of several units the largest class counts. A larger share of the same draw holds the smaller ones.

    Args:
        patients: of each unit, shape (unit,).
        classes: of each unit: 1 where it has the event, else 0, or one of several.
        share: in (0, 1].
        seed: of the study.
        draw: number.
    """
    class_of: dict[str, int] = {}
    for patient, own in zip(patients, classes, strict=True):
        class_of[patient] = max(class_of.get(patient, 0), int(own))
    generator = np.random.default_rng([seed, draw, 2])
    taken: set[str] = set()
    for one in sorted(set(class_of.values())):
        names = [name for name, own in class_of.items() if own == one]
        order = generator.permutation(len(names))
        taken |= {names[place] for place in order[: max(1, round(share * len(names)))]}
    return np.flatnonzero([patient in taken for patient in patients])


STAGE = Stage(
    "learning_curve",
    9,
    jobs,
    work,
    write_section,
    lambda job: place_of(job.family, job.share, job.draw),
    what="learning from fewer",
    needs=("fuse",),
    fails="stays",
    crew=fit.crew,
)
