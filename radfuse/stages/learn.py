"""Stage `learn`: what the images of each outer fold's training cases teach, and what those of all do, which ships.

So no case that a fold tests shapes how its values are standardised there. Outcomes are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from radfuse.check.inputs import FoldPatients
from radfuse.errors import Problem, StudyError
from radfuse.learned import Learned, learns
from radfuse.regions.config import open_habitats
from radfuse.regions.habitats import HabitatsRegion
from radfuse.run.stage import Stage
from radfuse.sequences import open_steps
from radfuse.stages import sample
from radfuse.stages.context import ALL, Context, learned_of
from radfuse.stages.extract import write_section
from radfuse.volume.nyul import Nyul

_MOVED, _COMPARED = 0.2, 200
"""Share of voxels in another habitat from which on it is told, and cases that are looked at."""


@dataclass(frozen=True)
class LearnJob:
    """The training cases of one fold.

    Attributes:
        fold: whose test patients are left out; all: none are.
        samples: of each training case.
        steps: sequence -> its step whose landmarks are learned.
        habitats: region -> whose clusters are fitted.
        seed: of the fits.
    """

    fold: str
    samples: tuple[Path, ...]
    steps: Mapping[str, Nyul]
    habitats: Mapping[str, HabitatsRegion]
    seed: int

    def __str__(self) -> str:
        return f"what the images of fold {self.fold} teach"


def jobs(context: Context) -> Iterator[LearnJob]:
    """Yield every fold of a study that learns, and all cases.

    Raises:
        StudyError: no case is left to learn from.
    """
    if not learns(context.study):
        return
    study, scans = context.study, context.inputs.cohort.scans
    settings = (open_steps(study.sequences), open_habitats(study.regions), study.seed)
    cases = [case for case in context.all_cases if context.has(sample.place_of(case.case_id))]
    if not cases:
        raise StudyError(f"no case could be used{context.why()}")
    cases.sort(key=lambda case: scans[case.case_id])  # as in `train`: the order of the table says nothing
    for fold in (*context.folds, FoldPatients(ALL, frozenset())):
        seen = [case.case_id for case in cases if case.patient not in fold.test]
        samples = tuple(context.path(sample.place_of(case)) for case in seen)
        yield LearnJob(fold.name, samples, *settings)


def work(job: LearnJob) -> Learned:
    """Return what the training cases of one fold teach.

    Raises:
        StudyError: they are too few, or too much alike.
    """
    from threadpoolctl import threadpool_limits

    from radfuse.learned import learned_from

    samples = [sample.read(path) for path in job.samples]
    with threadpool_limits(1):  # on several threads sums are taken in another order
        return learned_from(samples, job.steps, job.habitats, job.seed, job.fold)


def remarks(context: Context) -> tuple[Problem, ...]:
    """Return which habitats are not the same in all folds, of those that are there in this pass."""
    from radfuse.learned import moved_voxels, voxels_of

    habitats = open_habitats(context.study.regions)
    if not habitats or not context.has(learned_of(ALL)):
        return ()
    learned = {
        fold: Learned.model_validate_json(context.path(learned_of(fold)).read_bytes())
        for fold in (ALL, *(fold.name for fold in context.folds))
    }
    places = [sample.place_of(case.case_id) for case in context.all_cases]
    samples = [sample.read(context.path(place)) for place in list(filter(context.has, places))[:_COMPARED]]
    found = []
    steps = open_steps(context.study.sequences)
    for name, region in habitats.items():
        models = {fold: own.habitats[name] for fold, own in learned.items()}
        counts = {fold: len(model.centres) for fold, model in models.items()}
        if len(set(counts.values())) > 1:
            each = ", ".join(f"{count} ({fold})" for fold, count in counts.items())
            text = f"the number of clusters that is best differs: {each}; give the number that you expect as `clusters`"
            found.append(Problem(f"regions: {name!r}", text, severity="warning"))
        voxels = {fold: voxels_of(samples, region, steps, own.landmarks) for fold, own in learned.items()}
        moved = moved_voxels(voxels, models, ALL)
        fold = max(moved, key=lambda each: moved[each], default=ALL)
        if moved and moved[fold] > _MOVED:
            text = (
                f"of voxels that were drawn, {moved[fold]:.0%} lie in another habitat by the clusters of fold {fold} "
                "than by those of all cases, so that a number does not mean the same tissue in all folds; ask for "
                "fewer `clusters`, standardise the images, or take more cases"
            )
            found.append(Problem(f"regions: {name!r}", text, severity="warning"))
    return tuple(found)


STAGE = Stage(
    "learn",
    1,
    jobs,
    work,
    write_section,
    lambda job: learned_of(job.fold),
    what="learning from images",
    needs=("sample",),
)
