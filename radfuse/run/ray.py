"""The same work on a Ray cluster: more machines, one run folder that all of them see, the same stages and records."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from radfuse import machine
from radfuse.errors import CaseError, InputError, asked, is_typed, typed
from radfuse.run.schedule import CrewName, Died, Hands
from radfuse.run.workers import Crew, Job, Result, attempt

_KNOCK_S = 10.0
_PARTS = 10_000
"""That Ray counts a GPU in."""
AHEAD = 2
"""Jobs a core that are with the cluster at a time: none waits for the next, and the driver holds few."""
_EVEN = {"RAY_worker_niceness": "0"}
"""Ray's processes give way to all others by 15 steps, so that on a core that others use, too, they get 3 % of it; those
of a cluster that is started for the run do not, as local ones."""


def crew_on(where: str, gpu_share: float | None = None) -> Crew:
    """Return who works: "local" are processes of this machine, "ray" a cluster, started here unless there is one.

    Args:
        where: "local"; "ray", which finds a cluster by RAY_ADDRESS; or "ray://HOST:PORT".
        gpu_share: of a GPU, that a job which runs a network takes on a cluster; None: all of one.

    Raises:
        InputError: none of them, no such share, Ray is not installed, or the cluster does not answer.
    """
    if gpu_share is not None:
        _check_share(gpu_share, where)
    if where == "local":
        return Crew()
    if where != "ray" and not where.startswith("ray://"):
        raise InputError(
            f"{asked(f'--on {where!r}')} is nowhere to work; use local, ray, or ray://HOST:PORT of a cluster"
        )
    try:
        return RayCrew(_package(), None if where == "ray" else where, gpu_share or 1.0)
    except ModuleNotFoundError as error:
        raise InputError(
            f"{asked(f'--on {where}')} needs Ray ({error.name} is missing); install it with: pip install 'radfuse[ray]'"
        ) from error


def _package() -> Any:
    """Return Ray, whose workers are the Python that is installed where they work.

    Where the command was typed behind `uv run`, Ray would send all files of the working folder to the cluster, and have
    each worker install packages there; it reads when it is imported whether to. Who wants that sets the variable.
    """
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    return import_module("ray")


class RayCrew(Crew):
    """The processes of a Ray cluster; all its machines see the run folder and the images under the same paths.

    Args:
        ray: the package.
        address: of the cluster; None: that of RAY_ADDRESS, or a new one on this machine's cores.
        gpu_share: that a job which runs a network takes.
    """

    def __init__(self, ray: Any, address: str | None, gpu_share: float) -> None:
        self._ray = ray
        self._mine = not ray.is_initialized()
        self._alone = self._mine and address is None and "RAY_ADDRESS" not in os.environ
        if self._mine:
            _require_answer(address or os.environ.get("RAY_ADDRESS", ""))
        quiet = {"log_to_driver": False, "logging_level": "ERROR"}
        alone = {**quiet, "num_cpus": machine.cores(), "include_dashboard": False}
        try:
            if self._alone:
                with machine.one_thread_for_children(**_EVEN):
                    ray.init(**alone)
            elif self._mine:
                ray.init(address=address, **quiet)
        except Exception as error:  # of a node that does not start in time Ray says so by a plain one
            raise InputError(
                f"the Ray cluster {address or os.environ.get('RAY_ADDRESS', 'here')} does not answer ({error}); look "
                f"with `ray status`, or work here with {asked('--on local')}"
            ) from error
        resources = ray.cluster_resources()
        super().__init__(max(int(resources.get("CPU", 1)), 1))
        self._share = max(round(gpu_share * _PARTS), 1) / _PARTS
        each = _PARTS // round(self._share * _PARTS)
        self._networks = min(int(resources.get("GPU", 0)) * each, self.count)
        """Jobs that run a network on the cluster's GPUs at a time; each takes a core, too."""

    def hands(self, work: Callable[[Any], Any], count: int, crew: CrewName = "cores") -> Hands | None:
        """Return who does so many jobs; see `Crew.hands`.

        A job of a stage that runs a network takes its share of a GPU where the cluster has any.
        """
        if crew == "one" or count <= 1:
            return None
        if self._on_gpus(crew):
            return _Kept(self._ray, work, min(self._networks, count), self._share, self._limits)
        return self._hands(work, AHEAD * self.count)

    def beside(self, crew: CrewName) -> int:
        """See `Crew.beside`; the driver need not have a GPU."""
        return self.count - self._networks if self._on_gpus(crew) else 0

    def hands_beside(self, work: Callable[[Any], Any], crew: CrewName) -> Hands:
        """See `Crew.hands_beside`; none of their jobs waits for a core, or it would be served before the network's."""
        return self._hands(work, self.beside(crew))

    def _hands(self, work: Callable[[Any], Any], most: int) -> Hands:
        return _Cluster(self._ray, work, most, self._limits)

    @property
    def _limits(self) -> dict[str, Any]:
        """Have jobs take one thread each; the processes that start with a cluster of our own do so already."""
        return {} if self._alone else {"env_vars": dict.fromkeys(machine.LIBRARIES, "1")}

    def at_once(self, crew: CrewName) -> int:
        """See `Crew.at_once`."""
        return self._networks if self._on_gpus(crew) else self.count

    def _on_gpus(self, crew: CrewName) -> bool:
        return crew in ("network", "gpu") and self._networks > 0

    def threads_of(self, number: int, count: int) -> int:
        """See `Crew.threads_of`; each asked the cluster for one core."""
        return 1

    def _dismiss(self) -> None:
        if self._mine:
            self._ray.shutdown()


