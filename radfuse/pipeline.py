"""A study from its file to its report: walks the list of stages, resuming what is finished."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from radfuse.audit.checks import problems_of
from radfuse.check.ahead import headers_ahead
from radfuse.check.inputs import FoldPatients
from radfuse.config import nearest
from radfuse.errors import CaseError, InputError, Problem, StudyError, asked
from radfuse.given import as_kind, as_names, as_path
from radfuse.learned import learns
from radfuse.results import Failure, StudyResults
from radfuse.results.pace import StagePace
from radfuse.run.carry import carry_out
from radfuse.run.copied import CopiedFolder
from radfuse.run.digests import job_key
from radfuse.run.folder import LOG, STUDY, Progress, RunFolder
from radfuse.run.ledger import paces_of
from radfuse.run.mirror import mirrored, working_copy
from radfuse.run.ray import crew_on
from radfuse.run.shard import Shard
from radfuse.run.stage import Follower, Stage
from radfuse.run.store import is_store
from radfuse.run.workers import Crew, end_if_imported
from radfuse.stages import (
    STAGES,
    audit,
    extract,
    fuse,
    learn,
    needed_for,
    plan,
    prepare,
    register,
    review,
    sample,
    train,
    variants,
)
from radfuse.stages.context import Context, begin
from radfuse.study import Study, for_masks, load_study

_FROM_IMAGES = list(STAGES)[: list(STAGES).index(prepare.STAGE.name)]
"""Stages that make something of images, where the rest makes do with tables."""
_DEALT_BY = ("table", "case", "patient", "unit", "exclude", "outcome", "split")
"""Settings of a cohort that decide its outer folds, beside the values that tell patients apart."""
_BY_NETWORKS = _FROM_IMAGES[: _FROM_IMAGES.index(review.STAGE.name) + 1]
Warn = Callable[[Sequence[Problem]], None]
"""Is told of what will go wrong, before what takes long is begun."""


@dataclass(frozen=True)
class Run:
    """What a run left behind.

    Attributes:
        path: the run folder, absolute; `bundle` in it is what `load_bundle` opens.
        results: performance and comparisons of families; None before the fuse stage. What every kind of outcome has
            is `results.performance[0].headline`, an interval, and `.columns`, its main measures by name.
        failures: what could not be computed; the rest is complete.
        warnings: findings about the input.
        computed: number of results computed now.
        reused: number of results found finished.
        masks: number of masks that networks made.
        suspicious: the cases whose mask should be looked at, the most suspicious first.
        left: number of failures that were found, and not tried again.
        paces: of the stages that computed something now.
        store: URL of what the run folder is a copy of; empty: of nothing.
    """

    path: Path
    results: StudyResults | None
    failures: tuple[Failure, ...]
    warnings: tuple[Problem, ...]
    computed: int
    reused: int
    masks: int = 0
    suspicious: tuple[str, ...] = ()
    left: int = 0
    paces: tuple[StagePace, ...] = ()
    store: str = ""

    @property
    def report(self) -> Path:
        """The report's HTML file."""
        return self.path / "report" / "index.html"


