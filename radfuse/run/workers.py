"""Work on the processes of this machine: results as they come, and no job can take the others down."""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from multiprocessing import connection, util
from typing import Any, Self, TypeVar

from radfuse import machine
from radfuse.errors import CaseError, MachineError, RadfuseError, RunError, is_typed, typed
from radfuse.run.kindred import Kin, Kindred
from radfuse.run.schedule import CrewName, Died, Hands, scheduled

Job = TypeVar("Job")
Result = TypeVar("Result")
_OWN_CLASSES = "write classes of your own into a module (a .py file): processes cannot see those of a notebook's cells"
_HANDS = 3
"""Threads of a process that runs a network: while it runs for one case, the next is read and the last is written."""


def end_if_imported() -> None:
    """End a worker that runs, without a word, the script that its study was started from, as it imports that.

    The study is told to have no worker; an error from here would say that its run folder is in use.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise SystemExit(1)


class Crew:
    """The processes of one run, started when they are first needed and kept for all its stages.

    Args:
        workers: processes; the cores this process may use when None.

    Attributes:
        count: of the processes.
    """

    def __init__(self, workers: int | None = None) -> None:
        end_if_imported()
        alone = multiprocessing.current_process().daemon  # a worker of multiprocessing.Pool may start no process
        self.count = 1 if alone else workers or machine.cores()
        self._team: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._dismiss()

    def each(
        self,
        work: Callable[[Job], Result],
        jobs: Sequence[Job],
        crew: CrewName = "cores",
    ) -> Iterator[tuple[Job, Result | CaseError]]:
        """Yield each job with its result, or with the error that stopped it, in the order they finish.

        Args:
            work: a function of a module; runs in another process.
            jobs: what it is called with; must pickle.
            crew: a process a core, or "one": all runs here, as with one core or one job. "gpu" is this process, on a
                few threads that take turns with a network on its GPU (`machine.NETWORK_TURN`); "network" is the same
                on a single core, whose threads read and write beside it, else a process a core.

        Raises:
            RunError: the machine stopped the work.
        """
        for through in self.together(work, jobs, crew):
            yield from through

    def together(
        self,
        work: Callable[[Job], Result],
        jobs: Sequence[Job],
        crew: CrewName = "cores",
        kin: Kin[Job] | None = None,
    ) -> Iterator[list[tuple[Job, Result | CaseError]]]:
        """Yield the same, those at once that are through at a time; a process goes on with the kin it has begun."""
        hands = self.hands(work, len(jobs), crew)
        if hands is not None:
            take = hands.kindred(jobs, kin) if kin is not None and isinstance(hands, _Processes) else None
            yield from scheduled(hands, jobs, take)
            return
        for job in jobs:
            yield [(job, attempt(work, job))]

    def hands(self, work: Callable[[Any], Any], count: int, crew: CrewName = "cores") -> Hands | None:
        """Return who does so many jobs; None: one after another, here."""
        if crew == "one" or count <= 1:
            return None
        if crew == "gpu" or (crew == "network" and self.count == 1):
            return _Threads(work)
        if self.count == 1:
            return None
        return _Processes(work, self._team, min(self.count, count))

    def beside(self, crew: CrewName) -> int:
        """Return how many jobs of a core each can be done beside such a crew; 0: nobody is free then."""
        return self.count - 1 if crew == "gpu" else 0  # a core is the network's: it reads and writes cases

    def hands_beside(self, work: Callable[[Any], Any], crew: CrewName) -> Hands:
        """Return who does them."""
        return _Processes(work, self._team, self.beside(crew))

    def now(self, crew: CrewName) -> CrewName:
        """Return who does it by now: processes that run already are quicker for small jobs; starting them is not."""
        return crew if crew != "running" else "cores" if self._team else "one"

    def at_once(self, crew: CrewName) -> int:
        """Return how many jobs are done at a time, where there are enough."""
        return _HANDS if crew == "gpu" else self.count

    def threads_of(self, number: int, count: int) -> int:
        """Return the threads that job `number` of `count` may take where as many as can be are done at a time.

        Those of the last round share the cores that are left over.
        """
        at_once = min(self.count, count)
        in_its_round = min(at_once, count - number // at_once * at_once)
        return max(self.count // in_its_round, 1)

    def _dismiss(self) -> None:
        for worker in self._team:
            worker.leave()
        self._team.clear()


class _Threads:
    """Threads of this process."""

    def __init__(self, work: Callable[[Any], Any]) -> None:
        self.most = 2 * _HANDS
        self._work = work
        self._pool = ThreadPoolExecutor(_HANDS)
        self._under_way: dict[Future[Any], int] = {}

    def begin(self, number: int, job: Any) -> None:
        """See `Hands`."""
        self._under_way[self._pool.submit(attempt, self._work, job)] = number

    def wait(self, seconds: float | None = None) -> list[tuple[int, Any]]:
        """See `Hands`."""
        done, _ = wait(self._under_way, seconds, FIRST_COMPLETED)
        return [(self._under_way.pop(future), future.result()) for future in done]

    def drop(self) -> None:
        """See `Hands`; waits for what was begun."""
        self._pool.shutdown(cancel_futures=True)


class _Worker:
    """A process that does one job after another; where it dies it is known at which."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.line, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there, is_typed()))
        with machine.one_thread_for_children():
            self._process.start()
        there.close()
        util.Finalize(self, self.line.close, exitpriority=10)  # or the interpreter waits for it when it ends
        self.number: int | None = None
        self.kin: Hashable = None
        self._started = False

    def begin(self, work: Callable[[Any], Any], number: int, job: Any) -> None:
        """Hand it a job."""
        self.number = number
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it died: found when its result is asked for
            self.line.send((work, job))

    def results(self) -> list[Any]:
        """Return what came of its job, or `Died`; nothing after a sign of life.

        Raises:
            RunError: it could not start, or the machine stopped the work.
        """
        try:
            result = self.line.recv()
        except (EOFError, ConnectionResetError):
            if self._started:
                return [Died()]
            raise RunError(
                "no worker process can be started; a script that runs a study calls it below "
                '`if __name__ == "__main__":`'
            ) from None
        if isinstance(result, RunError):
            raise result
        told, self._started = [result] if self._started else [], True
        return told

    def leave(self) -> None:
        """Let it end, once it is through; nobody asks for what it does now."""
        self.line.close()
        if self.number is not None:
            self._process.terminate()


