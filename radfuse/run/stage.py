"""The engine: a stage's jobs, each with the key of everything it depends on, made by workers, recorded, resumed."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from radfuse.errors import CaseError, InputError, RadfuseError, RunError
from radfuse.run.digests import Known, files_of, job_key, read_digests
from radfuse.run.disk import FULL, remove
from radfuse.run.folder import CLERKS, Progress, RunFolder, Written, put_aside
from radfuse.run.meter import Meter
from radfuse.run.workers import Crew

Job = TypeVar("Job")
Result = TypeVar("Result")
_MUCH = 2**30
"""Bytes of files from which on the crew reads them for their digests."""
_AT_ONCE = 500
"""Jobs that are looked at before what was seen is told."""
_TOGETHER = 16
"""Files that one of them reads at a time."""


@dataclass(frozen=True)
class Stage(Generic[Job, Result]):
    """One kind of work of a study.

    Attributes:
        name: that of its file: in records, in the log, `until`, and the command where it has one.
        version: raise it where the code changes what comes out; every study then makes it again.
        jobs: what is to be done, from the `Context` of `stages/`; a job is a frozen dataclass of settings, paths, texts
            and numbers, whose text names its case or part.
        work: makes the result; a function of a module that sees nothing but its job (and its desk, with `desk`).
        write: stores a result, a file or a folder, at a path.
        place: job -> name of the result in the run folder.
        what: it does, for the progress bar.
        needs: stages whose results it reads.
        spares: `Context` -> those of `needs` that it can do without this time.
        fails: a job that cannot be done drops its case from all that follows, stays the only one that failed, or stops
            the study.
        crew: its jobs are done one after another here, or by a process a core; a stage that runs a network has one
            process where there is a GPU, and a few threads there that read ahead and write behind. A function decides
            by the jobs that are left.
        desk: its work is given a private folder that outlives a kill, and tells how far it is.
        ready: called with the first job before any is done, and with somebody to tell.
    """

    name: str
    version: int
    jobs: Callable[[Any], Iterable[Job]]
    work: Callable[..., Result]
    write: Callable[[Result, Path], None]
    place: Callable[[Job], str]
    what: str = ""
    needs: tuple[str, ...] = ()
    spares: Callable[[Any], tuple[str, ...]] = lambda _: ()
    fails: Literal["drops", "stays", "stops"] = "stops"
    crew: Literal["one", "cores", "network"] | Callable[[Sequence[Any]], Literal["one", "cores"]] = "one"
    desk: bool = False
    ready: Callable[[Job, Callable[[str], None]], None] | None = None


@dataclass(frozen=True)
class Desk:
    """Where one job works.

    Attributes:
        folder: of its own, from which it goes on after a kill.
        tell: called with steps done and all steps.
        say: called with a few words on how it goes, shown beside the steps.
        result: where its result will lie.
    """

    folder: Path
    tell: Callable[[int, int], None]
    say: Callable[[str], None]
    result: Path


@dataclass
class Done(Generic[Job]):
    """What became of a stage's jobs.

    Attributes:
        keys: place -> content key, of results that are there.
        failed: job and why it could not be done.
    """

    keys: dict[str, str] = field(default_factory=dict)
    failed: list[tuple[Job, str]] = field(default_factory=list)


@dataclass(frozen=True)
class _Task(Generic[Job]):
    """A job with what a worker needs to store its result."""

    job: Job
    place: str
    key: str

    def __str__(self) -> str:
        return str(self.job)


def carry_out(
    stage: Stage[Job, Result],
    jobs: Sequence[Job],
    folder: RunFolder,
    crew: Crew,
    progress: Progress,
    retry_failed: bool = False,
) -> Done[Job]:
    """Do what is not done yet of a stage.

    Args:
        stage: whose work it is.
        jobs: of the stage.
        folder: where results lie.
        crew: the workers.
        progress: told of every job.
        retry_failed: try jobs again that failed before; else only those whose inputs have changed, and those that
            failed for the machine's sake.

    Raises:
        RunError: the machine stopped the work.
        RadfuseError: a job failed of a stage whose failure stops the study.
    """
    done: Done[Job] = Done()
    if not jobs:
        return done
    _read_together(jobs, folder, crew, progress)
    left = _not_finished(stage, jobs, folder, progress, done, retry_failed)
    counts = {"jobs": len(jobs), "finished": len(done.keys), "failed": len(done.failed)}
    folder.log("begins", stage=stage.name, **counts, workers=1 if stage.desk else crew.count)
    if left and stage.ready is not None:
        _make_ready(stage.ready, left[0].job, progress)
    already = len(jobs) - len(left)
    progress(stage.what or stage.name, already, len(jobs))
    for through in _results(stage, left, folder, crew, progress):
        if not stage.desk:  # which tells of each job by itself
            already += len(through)
            progress(stage.what or stage.name, already, len(jobs))
        folder.store(stage.name, [(task.place, task.key, result) for task, result in through])
        for task, result in through:
            if isinstance(result, CaseError):
                done.failed.append((task.job, result.message))
                continue
            if stage.desk:
                remove(_desk_of(stage, task, folder))
            done.keys[task.place] = task.key
    progress(stage.what or stage.name, len(jobs), len(jobs))
    order = {stage.place(job): place for place, job in enumerate(jobs)}
    done.keys = dict(sorted(done.keys.items(), key=lambda item: order[item[0]]))
    done.failed.sort(key=lambda item: order[stage.place(item[0])])
    return done


def _read_together(jobs: Sequence[Job], folder: RunFolder, crew: Crew, progress: Progress) -> None:
    """Have the crew read files whose content is not known, where there is much of it: the first time, terabytes.

    Keys hold what lies in the files that jobs name; read here, one after another, they would take hours in which all
    others wait.
    """
    if crew.count == 1:
        return
    unread = {path: folder.unread(path) for path in dict.fromkeys(path for job in jobs for path in files_of(job))}
    if sum(unread.values()) < _MUCH:
        return
    paths = [path for path, size in unread.items() if size]
    batches = [tuple(paths[start : start + _TOGETHER]) for start in range(0, len(paths), _TOGETHER)]
    done = 0
    for batch, found in crew.each(read_digests, batches):
        if not isinstance(found, CaseError):  # who was killed at it leaves it to whoever asks for the key
            folder.learn(found)
        done += len(batch)
        progress("reading files", done, len(paths))


def _not_finished(
    stage: Stage[Job, Result],
    jobs: Sequence[Job],
    folder: RunFolder,
    progress: Progress,
    done: Done[Job],
    retry_failed: bool,
) -> list[_Task[Job]]:
    """Return what is left to do; what is finished, failed for good, or cannot be looked at, goes into `done`."""
    left: list[_Task[Job]] = []
    known: Known = {}
    for number, (job, seen) in enumerate(_seen(partial(_look, stage, folder, known), jobs)):
        if len(jobs) > 1:
            progress("checking results", number, len(jobs))
        if isinstance(seen, OSError):
            unread = f"cannot read {seen.filename or 'a file'}: {seen.strerror or seen}"
            if stage.fails == "stops":
                raise InputError(unread) from seen
            folder.fail(stage.place(job), stage.name, "", unread)
            done.failed.append((job, unread))
        elif seen.whole or folder.lent(seen.place, seen.key) is not None:
            folder.reused.append(seen.place)
            done.keys[seen.place] = seen.key
        elif seen.failed is not None and not retry_failed:
            folder.left.append(seen.place)
            done.failed.append((job, seen.failed))
        else:
            left.append(_Task(job, seen.place, seen.key))
    if len(jobs) > 1:
        progress("checking results", len(jobs), len(jobs))
    return left


@dataclass(frozen=True)
class _Seen:
    """What lies there of a job: whether its result is whole, or why it failed before, of the same inputs."""

    place: str
    key: str
    whole: bool
    failed: str | None


def _look(stage: Stage[Job, Result], folder: RunFolder, known: Known, job: Job) -> _Seen | OSError:
    """Look at a job's files and its record; changes nothing."""
    place = stage.place(job)
    try:
        key = job_key(stage.name, stage.version, job, folder.digest, known)
    except OSError as error:
        return error
    record = folder.record(place)
    if record is None:
        return _Seen(place, key, whole=False, failed=None)
    failed = (record.error or f"{stage.name} failed") if record.status == "failed" and record.key == key else None
    return _Seen(place, key, folder.holds(place, key, record), failed)


