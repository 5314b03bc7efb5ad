"""The next stage's jobs, done while a network is at work on others: each as soon as what it reads is there."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from radfuse.errors import CaseError
from radfuse.run.digests import files_of
from radfuse.run.folder import Written
from radfuse.run.schedule import Hands, Lane, side_by_side
from radfuse.run.turn import Task, Turn

Through = list[tuple[Task[Any], Written | CaseError]]


class Early:
    """Jobs that wait for results of the stage before.

    Args:
        turn: of their stage.
        jobs: all of it.
        awaited: names of results that are not there yet; some of them never come.
    """

    def __init__(self, turn: Turn[Any, Any], jobs: Sequence[Any], awaited: set[str]) -> None:
        self._turn = turn
        self._ready = deque[Any]()
        self._lacking: dict[str, list[tuple[set[str], Any]]] = {}
        at_once = []
        for job in jobs:
            lacks = awaited & _places_of(job, turn.folder.path)
            for place in lacks:
                self._lacking.setdefault(place, []).append((lacks, job))
            if not lacks:
                at_once.append(job)
        self._tasks = deque(turn.left_of(at_once))
        self._counted()

    @property
    def first(self) -> Any | None:
        """A job that is still to be done, or waits; None where there is none."""
        waiting = (job for several in self._lacking.values() for _, job in several)
        return self._tasks[0].job if self._tasks else next(waiting, None)

    def results(self, network: Hands, left: Sequence[Task[Any]], beside: Hands) -> Iterator[Through]:
        """Yield what is through of the stage before, whose results are there once the next is asked for."""
        lanes: list[Lane[Task[Any]]] = [Lane(network, partial(next, iter(left), None)), Lane(beside, self._take)]
        with closing(side_by_side(lanes)) as found:
            for lane, through in found:
                if lanes[lane].hands is beside:
                    self._turn.record(through)
                    self._counted()
                    continue
                yield through
                for task, result in through:
                    if not isinstance(result, CaseError):
                        self._there(task.place)

    def _there(self, place: str) -> None:
        for lacks, job in self._lacking.pop(place, ()):
            lacks.discard(place)
            if not lacks:
                self._ready.append(job)

    def _take(self) -> Task[Any] | None:
        """Return the next that can be done; one that cannot be looked at is left to its stage's own turn."""
        while self._ready and not self._tasks:
            job = self._ready.popleft()
            seen = self._turn.look(job)
            task = None if isinstance(seen, OSError) else self._turn.task(job, seen)
            if task is not None:
                return task
            self._turn.passed(1)
            self._counted()
        return self._tasks.popleft() if self._tasks else None

    def _counted(self) -> None:
        """Have the stage's own turn count nothing again."""
        done = self._turn.done
        self._turn.folder.early |= {*done.keys, *(self._turn.stage.place(job) for job, _ in done.failed)}
        done.keys.clear()
        done.failed.clear()


def _places_of(job: object, folder: Path) -> set[str]:
    """Return the names that what a job reads in the run folder may have: its own, and of folders that it lies in."""
    inside = [path.relative_to(folder) for path in files_of(job) if path.is_relative_to(folder)]
    return {place.as_posix() for path in inside for place in (path, *path.parents)}
