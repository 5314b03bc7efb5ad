"""Stage `plan`: what all networks of a study share, from the headers of the images they will learn from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from radfuse.check.inputs import FoldPatients
from radfuse.cohort.case import Case
from radfuse.errors import InputError, Problem, counted
from radfuse.run.digests import UNSAID
from radfuse.run.stage import Stage
from radfuse.seg.backend import Backend
from radfuse.stages.context import ALL, Context
from radfuse.volume.flat import Spacing

PLACE = "work/plan.json"
PARTS = 3
"""Into how many parts patients whom no fold tests are dealt, each with a network of its own."""
_FEW = 5
"""Patients below which a part's network learns from very few."""


@dataclass(frozen=True)
class PlanJob:
    """The images with manual masks, by case, and what the study says of their pixels."""

    backend: Backend
    images: Mapping[str, Path]
    spacings_mm: tuple[Spacing | None, ...] = field(default=(), metadata=UNSAID)

    def __str__(self) -> str:
        return "the plan of the networks"


def networks(context: Context) -> tuple[FoldPatients, ...]:
    """Return the networks of a study, each with the patients it does not see: of the outer folds, all masks, and parts.

    Raises:
        InputError: a fold has the name of the network of all masks.
    """
    if any(fold.name == ALL for fold in context.folds):
        raise InputError(f"a fold may not be called {ALL!r}, as is the network of all masks; rename it in cohort.split")
    return (*context.folds, FoldPatients(ALL, frozenset()), *_parts(context))


def home_folds(context: Context) -> dict[str, str]:
    """Return patient -> the network that segments its cases: the one of the fold that tests it, or of its part."""
    return {patient: one.name for one in (*_parts(context), *context.folds) for patient in one.test}


def _parts(context: Context) -> Iterator[FoldPatients]:
    """Yield the networks of patients whom no fold tests, as those before the date of a temporal split.

    Each sees neither its part of them nor any patient whom a fold tests: so masks of a training set do not come from
    networks that were shown them, and are as good or bad as those of its test patients.
    """
    tested = frozenset(patient for fold in context.folds for patient in fold.test)
    scans, first, drawn = context.inputs.cohort.scans, dict[str, str](), set[str]()
    for case in context.all_cases:
        if case.patient not in tested and case.case_id in scans:
            first[case.patient] = min(first.get(case.patient, scans[case.case_id]), scans[case.case_id])
            drawn |= {case.patient} if case.mask is not None else set()
    order = sorted(first, key=lambda patient: (patient not in drawn, first[patient]))  # names say nothing
    for number in range(min(PARTS, len(order))):
        yield FoldPatients(f"part-{number + 1}", tested.union(order[number::PARTS]))


def _drawn(context: Context) -> list[Case]:
    """Return the cases with a mask by hand that can be read."""
    lost = context.inputs.cohort.unusable
    return [case for case in context.all_cases if case.mask is not None and case.case_id not in lost]


def remarks(context: Context) -> list[Problem]:
    """Return whether networks of parts learn from few patients, and those of the folds from more."""
    drawn = {case.patient for case in _drawn(context)}
    learned_from = {one.name: len(drawn - one.test) for one in _parts(context)}
    least = min(learned_from.values(), default=_FEW)
    if least >= _FEW:
        return []
    most = max((len(drawn - fold.test) for fold in context.folds), default=len(drawn))
    text = (
        f"patients whom no fold tests are segmented by networks that learn from {counted(least, 'patient')} at worst "
        f"({', '.join(learned_from)}), and those whom a fold tests by one that learns from {most}: masks that models "
        "learn from may be worse than those they are tested by; add masks, or take cohort.split: {kind: grouped}"
    )
    return [Problem("cohort.split", text, severity="warning")]


def jobs(context: Context) -> Iterator[PlanJob]:
    """Yield the one plan of a study that trains networks.

    Raises:
        InputError: a fold has the name of the network of all masks, or a network has no mask to learn from.
    """
    if context.study.trains:
        drawn = _drawn(context)
        for network in networks(context):
            if drawn and network.test.issuperset(case.patient for case in drawn):
                raise InputError(
                    f"no manual mask is left for the network {network.name!r} to learn from, which must not see "
                    f"{counted(len(network.test), 'patient')}; add masks of other patients"
                )
        yield PlanJob(context.backend, {case.case_id: context.image(case) for case in drawn}, context.spacings_mm[:1])


def work(job: PlanJob) -> str:
    """Return the plan as JSON; images without a readable header are left to `preprocess` to name.

    Raises:
        InputError: there is no image to learn from.
    """
    from radfuse.volume.files import read_grid

    grids = []
    for path in job.images.values():
        try:
            grids.append(read_grid(path, *job.spacings_mm))
        except InputError:
            continue
    if not grids:
        raise InputError("no case has a manual mask that can be used; a network needs some to learn from")
    return job.backend.plan(grids)


def write(plan: str, path: Path) -> None:
    """Store the plan."""
    path.write_text(plan, encoding="utf-8")


STAGE = Stage("plan", 3, jobs, work, write, lambda _: PLACE, what="planning the networks")