def run_study(
    study: Study | Mapping[str, Any] | str | Path,
    out: str | Path | None = None,
    *,
    until: str = "report",
    shard: str | None = None,
    only: Sequence[str] | None = None,
    retry_failed: bool = False,
    on: str = "local",
    gpu_share: float | None = None,
    work: str | Path | None = None,
    command: Sequence[str] = (),
    progress: Progress = lambda *_: None,
    warn: Warn = lambda _: None,
) -> Run:
    """Run a study up to a stage, resuming what is finished: that stage and what it needs, nothing beside it.

    Args:
        study: a study, its file, or its settings as a mapping, paths in it relative to the working folder.
        out: the run folder; "runs/NAME" when None. A URL, such as "s3://bucket/run", is that of one in a store, which
            the work is done in a copy of.
        until: the last stage.
        shard: "I/N" works on cases I, I + N, ... alone, for job arrays; with segment, regions, extract and deep, once
            the networks are trained.
        only: variants to run; None: all of the study.
        retry_failed: try cases again that failed before; else only those whose files or settings have changed, and
            those that the machine stopped, as a full memory does.
        on: "local": processes of this machine; "ray" or "ray://HOST:PORT": a Ray cluster, whose machines all see the
            run folder and the images.
        gpu_share: of a GPU, that a case which a network segments takes on a Ray cluster; 0.5: two at a time on each.
            None: all of one.
        work: where the copy of a run folder in a store lies; in the user's cache when None.
        command: what was typed behind `radfuse`, as the report tells it; empty: "run" and the study's file.
        progress: told of every item: what is done, how many are done, how many there are.
        warn: told which cases will fail by their headers, and which networks learn from few, before training.

    Raises:
        InputError: config, cohort or tables are not usable; nothing was computed.
        StudyError: no case or no family was left to go on with; what was finished is kept.
        RunError: the disk is full or not writable, or a store does not take what was made.
    """
    end_if_imported()
    command = command or ("run", Path(study).name if isinstance(study, (str, Path)) else STUDY)
    study = study if isinstance(study, Study) else load_study(study)
    until = as_kind(until, str, "until")
    part = Shard.parse(as_kind(shard, str, "shard")) if shard is not None else None
    study = for_masks(study) if until in _BY_NETWORKS else study
    _check_stage(study, until, part)
    study = study if only is None else _with_variants(study, as_names(only, "only"))
    on = as_kind(on, str, "on")
    with _opened(study, out, work, on, part, progress) as folder:
        try:
            with crew_on(on, gpu_share) as crew:
                context = Context(study, folder, progress, part, tunes=_tunes(until), command=tuple(command))
                run = _run(context, until, crew, retry_failed, warn)
        except InputError as error:
            if folder.made:
                raise StudyError(f"{error}\nWhat was finished before is kept in {folder.path}") from error
            raise
    return replace(run, store=str(out).rstrip("/")) if is_store(out) else run


def _tunes(until: str) -> bool:
    """Return whether a pass comes to tuning models."""
    return any(stage.name == "fit" for stage in needed_for(until))


@contextmanager
def _opened(
    study: Study,
    out: str | Path | None,
    work: str | Path | None,
    on: str,
    part: Shard | None,
    progress: Progress,
) -> Iterator[RunFolder]:
    """Open the run folder for a while, or a copy of one in a store, which has all of it in the end."""
    shared, log = part is not None, part.log if part else LOG
    if not (isinstance(out, str) and is_store(out)):
        if work is not None:
            raise InputError(
                f"{asked('--work')} is where the copy of a run folder in a store lies; give "
                f"{asked('--out s3://BUCKET/FOLDER')}"
            )
        place = as_path(out, "out") if out is not None else Path("runs") / study.name
        with closing(RunFolder.open(place, study.name, shared=shared, log=log)) as folder:
            yield folder
        return
    if on != "local" and work is None:
        raise InputError(
            f"on {on} all machines write into the copy of {out}; say with {asked('--work')} where all of them see it"
        )
    place = working_copy(out, as_path(work, "work") if work is not None else None)
    with (
        mirrored(out, place, log, progress) as mirror,
        closing(CopiedFolder.of(mirror, place, study.name, shared=shared, log=log)) as folder,
    ):
        mirror.begin()
        yield folder


def _run(context: Context, until: str, crew: Crew, retry_failed: bool, warn: Warn) -> Run:
    began = datetime.now(UTC) - timedelta(milliseconds=1)
    begin(context)
    if context.shard is None and any(stage.name == train.STAGE.name for stage in needed_for(until, context)):
        _foretell(context, crew, warn)
    _walk(context, until, crew, retry_failed)
    return _finished(context, began)


def _walk(context: Context, until: str, crew: Crew, retry_failed: bool) -> None:
    """Carry out all stages that are needed, resuming what is finished."""
    folder, stored = context.folder, False
    last = until if context.shard is not None else STAGES[until].then or until
    stages = needed_for(last, context)
    for number, stage in enumerate(stages, start=1):
        if stage.name == variants.STAGE.name:
            _vary(context, crew, retry_failed)
        jobs = _jobs_of(stage, context)
        if context.shard is not None and not STAGES[stage.name].shards:
            read = any(stage.name in each.needs and STAGES[each.name].shards for each in stages)
            _trust(stage, jobs, context, read=read)
            continue
        then = _follower(stage, stages[number:], context)
        done = carry_out(stage, jobs, folder, crew, context.progress, retry_failed, then)
        if done.keys and not stored:
            folder.write_study(context.study.to_yaml())
            stored = True
        context.keys |= done.keys
        for job, error in done.failed:
            context.fail(str(job), error, drops=stage.fails == "drops")


