"""Work on several processes: results as they come, and no job can take the others down."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Literal, Self, TypeVar

from radfuse import machine
from radfuse.errors import CaseError, MachineError, RadfuseError, RunError

Job = TypeVar("Job")
Result = TypeVar("Result")
_HANDS = 3
"""Threads of a process that runs a network: while it runs for one case, the next is read and the last is written."""


class Crew:
    """The processes of one run, started when they are first needed and kept for all its stages.

    Args:
        workers: processes; the cores this process may use when None.

    Attributes:
        count: of the processes.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.count = workers or machine.cores()
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._dismiss()

    def each(
        self,
        work: Callable[[Job], Result],
        jobs: Sequence[Job],
        crew: Literal["one", "cores", "network"] = "cores",
    ) -> Iterator[tuple[Job, Result | CaseError]]:
        """Yield each job with its result, or with the error that stopped it, in the order they finish.

        Args:
            work: a function of a module; runs in another process.
            jobs: what it is called with; must pickle.
            crew: a process a core, or "one": all runs here, as with one core or one job. "network" is this process
                where there is a GPU, on a few threads that take turns with the network (`machine.NETWORK_TURN`).

        Raises:
            RunError: the machine stopped the work.
        """
        alone = crew == "one" or (crew == "network" and machine.has_gpu())
        if alone or min(self.count, len(jobs)) <= 1:
            if crew == "network" and len(jobs) > 1:
                with ThreadPoolExecutor(_HANDS) as hands:
                    yield from _as_they_come({hands.submit(attempt, work, job): job for job in jobs})
                return
            for job in jobs:
                yield job, attempt(work, job)
            return
        left = list(jobs)
        while left:
            try:
                for job, result in self._through(work, left):
                    left.remove(job)
                    yield job, result
            except BrokenProcessPool:  # one of those at work died, the first that are left: each alone, then on
                self._dismiss()
                for job in left[: self.count]:
                    left.remove(job)
                    try:
                        yield from self._through(work, [job])
                    except BrokenProcessPool:
                        self._dismiss()
                        yield job, MachineError(str(job), "its process died; the machine may be out of memory")

    def _through(self, work: Callable[[Job], Result], jobs: Sequence[Job]) -> Iterator[tuple[Job, Result | CaseError]]:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.count, mp_context=context, initializer=machine.take_one_thread)
            try:
                with machine.one_thread_for_children():  # as many tasks as processes: each starts one
                    for started in [self._pool.submit(machine.cores) for _ in range(self.count)]:
                        started.result()
            except BrokenProcessPool as error:
                raise RunError(
                    "no worker process can be started; a script that runs a study calls it below "
                    '`if __name__ == "__main__":`'
                ) from error
        yield from _as_they_come({self._pool.submit(attempt, work, job): job for job in jobs})

    def _dismiss(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


def _as_they_come(futures: dict[Future[Result | CaseError], Job]) -> Iterator[tuple[Job, Result | CaseError]]:
    """Yield each job with its result; those not begun never are where nobody asks any more."""
    try:
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        for future in futures:
            future.cancel()


def attempt(work: Callable[[Job], Result], job: Job) -> Result | CaseError:
    """Return what a job gives, or what stopped it: one job must not stop the others."""
    try:
        return work(job)
    except RunError:
        raise
    except CaseError as error:
        return error
    except RadfuseError as error:
        return CaseError(str(job), str(error))
    except MemoryError as error:
        return MachineError(str(job), f"MemoryError: {error}")
    except (Exception, SystemExit) as error:  # noqa: BLE001  whatever a library, or a user's part, raises at one case
        return CaseError(str(job), f"{type(error).__name__}: {error}")