def _check_share(share: float, where: str) -> None:
    """Refuse a share that no job can have.

    Raises:
        InputError: it is not above 0 and at most 1, or work is not on a cluster.
    """
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
        raise InputError(
            f"{asked(f'--gpu-share {share}', f'gpu_share={share!r}')} is no share of a GPU; it is above 0 and at most "
            "1: 0.5 has two cases on each GPU at a time"
        )
    if where == "local":
        raise InputError(
            f"{asked('--gpu-share', '`gpu_share`')} is for the GPUs of a Ray cluster; add {asked('--on ray')}, or "
            "leave it out: here cases take turns on one GPU"
        )


def _require_answer(address: str) -> None:
    """Knock at HOST:PORT: Ray waits for minutes where nobody is, and ends the process.

    Raises:
        InputError: nobody answers there, or the port is missing.
    """
    scheme, _, place = address.rpartition("://")
    host, _, port = place.rpartition(":")
    if scheme == "ray" and not (host and port.isdigit()):
        raise InputError(f"{asked(f'--on {address!r}')} names no HOST:PORT; write ray://head-node:10001")
    if scheme in ("", "ray") and host and port.isdigit():
        try:
            socket.create_connection((host.strip("[]"), int(port)), _KNOCK_S).close()
        except (OSError, OverflowError) as error:
            raise InputError(
                f"nobody answers at {place}, where the Ray cluster should be ({error}); start it there with `ray start "
                f"--head`, correct the address, or work here with {asked('--on local')}"
            ) from error


class _Cluster:
    """The processes of a cluster; a job of which one dies goes to another one, of another machine where its own left.

    Args:
        ray: the package.
        work: to do.
        most: jobs that are with the cluster at a time.
        environment: of its process, which is started anew for it where that is another than the cluster's.
    """

    def __init__(self, ray: Any, work: Callable[[Any], Any], most: int, environment: dict[str, Any]) -> None:
        self.most = most
        self._ray = ray
        # who begins a job again is `scheduled`, the same for all: Ray by itself never gives up on a full memory
        self._remote = ray.remote(num_cpus=1, max_retries=0, runtime_env=environment)(_there)
        self._work, self._here = ray.put(work), str(Path.cwd())
        self._under_way: dict[Any, int] = {}

    def begin(self, number: int, job: Any) -> None:
        """See `Hands`."""
        self._under_way[self._remote.remote(self._work, job, self._here, is_typed())] = number

    def wait(self, seconds: float | None = None) -> list[tuple[int, Any]]:
        """See `Hands`."""
        through, others = self._ray.wait(list(self._under_way), num_returns=1, timeout=seconds)
        if others:
            through += self._ray.wait(others, num_returns=len(others), timeout=0)[0]
        return [(self._under_way.pop(task), self._result(task)) for task in through]

    def drop(self) -> None:
        """See `Hands`."""
        for task in self._under_way:
            self._ray.cancel(task)

    def _result(self, task: Any) -> Any:
        try:
            return self._ray.get(task)
        except self._ray.exceptions.RayTaskError as error:  # raised there on purpose: the machine stopped the work
            raise error.cause from error
        except self._ray.exceptions.RayError as error:
            return Died(type(error).__name__)


class _Kept(_Cluster):
    """The same by processes that stay, each with its share of a GPU and one job at a time.

    A process that had a GPU for one job is ended by Ray, so that each case would start Python and load the network.

    Args:
        ray: the package.
        work: to do.
        most: processes.
        gpus: that each of them takes.
        environment: of each.
    """

    def __init__(
        self, ray: Any, work: Callable[[Any], Any], most: int, gpus: float, environment: dict[str, Any]
    ) -> None:
        super().__init__(ray, work, most, environment)
        self._new = ray.remote(num_cpus=1, num_gpus=gpus, runtime_env=environment)(_Process).remote
        self._free = [self._new() for _ in range(most)]
        self._at_work: dict[Any, Any] = {}

    def begin(self, number: int, job: Any) -> None:
        """See `Hands`."""
        process = self._free.pop()
        task = process.do.remote(self._work, job, self._here, is_typed())
        self._under_way[task], self._at_work[task] = number, process

    def drop(self) -> None:
        """See `Hands`; who works next finds the GPUs free."""
        for process in (*self._free, *self._at_work.values()):
            self._ray.kill(process)

    def _result(self, task: Any) -> Any:
        process, found = self._at_work.pop(task), super()._result(task)
        self._free.append(self._new() if isinstance(found, Died) else process)
        return found


class _Process:
    """A process that stays, with what its jobs keep in its memory."""

    def do(self, work: Callable[[Job], Result], job: Job, folder: str, types: bool) -> Result | CaseError:
        """Do a job; see `_there`."""
        return _there(work, job, folder, types)


def _there(work: Callable[[Job], Result], job: Job, folder: str, types: bool) -> Result | CaseError:
    """Do a job on another machine, where paths and messages are as here; `types` as `errors.typed` has it."""
    machine.take_one_thread()
    os.chdir(folder)
    with typed(types):
        return attempt(work, job)
