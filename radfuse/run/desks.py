"""Jobs that work at desks of their own: one after another here, or side by side; each tells how far it is."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from radfuse import machine
from radfuse.errors import CaseError, RadfuseError, RunError
from radfuse.run.folder import Progress, RunFolder, Written
from radfuse.run.schedule import CrewName, scheduled
from radfuse.run.stage import Desk, Job, Result, Stage
from radfuse.run.turn import Task, desk_of
from radfuse.run.workers import Crew

_TOLD = ".told"
"""File of a desk in which its process says how far it is."""
_OFTEN = 0.5
"""Seconds after which it says so again."""


class Make(Protocol):
    """Does a job at a desk, and writes its result aside."""

    def __call__(self, task: Task[Any], desk: Desk) -> Written:
        """Return what was written.

        Raises:
            RunError: the machine stopped the work.
            RadfuseError: the job cannot be done.
        """


@dataclass(frozen=True)
class Seat:
    """A job and the desk that its process finds.

    Attributes:
        task: the job.
        place: of the desk; the same job finds what it left there.
        result: where its result will lie.
        threads: that it may take.
    """

    task: Task[Any]
    place: Path
    result: Path
    threads: int

    def __str__(self) -> str:
        return str(self.task)


def at_desks(
    stage: Stage[Job, Result],
    tasks: Sequence[Task[Job]],
    folder: RunFolder,
    crew: Crew,
    how: CrewName,
    progress: Progress,
    make: Make,
) -> Iterator[list[tuple[Task[Job], Written | CaseError]]]:
    """Yield tasks with their results as they come.

    Raises:
        RunError: the machine stopped the work.
        RadfuseError: a job cannot be done; those that are under way are stopped, and go on from their desks next time.
    """
    count = len(tasks)
    seats = [
        Seat(task, desk_of(stage, task, folder), folder.path / task.place, crew.threads_of(number, count))
        for number, task in enumerate(tasks)
    ]
    hands = crew.hands(partial(_work, make), count, how)
    if hands is None:
        for number, seat in enumerate(seats, start=1):
            yield [(seat.task, make(seat.task, _desk_here(seat, f"{stage.what} {number} of {count}", progress)))]
        return
    board = _Board(stage.what, seats, progress)
    for through in scheduled(hands, seats, meanwhile=board.tell):
        for seat, result in through:
            if isinstance(result, RadfuseError):
                raise result
            board.leave(seat)
            yield [(seat.task, result)]


def _desk_here(seat: Seat, what: str, progress: Progress) -> Desk:
    seat.place.mkdir(parents=True, exist_ok=True)
    said: list[str] = []

    def tell(done: int, total: int) -> None:
        progress(": ".join((what, *said[-1:])), done, total)

    return Desk(seat.place, tell, said.append, seat.result)


def _work(make: Make, seat: Seat) -> Written | RadfuseError:
    """Do a job in another process; what it cannot do is returned, so that its kind is known there, too."""
    said, told = [""], [0.0]

    def tell(done: int, total: int) -> None:
        if done < total and time.monotonic() < told[0] + _OFTEN:
            return
        told[0] = time.monotonic()
        (seat.place / f"{_TOLD}.part").write_text(f"{done} {total} {said[-1]}", encoding="utf-8")
        (seat.place / f"{_TOLD}.part").replace(seat.place / _TOLD)

    seat.place.mkdir(parents=True, exist_ok=True)
    with machine.given_threads(seat.threads):
        try:
            return make(seat.task, Desk(seat.place, tell, said.append, seat.result))
        except RunError:
            raise
        except RadfuseError as error:
            return error


class _Board:
    """How far all desks are together.

    Args:
        what: is done at them.
        seats: all of them.
        progress: told of it.
    """

    def __init__(self, what: str, seats: Sequence[Seat], progress: Progress) -> None:
        self._what, self._progress = what, progress
        self._left, self._count = list(seats), len(seats)

    def leave(self, seat: Seat) -> None:
        """Take down one that is through."""
        self._left.remove(seat)

    def tell(self) -> None:
        """Tell of all as of one job, which has the steps of all."""
        at_work = [found for seat in self._left if (found := _told(seat.place)) is not None]
        if not at_work:
            return
        steps = max(total for _, total, _ in at_work)
        done = sum(steps * done // max(total, 1) for done, total, _ in at_work)
        through = self._count - len(self._left)
        said = [said for _, _, said in at_work if said]
        what = f"{self._what} {through + 1} to {through + len(at_work)} of {self._count}"
        self._progress(": ".join((what, *said[:1])), through * steps + done, self._count * steps)


def _told(place: Path) -> tuple[int, int, str] | None:
    """Return what a desk's process said last: steps, all steps, and how it goes; None where it did not begin."""
    with contextlib.suppress(OSError, ValueError):
        done, total, *said = (place / _TOLD).read_text(encoding="utf-8").split(" ", 2)
        return int(done), int(total), "".join(said)
    return None