def _foretell(context: Context, crew: Crew, warn: Warn) -> None:
    """Look whether this machine can train what is not trained yet, and tell which cases will fail hours later.

    Raises:
        InputError: it lacks what a training needs.
    """
    places = [train.network_of(each.name) for each in plan.networks(context)] if context.study.trains else []
    if all(context.folder.found(place, None, whole=False) for place in places):
        return
    context.segmentation.check_training()
    gone = [Problem(f"case {item.item}", item.error, severity="warning") for item in context.failures]
    cases = {case.case_id for case in context.cases()}
    few = plan.remarks(context)
    if told := [*few, *gone, *headers_ahead(context.study, cases, crew, context.progress)]:
        warn(told)


def _follower(stage: Stage[Any, Any], later: Sequence[Stage[Any, Any]], context: Context) -> Follower[Any, Any] | None:
    """Return a later stage that may begin while this one is at work."""
    for each in later:
        if stage.name in each.needs and each.early(context):
            return Follower(each, partial(_jobs_of, each, context))
    return None


def _jobs_of(stage: Stage[Any, Any], context: Context) -> list[Any]:
    return list(stage.jobs(context))


def _vary(context: Context, crew: Crew, retry_failed: bool) -> None:
    """Run the study's variants up to their comparison, each in a folder of its own; one that fails stops no other."""
    for name in context.study.variants:
        try:
            _run_variant(context, name, crew, retry_failed)
        except (InputError, StudyError, CaseError) as error:
            context.fail(f"variant {name}", str(error), drops=False)


def _run_variant(context: Context, name: str, crew: Crew, retry_failed: bool) -> None:
    """Run one variant; what its settings do not change is taken over from the study's own folder."""
    study, place = context.study.variant(name), f"{variants.FOLDER}/{name}"

    def progress(what: str, done: int, total: int) -> None:
        context.progress(f"{name}: {what}", done, total)

    folder = context.folder.inside(place, study.name)
    try:
        own = Context(study, folder, progress, deal=_deal(context, study))
        begin(own)
        _walk(own, fuse.STAGE.name, crew, retry_failed)
    finally:
        folder.close()
        context.folder.made += [f"{place}/{item}" for item in folder.made]
        context.folder.reused += [f"{place}/{item}" for item in folder.reused]
    context.variants[name] = own.path(fuse.PLACE)
    for failure in own.failures:
        if failure not in context.failures:
            context.fail(f"variant {name}, {failure.item}", failure.error, drops=False)


def _deal(context: Context, variant: Study) -> tuple[FoldPatients, ...]:
    """Return the study's outer folds for a variant that does not vary them; empty where it deals the same by itself."""
    study, config = context.study, variant.cohort
    alike = all(getattr(study.cohort, name) == getattr(config, name) for name in _DEALT_BY)
    if not alike or study.seed != variant.seed or bool(study.regions) != bool(variant.regions):
        return ()
    if study.regions:
        return context.folds
    if prepare.job_of(study) == prepare.job_of(variant):
        return ()
    prepared = prepare.read_design(context.path(prepare.PLACE))
    patients = prepared.design.units[config.patient]
    return tuple(FoldPatients(fold.name, frozenset(patients.iloc[fold.test]), fold.repeat) for fold in prepared.folds)


def _with_variants(study: Study, names: Sequence[str]) -> Study:
    """Return a study with some of its variants alone."""
    if not study.variants:
        raise InputError(
            f"study {study.name!r} has no variants; add some, for example variants: {{svm: {{fusion.classifier: "
            "{kind: svm}}}"
        )
    for name in names:
        if name not in study.variants:
            raise InputError(f"study {study.name!r} has no variant {name!r}{nearest(name, study.variants)}")
    return study.model_copy(update={"variants": {name: study.variants[name] for name in names}})


def _finished(context: Context, began: datetime) -> Run:
    folder, results = context.folder, None
    if context.has(fuse.PLACE):
        results = fuse.read_results(context.path(fuse.PLACE))
        results = results.model_copy(update={"failures": tuple(context.failures)})
    if context.has(prepare.PLACE):
        warnings = prepare.read_design(context.path(prepare.PLACE)).warnings
    else:
        warnings = context.inputs.warnings if context.study.regions else ()
    if context.has(audit.PLACE):
        warnings = (*warnings, *problems_of([audit.read_fits(context.path(audit.PLACE)).honesty]))
    told = (stage.remarks(context) for stage in (train, register, learn, extract))
    warnings = (*warnings, *chain.from_iterable(told))
    masks, suspicious = 0, ()
    if context.has(review.PLACE):
        listed = review.read(context.path(review.PLACE))
        masks, suspicious = len(listed), tuple(listed["case"][listed["flags"] != ""])
    counts = (len(folder.made), len(folder.reused), masks)
    paces = paces_of(folder.path, since=began) if folder.made else ()
    left = len(folder.left)
    path = folder.path.absolute()  # the working folder may change before it is asked
    return Run(path, results, tuple(context.failures), warnings, *counts, suspicious, left, paces)