class _Processes:
    """Processes of this machine; each is given its next job when it is through with one.

    Args:
        work: to do.
        team: who is there already, from stages before; grows here.
        most: processes.
    """

    def __init__(self, work: Callable[[Any], Any], team: list[_Worker], most: int) -> None:
        self.most = most
        self._work, self._team = work, team
        self._kin: Kin[Any] = _none

    def kindred(self, jobs: Sequence[Any], kin: Kin[Any]) -> Callable[[], Any]:
        """Return what gives the next of jobs, each to a process that has begun its kin where that can be."""
        left, self._kin = Kindred(jobs, kin), kin
        for worker in self._team:
            worker.kin = None
        return lambda: left.take([worker.kin for worker in self._free()], self._at_work())

    def begin(self, number: int, job: Any) -> None:
        """See `Hands`."""
        free, kin = self._free(), self._kin(job)
        worker = next((worker for worker in free if worker.kin == kin), free[0] if free else None)
        if worker is None:
            self._team.append(worker := _Worker())
        worker.kin = kin
        worker.begin(self._work, number, job)

    def _free(self) -> list[_Worker]:
        return [worker for worker in self._team if worker.number is None]

    def _at_work(self) -> set[Hashable]:
        return {worker.kin for worker in self._team if worker.number is not None}

    def wait(self, seconds: float | None = None) -> list[tuple[int, Any]]:
        """See `Hands`."""
        at_work: dict[object, _Worker] = {worker.line: worker for worker in self._team if worker.number is not None}
        found: list[tuple[int, Any]] = []
        while not found and (told := connection.wait([worker.line for worker in at_work.values()], seconds)):
            for line in told:
                worker = at_work[line]
                for result in worker.results():
                    assert worker.number is not None
                    found.append((worker.number, result))
                    worker.number = None
                    if isinstance(result, Died):
                        worker.leave()
                        self._team.remove(worker)
        return found

    def drop(self) -> None:
        """See `Hands`."""
        for worker in [worker for worker in self._team if worker.number is not None]:
            worker.leave()
            self._team.remove(worker)


def _none(_: object) -> None:
    """The kin of jobs that share nothing."""


def _serve(line: connection.Connection, types: bool) -> None:
    """Do jobs as they come, until nobody is there any more; `types` as `errors.typed` has it."""
    take_place()
    gone = (EOFError, BrokenPipeError, ConnectionResetError, KeyboardInterrupt)
    with typed(types), contextlib.suppress(*gone):
        line.send(None)
        while True:
            try:
                work, job = line.recv()
            except (AttributeError, ImportError) as error:
                line.send(RunError(f"a worker process cannot be given its job ({error}); {_OWN_CLASSES}"))
                continue
            try:
                result = attempt(work, job)
            except RunError as error:
                result = error
            try:
                line.send(result)
            except (TypeError, AttributeError, pickle.PicklingError) as error:
                line.send(CaseError(str(job), f"its result cannot be handed on: {error}"))


def take_place() -> None:
    """Begin as a worker, of a pool too: with one thread, and for no longer than the process lives that started it."""
    machine.take_one_thread()
    machine.end_with_parent()


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