def _seen(look: Callable[[Job], _Seen | OSError], jobs: Sequence[Job]) -> Iterator[tuple[Job, _Seen | OSError]]:
    """Yield what is seen of each job, in their order; several side by side, as file systems take their time."""
    with ThreadPoolExecutor(CLERKS) as clerks:
        for start in range(0, len(jobs), _AT_ONCE):
            part = jobs[start : start + _AT_ONCE]
            yield from zip(part, clerks.map(look, part) if len(part) > 1 else map(look, part), strict=True)


def _make_ready(ready: Callable[[Job, Callable[[str], None]], None], job: Job, progress: Progress) -> None:
    """Do what comes before the first job; what it told of is over when it returns."""
    told: list[str] = []

    def tell(what: str) -> None:
        told.append(what)
        progress(what, 0, 1)

    ready(job, tell)
    for what in told:
        progress(what, 1, 1)


def _results(
    stage: Stage[Job, Result], tasks: Sequence[_Task[Job]], folder: RunFolder, crew: Crew, progress: Progress
) -> Iterable[list[tuple[_Task[Job], Written | CaseError]]]:
    """Yield tasks with their results as they come; without a crew in the order of the tasks."""
    make = partial(_make, stage.work, stage.write, folder.path)
    if stage.desk:
        desks = (_desk(stage, task, number, len(tasks), folder, progress) for number, task in enumerate(tasks, start=1))
        return (
            [(task, _make(stage.work, stage.write, folder.path, task, desk))]
            for task, desk in zip(tasks, desks, strict=True)
        )
    if stage.fails == "stops":
        return ([(task, make(task))] for task in tasks)
    how = stage.crew if isinstance(stage.crew, str) else stage.crew([task.job for task in tasks])
    return crew.together(make, tasks, how)


