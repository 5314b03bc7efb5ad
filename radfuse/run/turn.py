"""A stage's turn: what is left to do of its jobs, by what lies there of each, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic

from radfuse.errors import CaseError, InputError
from radfuse.run.digests import Known, job_key
from radfuse.run.disk import remove
from radfuse.run.folder import CLERKS, Progress, RunFolder, Written
from radfuse.run.stage import Job, Result, Stage

_AT_ONCE = 500
"""Jobs that are looked at before what was seen is told."""


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
class Task(Generic[Job]):
    """A job with what a worker needs to store its result."""

    job: Job
    place: str
    key: str

    def __str__(self) -> str:
        return str(self.job)


@dataclass
class Turn(Generic[Job, Result]):
    """A stage at work: what is through is told, recorded and counted.

    Attributes:
        stage: whose work it is.
        folder: where results lie.
        progress: told of every job.
        total: of its jobs.
        retry_failed: see `carry_out`.
        done: what became of them.
        known: what their keys share.
    """

    stage: Stage[Job, Result]
    folder: RunFolder
    progress: Progress
    total: int
    retry_failed: bool
    done: Done[Job] = field(default_factory=Done)
    known: Known = field(default_factory=dict)
    _already: int = 0

    def begins(self, workers: int, **more: str) -> None:
        """Write down that jobs are begun now, and how many were done before."""
        counts = {"jobs": self.total, "finished": len(self.done.keys), "failed": len(self.done.failed)}
        self._already = counts["finished"] + counts["failed"]
        self.folder.log("begins", stage=self.stage.name, **counts, workers=workers, **more)

    def tell(self) -> None:
        """Tell how many are through."""
        self.progress(self.stage.what or self.stage.name, self._already, self.total)

    def passed(self, count: int) -> None:
        """Tell that so many more are through."""
        self._already += count
        self.tell()

    def record(self, through: Sequence[tuple[Task[Job], Written | CaseError]]) -> None:
        """Store what is through."""
        if not self.stage.desk:  # which tells of each job by itself
            self.passed(len(through))
        self.folder.store(self.stage.name, [(task.place, task.key, result) for task, result in through])
        for task, result in through:
            if isinstance(result, CaseError):
                self.done.failed.append((task.job, result.message))
                continue
            if self.stage.desk:
                remove(desk_of(self.stage, task, self.folder))
            self.done.keys[task.place] = task.key

    def left_of(self, jobs: Sequence[Job]) -> list[Task[Job]]:
        """Return what is left to do; what is finished, failed for good, or cannot be looked at, goes into `done`."""
        stage, folder = self.stage, self.folder
        left: list[Task[Job]] = []
        for number, (job, seen) in enumerate(_seen(self.look, jobs)):
            if len(jobs) > 1:
                self.progress("checking results", number, len(jobs))
            if isinstance(seen, OSError):
                unread = f"cannot read {seen.filename or 'a file'}: {seen.strerror or seen}"
                if stage.fails == "stops":
                    raise InputError(unread) from seen
                folder.fail(stage.place(job), stage.name, "", unread)
                self.done.failed.append((job, unread))
            elif (task := self.task(job, seen)) is not None:
                left.append(task)
        if len(jobs) > 1:
            self.progress("checking results", len(jobs), len(jobs))
        return left

    def look(self, job: Job) -> Seen | OSError:
        """Look at a job's files and its record; changes nothing."""
        stage, folder, place = self.stage, self.folder, self.stage.place(job)
        try:
            key = job_key(stage.name, stage.version, job, folder.digest, self.known)
        except OSError as error:
            return error
        record = folder.found(place, key)
        if record is None:
            return Seen(place, key, whole=False, failed=None)
        failed = (record.error or f"{stage.name} failed") if record.status == "failed" and record.key == key else None
        return Seen(place, key, folder.holds(place, key, record), failed)

    def task(self, job: Job, seen: Seen) -> Task[Job] | None:
        """Return what is to be done; None where it is finished, or failed for good, which is counted."""
        folder, early = self.folder, seen.place in self.folder.early
        if seen.whole or folder.lent(seen.place, seen.key) is not None:
            self.done.keys[seen.place] = seen.key
            if not early:
                folder.reused.append(seen.place)
        elif seen.failed is not None and (early or not self.retry_failed):
            self.done.failed.append((job, seen.failed))
            if not early:
                folder.left.append(seen.place)
        else:
            return Task(job, seen.place, seen.key)
        return None


@dataclass(frozen=True)
class Seen:
    """What lies there of a job: whether its result is whole, or why it failed before, of the same inputs."""

    place: str
    key: str
    whole: bool
    failed: str | None


def _seen(look: Callable[[Job], Seen | OSError], jobs: Sequence[Job]) -> Iterator[tuple[Job, Seen | OSError]]:
    """Yield what is seen of each job, in their order; several side by side, as file systems take their time."""
    with ThreadPoolExecutor(CLERKS) as clerks:
        for start in range(0, len(jobs), _AT_ONCE):
            part = jobs[start : start + _AT_ONCE]
            yield from zip(part, clerks.map(look, part) if len(part) > 1 else map(look, part), strict=True)


def desk_of(stage: Stage[Job, Result], task: Task[Job], folder: RunFolder) -> Path:
    """Return where a job's desk is."""
    return folder.path / "work" / stage.name / f"{Path(task.place).stem}-{task.key[:12]}"
