"""Stage `train`: a network per outer fold on the manual masks of the others, and one on all, which ships.

Each outer fold has a network that saw none of its test patients; every case is segmented by the network of the fold it
is tested in, or of its part of those that no fold tests. So no mask that reaches the models comes from a network that
knew its patient. Where a study brings a network, this makes one ONNX file of it, for all cases.
"""

from __future__ import annotations

import csv
import inspect
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from radfuse import machine
from radfuse.check.inputs import FoldPatients
from radfuse.cohort.case import Case
from radfuse.errors import Problem, StudyError, listed
from radfuse.run.digests import UNSAID
from radfuse.run.folder import safe_name
from radfuse.run.stage import Desk, Stage
from radfuse.seg.backend import Backend, Labelled, OnnxNetworks, Watch
from radfuse.seg.prepared import TARGET, labels_of, require_labels
from radfuse.stages import plan, preprocess
from radfuse.stages.context import ALL, Context


@dataclass(frozen=True)
class TrainJob:
    """One network.

    Attributes:
        fold: whose test patients it does not see.
        backend: how it is trained.
        plan: what it shares with the others; None: it was trained elsewhere, and the backend brings it.
        cases: prepared, to learn from.
        seed: of weights and patches.
        patients: of each case.
        held: how patients are chosen that training holds back; 0: it holds back none.
    """

    fold: str
    backend: Backend | Labelled
    plan: Path | None
    cases: tuple[Path, ...]
    seed: int
    patients: tuple[str, ...] = ()
    held: int = field(default=0, metadata=UNSAID)

    def __str__(self) -> str:
        return f"the network of fold {self.fold}"


_BROUGHT = 2
"""In the place of a seed, which a network that is brought has none of: raised where such are opened otherwise."""
_HELD = 1
"""Raised where other patients are held back: networks of studies that hold back none stay."""
_OF_MEMORY = 0.7
"""Share of the free memory that networks in training may take together."""
KEPT = ("training.csv", "tensorboard")
"""How a training went, where its backend wrote that: kept beside the network, as FOLD.training.csv."""


_DICE = "validation_dice"
"""Column of that table."""


def network_of(fold: str) -> str:
    """Return the name of a fold's network in the run folder."""
    return f"models/segmentation/{safe_name(fold)}.onnx"


def jobs(context: Context) -> Iterator[TrainJob]:
    """Yield a network per fold, the one on all manual masks, and those for patients whom no fold tests.

    Raises:
        StudyError: nothing is left to train on.
    """
    if context.segments and not context.study.trains:
        yield TrainJob(ALL, context.segmentation, None, (), _BROUGHT)
    if not context.study.trains:
        return
    drawn = [case for case in context.all_cases if context.has(preprocess.place_of(case.case_id))]
    if not drawn:
        raise StudyError(f"no case can be trained on{context.why()}")
    held = _HELD if getattr(context.backend, "validation", 0) else 0  # a backend of the user's own may have none
    scans = context.inputs.cohort.scans
    drawn.sort(key=lambda case: scans[case.case_id])  # the order of the table says nothing, nor do names
    networks = plan.networks(context)
    _require_labels(context, drawn, networks)
    for number, fold in enumerate(networks):
        seen = [case for case in drawn if case.patient not in fold.test]
        if not seen:
            raise StudyError(f"no manual mask is left to train on without fold {fold.name!r}; add masks")
        cases = tuple(context.path(preprocess.place_of(case.case_id)) for case in seen)
        patients = tuple(case.patient for case in seen)
        seed = context.study.seed + number
        yield TrainJob(fold.name, context.backend, context.path(plan.PLACE), cases, seed, patients, held)


def _require_labels(context: Context, drawn: Sequence[Case], networks: Sequence[FoldPatients]) -> None:
    """Look whether every network can learn every label, before the first of them is trained for hours.

    Raises:
        InputError: one cannot.
    """
    places = [context.path(preprocess.place_of(case.case_id)) for case in drawn]
    trained = all(context.folder.found(network_of(each.name), None, whole=False) for each in networks)
    ours = isinstance(context.backend, OnnxNetworks)
    if trained or not ours or not all((place / TARGET).is_file() for place in places):
        return
    labels = labels_of(places)
    for each in networks:
        seen = [held for case, held in zip(drawn, labels, strict=True) if case.patient not in each.test]
        if seen:
            require_labels(context.backend.labels, seen, f"network {each.name!r}")


def remarks(context: Context) -> tuple[Problem, ...]:
    """Return which networks had nobody to judge their weights by, of those that are there in this pass."""
    if not getattr(context.backend if context.study.trains else None, "validation", 0):
        return ()
    names = [fold.name for fold in plan.networks(context) if context.has(network_of(fold.name))]
    logs = {name: context.path(network_of(name)).with_suffix(f".{KEPT[0]}") for name in names}
    alone = [name for name, log in logs.items() if log.is_file() and not _judged(log)]
    if not alone:
        return ()
    text = (
        f"nobody was held back from the network of {listed(alone)}, as every patient alone has some label; it kept its "
        "last weights. Set it to 0, or add masks of the rare labels"
    )
    return (Problem("segmentation.validation", text, severity="warning"),)


def _judged(log: Path) -> bool:
    """Return whether a training's table tells a validation Dice."""
    with log.open(encoding="utf-8", newline="") as stream:
        return any(row.get(_DICE) for row in csv.DictReader(stream))


def work(job: TrainJob, desk: Desk) -> bytes:
    """Return a trained network, going on from what a killed training left on its desk."""
    if job.plan is None:
        return cast("Labelled", job.backend).brought(desk.folder)
    shared, train = job.plan.read_text(encoding="utf-8"), cast("Backend", job.backend).train
    more = {}
    if "watch" in inspect.signature(train).parameters:  # a backend of the user's own may do without
        more["watch"] = Watch(job.patients, desk.say)
    network: bytes = train(job.cases, shared, job.seed, desk.folder, desk.tell, **more)
    _keep(desk)
    return network


def crew(jobs: Sequence[TrainJob]) -> Literal["one", "cores"]:
    """Return whether networks are trained side by side, which is quickest on CPUs, where memory holds as many."""
    if len(jobs) < 2 or jobs[0].plan is None:
        return "one"
    asked = getattr(jobs[0].backend, "beside_others", None)  # a backend of the user's own may do without
    room = asked(jobs[0].plan.read_text(encoding="utf-8")) if asked is not None else None
    at_once = min(machine.cores(), len(jobs))
    return "cores" if room is not None and at_once * room < _OF_MEMORY * machine.free_bytes() else "one"


def _keep(desk: Desk) -> None:
    """Put what tells how a training went beside its network."""
    desk.result.parent.mkdir(parents=True, exist_ok=True)
    for name in KEPT:
        source, beside = desk.folder / name, desk.result.with_suffix(f".{name}")
        if source.is_dir():
            shutil.copytree(source, beside, dirs_exist_ok=True)
        elif source.is_file():
            shutil.copyfile(source, beside)


def write(network: bytes, path: Path) -> None:
    """Store the network."""
    path.write_bytes(network)


STAGE = Stage(
    "train",
    7,
    jobs,
    work,
    write,
    lambda job: network_of(job.fold),
    what="training network",
    needs=("preprocess",),
    crew=crew,
    desk=True,
)