class _ForeignError(Exception):
    """A job reads files that are no results."""


def _trust(stage: Stage[Any, Any], jobs: list[Any], context: Context, *, read: bool) -> None:
    """Take over what one job of an array may not make, from its records: no image of another shard is read.

    Args:
        stage: that made it.
        jobs: of the stage.
        context: of this pass.
        read: its results are read here, not their records alone.

    Raises:
        InputError: a result is not there, or was made of other cases or with other settings.
    """
    folder, how = context.folder, "learn" if stage.name in (sample.STAGE.name, learn.STAGE.name) else "train"
    here = {case.case_id for case in context.cases()}

    def digest(path: Path) -> str:
        if not path.is_relative_to(folder.path):
            raise _ForeignError
        return folder.digest(path)

    for job in jobs:
        place = stage.place(job)
        record = folder.found(place, None, whole=read)
        if record is not None and record.status == "failed":
            if str(job) in here:
                context.fail(str(job), record.error or f"{stage.name} failed", drops=True)
            continue
        try:
            key = job_key(stage.name, stage.version, job, digest)
            sound = record and folder.finished(place, key, whole=read)
        except _ForeignError:
            sound = record
        if not sound:
            first = asked(f"radfuse {how} STUDY.yaml, with the same --out and --set", f"run_study(..., until={how!r})")
            raise InputError(
                f"{folder.path} has no {place} made with these settings of these masks, and several jobs would make it "
                f"at once; {how} first: {first}"
            )
        context.keys[place] = sound.key


def _check_stage(study: Study, until: str, shard: Shard | None) -> None:
    """Refuse a stage that the study has no settings for, or that has no shards."""
    if until not in STAGES:
        raise InputError(f"there is no stage {until!r}{nearest(until, STAGES)}")
    per_case = [name for name, listed in STAGES.items() if listed.shards and listed.command]
    if shard is not None and until not in per_case:
        raise InputError(f"{until} is no stage that goes case by case; those that take a shard: {', '.join(per_case)}")
    if until == "deep" and study.deep is None:
        raise InputError(
            f"study {study.name!r} has no deep section; add deep: {{}} to have encoder features of every region "
            "(needs segmentation: {backend: unet, ...} and regions), or use "
            + asked("--set deep={}", 'overrides=["deep={}"]')
        )
    if until == "register" and not any(section.masks == "register" for section in study.sequences.values()):
        raise InputError(
            f"no sequence of study {study.name!r} gets its mask by registration; add sequences: {{ct: {{masks: "
            "register}}, say, for an image that the mask was not drawn on"
        )
    if until == learn.STAGE.name and study.regions and not learns(study):
        raise InputError(
            f"study {study.name!r} learns nothing of its images; add {{kind: nyul}} to sequences.NAME.normalise, "
            "say, or a region {kind: habitats, name: habitats, of: tumour, sequences: [t1]}"
        )
    if until == "follow" and study.visits is None and study.regions:
        raise InputError(
            f"study {study.name!r} measures each visit by its own mask; add visits: {{baseline: 00m}}, say, to carry "
            "that of one visit to the others, or visits: {masks: own} to register them to it"
        )
    if until in _BY_NETWORKS and not study.regions and study.segmentation is not None:
        name = next(iter(study.segmentation.labels), "tumour")
        raise InputError(
            f"study {study.name!r} starts from finished tables and names no regions: take features out to have masks "
            f"alone, or add regions: [{{kind: label, name: {name}, label: {name}}}]"
        )
    if until in _FROM_IMAGES and not study.regions:
        raise InputError(
            f"study {study.name!r} starts from finished tables: it names no regions, so there is nothing to make from "
            "images. Go on with radfuse run, or add regions: [{kind: label, name: tumour, label: tumour}] with "
            "segmentation, cohort.images and cohort.mask"
        )
    if until in _BY_NETWORKS and study.regions and not study.segments:
        raise InputError(
            f"every case of study {study.name!r} brings its mask, so there is no network to train or to segment with; "
            "go on with radfuse extract, or set segmentation: {backend: unet, ...}"
        )
