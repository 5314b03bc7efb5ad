"""Per-case work on several processes: results as they come, and no case can take the others down."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from radfuse.errors import CaseError, RadfuseError, RunError

Job = TypeVar("Job")
Result = TypeVar("Result")


def each(
    work: Callable[[Job], Result], jobs: Sequence[Job], workers: int | None = None
) -> Iterator[tuple[Job, Result | CaseError]]:
    """Yield each job with its result, or with the error that stopped it, in the order they finish.

    Args:
        work: a function of a module; runs in another process.
        jobs: what it is called with; must pickle.
        workers: processes; the cores this process may use when None. With one worker or one job all runs here.

    Raises:
        RunError: the machine stopped the work.
    """
    count = min(workers or _cores(), len(jobs))
    if count <= 1:
        for job in jobs:
            yield job, _attempt(work, job)
        return
    left = list(jobs)
    try:
        for job, result in _pool(work, left, count):
            left.remove(job)
            yield job, result
    except BrokenProcessPool:  # one of them died: find it by giving each a process of its own
        for job in list(left):
            try:
                yield from _pool(work, [job], 1)
            except BrokenProcessPool:
                yield job, CaseError(str(job), "its process died; the machine may be out of memory")


def _pool(work: Callable[[Job], Result], jobs: Sequence[Job], workers: int) -> Iterator[tuple[Job, Result | CaseError]]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread) as pool:
        futures: dict[Future[Result | CaseError], Job] = {pool.submit(_attempt, work, job): job for job in jobs}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _attempt(work: Callable[[Job], Result], job: Job) -> Result | CaseError:
    try:
        return work(job)
    except RunError:
        raise
    except CaseError as error:
        return error
    except RadfuseError as error:
        return CaseError(str(job), str(error))
    except Exception as error:  # noqa: BLE001  one case must not stop the others
        return CaseError(str(job), f"{type(error).__name__}: {error}")


def _cores() -> int:
    """Return the cores this process may use: a job of an array has a few of its machine's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _one_thread() -> None:
    """Keep numerical libraries of a worker to one thread; the processes are the parallelism."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"):
        os.environ[name] = "1"
