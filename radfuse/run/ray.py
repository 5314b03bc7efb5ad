"""The same work on a Ray cluster: more machines, one run folder that all of them see, the same stages and records."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from radfuse import machine
from radfuse.errors import CaseError, InputError, MachineError
from radfuse.run.workers import Crew, Job, Result, attempt

_RETRIES = 2
"""Times that a job is given to another process after the one at it died."""
_AHEAD = 2
"""Jobs a core that are with the cluster at a time: none waits for the next, and the driver holds few."""


def crew_on(where: str) -> Crew:
    """Return who works: "local" are processes of this machine, "ray" a cluster, started here unless there is one.

    Args:
        where: "local"; "ray", which finds a cluster by RAY_ADDRESS; or "ray://HOST:PORT".

    Raises:
        InputError: none of them, Ray is not installed, or the cluster does not answer.
    """
    if where == "local":
        return Crew()
    if where != "ray" and not where.startswith("ray://"):
        raise InputError(f"--on {where!r} is nowhere to work; use local, ray, or ray://HOST:PORT of a cluster")
    try:
        return RayCrew(import_module("ray"), None if where == "ray" else where)
    except ModuleNotFoundError as error:
        raise InputError(
            f"--on {where} needs Ray ({error.name} is missing); install it with: pip install 'radfuse[ray]'"
        ) from error


class RayCrew(Crew):
    """The processes of a Ray cluster; all its machines see the run folder and the images under the same paths.

    Args:
        ray: the package.
        address: of the cluster; None: that of RAY_ADDRESS, or a new one on this machine's cores.
    """

    def __init__(self, ray: Any, address: str | None) -> None:
        self._ray = ray
        self._mine = not ray.is_initialized()
        quiet = {"log_to_driver": False, "logging_level": "ERROR"}
        alone = {**quiet, "num_cpus": machine.cores(), "include_dashboard": False}
        alone["_system_config"] = {"task_oom_retries": _RETRIES}
        try:
            if self._mine and address is None and "RAY_ADDRESS" not in os.environ:
                ray.init(**alone)
            elif self._mine:
                ray.init(address=address, **quiet)
        except (ConnectionError, TimeoutError, RuntimeError, ValueError) as error:
            raise InputError(
                f"the Ray cluster {address or os.environ.get('RAY_ADDRESS', 'here')} does not answer ({error}); look "
                "with `ray status`, or work here with --on local"
            ) from error
        resources = ray.cluster_resources()
        super().__init__(max(int(resources.get("CPU", 1)), 1))
        self._gpus = int(resources.get("GPU", 0))

    def each(
        self,
        work: Callable[[Job], Result],
        jobs: Sequence[Job],
        crew: Literal["one", "cores", "network"] = "cores",
    ) -> Iterator[tuple[Job, Result | CaseError]]:
        """Yield each job with its result, or with the error that stopped it; see `Crew.each`.

        A job of a stage that runs a network takes a GPU of its own where the cluster has any. A job whose process or
        machine dies goes to another one, twice.
        """
        if crew == "one" or len(jobs) <= 1:
            yield from super().each(work, jobs, "one")
            return
        ray = self._ray
        gpus = 1 if crew == "network" and self._gpus else 0
        limits = {"env_vars": dict.fromkeys(machine.LIBRARIES, "1")}
        remote = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=_RETRIES, runtime_env=limits)(_there)
        own, here = ray.put(work), str(Path.cwd())
        waiting: dict[Any, Job] = {}
        left = iter(jobs)
        try:
            while True:
                for job in left:
                    waiting[remote.remote(own, job, here)] = job
                    if len(waiting) >= _AHEAD * self.count:
                        break
                if not waiting:
                    return
                (ready, *_), _ = ray.wait(list(waiting), num_returns=1)
                job = waiting.pop(ready)
                yield job, self._result(ready, job)
        finally:
            for task in waiting:
                ray.cancel(task)

    def _result(self, ready: Any, job: object) -> Any:
        try:
            return self._ray.get(ready)
        except self._ray.exceptions.RayTaskError as error:  # raised there on purpose: the machine stopped the work
            raise error.cause from error
        except self._ray.exceptions.RayError as error:
            return MachineError(
                str(job),
                f"its process died {_RETRIES + 1} times ({type(error).__name__}); the machine may be out of memory",
            )

    def _dismiss(self) -> None:
        if self._mine:
            self._ray.shutdown()


def _there(work: Callable[[Job], Result], job: Job, folder: str) -> Result | CaseError:
    """Do a job on another machine, where paths mean what they mean here."""
    machine.take_one_thread()
    os.chdir(folder)
    return attempt(work, job)