def _desk(
    stage: Stage[Job, Result], task: _Task[Job], number: int, count: int, folder: RunFolder, progress: Progress
) -> Desk:
    """Return a job's desk; the same job finds what it left there."""
    place = _desk_of(stage, task, folder)
    place.mkdir(parents=True, exist_ok=True)
    what = f"{stage.what} {number} of {count}"
    said: list[str] = []

    def tell(done: int, total: int) -> None:
        progress(": ".join((what, *said[-1:])), done, total)

    return Desk(place, tell, said.append, folder.path / task.place)


def _desk_of(stage: Stage[Job, Result], task: _Task[Job], folder: RunFolder) -> Path:
    return folder.path / "work" / stage.name / f"{Path(task.place).stem}-{task.key[:12]}"


def _make(
    work: Callable[..., Result],
    write: Callable[[Result, Path], None],
    folder: Path,
    task: _Task[Job],
    desk: Desk | None = None,
) -> Written:
    """Do a job and write its result aside; runs in a worker. What goes wrong in the work is of the input."""
    meter, start = Meter(), time.perf_counter()
    try:
        result = work(task.job) if desk is None else work(task.job, desk)
    except OSError as error:
        if error.errno in FULL:
            raise RunError(
                f"cannot write {error.filename or folder}: {error.strerror}; free some space, and run again"
            ) from error
        raise CaseError(
            str(task.job), f"cannot read {error.filename or 'a file'}: {error.strerror or error}"
        ) from error
    try:
        written = put_aside(folder / task.place, partial(write, result), start)
        return written.model_copy(update={**meter.spent(), "machine": socket.gethostname()})
    except RadfuseError:
        raise
    except (OSError, RuntimeError) as error:  # the latter is how SimpleITK says that a disk is full
        raise RunError(f"cannot write {folder / task.place}: {error}") from error
