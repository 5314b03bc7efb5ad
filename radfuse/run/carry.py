"""The engine: a stage's jobs, each with the key of everything it depends on, made by workers, recorded, resumed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from radfuse.errors import CaseError, RadfuseError, RunError
from radfuse.run.desks import at_desks
from radfuse.run.digests import files_of, read_digests
from radfuse.run.disk import FULL
from radfuse.run.early import Early
from radfuse.run.folder import Progress, RunFolder, Written, put_aside
from radfuse.run.meter import Meter
from radfuse.run.schedule import CrewName
from radfuse.run.stage import Desk, Follower, Job, Result, Stage
from radfuse.run.turn import Done, Task, Turn
from radfuse.run.workers import Crew

_MUCH = 2**30
"""Bytes of files from which on the crew reads them for their digests."""
_TOGETHER = 16
"""Files that one of them reads at a time."""


def carry_out(
    stage: Stage[Job, Result],
    jobs: Sequence[Job],
    folder: RunFolder,
    crew: Crew,
    progress: Progress,
    retry_failed: bool = False,
    then: Follower[Any, Any] | None = None,
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
        then: what the crew may begin meanwhile.

    Raises:
        RunError: the machine stopped the work.
        RadfuseError: a job failed of a stage whose failure stops the study.
    """
    if not jobs:
        return Done()
    _read_together(jobs, folder, crew, progress)
    turn = Turn(stage, folder, progress, len(jobs), retry_failed)
    left = turn.left_of(jobs)
    how = crew.now(stage.crew if isinstance(stage.crew, str) else stage.crew([task.job for task in left]))
    turn.begins(1 if how == "one" else crew.at_once(how) if left else crew.count)
    if left and stage.ready is not None:
        _make_ready(stage.ready, left[0].job, progress)
    turn.tell()
    for through in _streamed(turn, left, jobs, crew, how, then) or _results(stage, left, folder, crew, how, progress):
        turn.record(through)
    done = turn.done
    progress(stage.what or stage.name, len(jobs), len(jobs))
    order = {stage.place(job): place for place, job in enumerate(jobs)}
    done.keys = dict(sorted(done.keys.items(), key=lambda item: order[item[0]]))
    done.failed.sort(key=lambda item: order[stage.place(item[0])])
    return done


def _streamed(
    turn: Turn[Job, Result],
    left: Sequence[Task[Job]],
    jobs: Sequence[Job],
    crew: Crew,
    how: CrewName,
    then: Follower[Any, Any] | None,
) -> Iterator[list[tuple[Task[Job], Written | CaseError]]] | None:
    """Return what `_results` does, the next stage begun meanwhile; None where there is nothing to begin, or nobody."""
    if then is None or not left or not crew.beside(how):
        return None
    folder, progress, stage = turn.folder, turn.progress, then.stage
    following = then.jobs()
    network = crew.hands(partial(_make, turn.stage.work, turn.stage.write, folder.path), len(left), how)
    if network is None or not following:
        return None
    _read_together(following, folder, crew, progress)
    next_turn = Turn(stage, folder, progress, len(following), turn.retry_failed)
    early = Early(next_turn, following, {turn.stage.place(job) for job in jobs} - set(turn.done.keys))
    if early.first is None:
        return None
    next_turn.begins(crew.beside(how), beside=turn.stage.name)
    if stage.ready is not None:
        _make_ready(stage.ready, early.first, progress)
    return early.results(network, left, crew.hands_beside(partial(_make, stage.work, stage.write, folder.path), how))


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
    stage: Stage[Job, Result],
    tasks: Sequence[Task[Job]],
    folder: RunFolder,
    crew: Crew,
    how: CrewName,
    progress: Progress,
) -> Iterable[list[tuple[Task[Job], Written | CaseError]]]:
    """Yield tasks with their results as they come; without a crew in the order of the tasks."""
    make = partial(_make, stage.work, stage.write, folder.path)
    if stage.desk:
        return at_desks(stage, tasks, folder, crew, how, progress, make)
    if stage.fails == "stops":
        return ([(task, make(task))] for task in tasks)
    kin = stage.kin
    return crew.together(make, tasks, how, None if kin is None else lambda task: kin(task.job))


def _make(
    work: Callable[..., Result],
    write: Callable[[Result, Path], None],
    folder: Path,
    task: Task[Job],
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
        return written.model_copy(update=meter.spent())
    except RadfuseError:
        raise
    except (OSError, RuntimeError) as error:  # the latter is how SimpleITK says that a disk is full
        raise RunError(f"cannot write {folder / task.place}: {error}") from error
