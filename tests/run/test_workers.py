"""Work on several processes: one bad job never takes the others down."""

from __future__ import annotations

import multiprocessing
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from workshop import dies_once, function, process, work

from radfuse import machine
from radfuse.errors import CaseError, RunError
from radfuse.pipeline import run_study
from radfuse.run import workers
from radfuse.run.schedule import CrewName
from radfuse.run.workers import Crew


@pytest.mark.parametrize("workers", [1, 2])
def test_every_job_comes_back_with_its_result_or_its_error(workers: int) -> None:
    found = {
        job: result if isinstance(result, int) else str(result)
        for job, result in Crew(workers).each(work, [1, 2, 3, 4, 5])
    }
    assert found == {
        1: 1,
        2: 4,
        3: "three: no voxel",
        4: "4: ZeroDivisionError: division by zero",
        5: "5: a bad file",
    }


def test_a_process_that_dies_is_one_failed_job() -> None:
    found = dict(Crew(2).each(work, [1, 6, 2, 7]))
    assert {job: result for job, result in found.items() if job != 6} == {1: 1, 2: 4, 7: 49}
    assert str(found[6]) == "6: its process died 3 times; the machine may be out of memory"


def test_a_job_whose_process_was_killed_is_begun_again(tmp_path: Path) -> None:
    jobs = [tmp_path / "a", tmp_path / "b"]
    with Crew(2) as crew:
        assert dict(crew.each(dies_once, jobs)) == dict.fromkeys(jobs, "lived")


def test_a_result_that_does_not_pickle_is_one_failed_job() -> None:
    with Crew(2) as crew:
        found = dict(crew.each(function, [1, 2]))
    assert "1: its result cannot be handed on" in str(found[1])


def test_processes_stay_for_the_next_work_and_leave_at_the_end() -> None:
    with Crew(2) as crew:
        assert crew.now("running") == "one"
        first = {result for _, result in crew.each(process, [1, 2, 3, 4])}
        assert crew.now("running") == "cores"
        assert {result for _, result in crew.each(process, [5, 6, 7, 8])} <= first
    for each in multiprocessing.active_children():
        each.join(20)
    assert not multiprocessing.active_children()


def test_a_job_goes_to_the_process_that_has_begun_its_kin(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[tuple[int, str]] = []

    class Played:
        number = kin = None

        def begin(self, work: object, number: int, job: str) -> None:
            self.number = number
            begun.append((team.index(self), job))

    monkeypatch.setattr(workers, "_Worker", Played)
    team: list[Any] = []
    hands = workers._Processes(work, team, 2)
    take = hands.kindred(["a1", "a2", "b1", "b2"], lambda job: job[0])
    for number in range(2):
        hands.begin(number, take())
    for worker in reversed(team):  # the second is through first
        worker.number = None
        hands.begin(9, take())

    assert begun == [(0, "a1"), (1, "b1"), (1, "b2"), (0, "a2")]


def test_errors_survive_the_way_between_processes() -> None:
    ((_, error),) = [pair for pair in Crew(2).each(work, [3, 2]) if pair[0] == 3]
    assert isinstance(error, CaseError)
    assert (error.item, error.message) == ("three", "no voxel")


def test_a_job_with_one_core_of_its_machine_starts_no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5}, raising=False)
    assert {result for _, result in Crew().each(process, [1, 2, 3])} == {os.getpid()}


_READ = {number: threading.Event() for number in (1, 2)}
_AT_WORK = [0]


def segmented(number: int) -> int:
    """Read, wait for the network until the next case is read too, and write."""
    _READ[number].set()
    with machine.NETWORK_TURN:
        _AT_WORK[0] += 1
        others = _AT_WORK[0]
        assert _READ[3 - number].wait(20), "nobody read ahead"
        _AT_WORK[0] -= 1
    return others


@pytest.mark.parametrize(("who", "cores"), [("network", 1), ("gpu", 1), ("gpu", 2)])
def test_one_process_reads_the_next_case_while_the_network_runs(who: CrewName, cores: int) -> None:
    for event in _READ.values():
        event.clear()
    with Crew(cores) as crew:
        assert dict(crew.each(segmented, [1, 2], who)) == {1: 1, 2: 1}


def test_nothing_more_is_begun_when_nobody_asks_any_more() -> None:
    begun = []

    def slow(number: int) -> int:
        begun.append(number)
        threading.Event().wait(0.2 if number else 0)
        return number

    with Crew(1) as crew:
        results = crew.each(slow, list(range(200)), "network")
        assert next(results) == (0, 0)
        results.close()
    assert len(begun) < 10


def _daemon_counts(_: int) -> tuple[int, list[int]]:
    with Crew() as crew:
        return crew.count, [result for _, result in crew.each(work, [1, 2]) if isinstance(result, int)]


def test_a_worker_of_a_pool_which_may_start_no_process_does_all_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cores", lambda: 2)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.map(_daemon_counts, [0]) == [(1, [1, 4])]


def test_a_worker_that_imports_the_script_which_started_it_ends_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would find the run folder in use, by the very study that it is to work for."""
    monkeypatch.setattr(multiprocessing.current_process(), "_inheriting", True, raising=False)
    for start in (Crew, lambda: run_study("nowhere.yaml")):
        with pytest.raises(SystemExit):
            start()


def test_a_job_of_a_class_that_no_worker_finds_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a class in a notebook's cell: its process died three times, and memory was blamed."""
    cell = ModuleType("cell")
    exec("class Job: pass", vars(cell))
    monkeypatch.setitem(sys.modules, "cell", cell)
    with pytest.raises(RunError, match=r"No module named 'cell'.*into a module \(a \.py file\)"), Crew(2) as crew:
        list(crew.each(work, [cell.Job(), cell.Job()]))


POOL = """
import multiprocessing, os, sys, time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from radfuse.run.workers import take_place

def work(number):
    Path(f"{number}.part").write_text(str(os.getpid()))
    Path(f"{number}.part").rename(f"{number}.at_work")
    time.sleep(100)

if __name__ == "__main__":
    with ProcessPoolExecutor(2, multiprocessing.get_context(sys.argv[1]), initializer=take_place) as crew:
        list(crew.map(work, [0, 1]))
"""


def is_there(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def within(seconds: float, holds: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="looks at processes as Linux shows them")
@pytest.mark.slow
@pytest.mark.parametrize("way", ["fork", "spawn", "forkserver"])
def test_a_pool_ends_with_a_script_that_is_killed(way: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(POOL)
    here = {**os.environ, "PYTHONPATH": os.pathsep.join(place for place in sys.path if place)}
    parent = subprocess.Popen([sys.executable, "script.py", way], cwd=tmp_path, env=here)
    try:
        within(60, lambda: len(list(tmp_path.glob("*.at_work"))) == 2)
    finally:
        parent.kill()
        parent.wait()
    processes = [int(file.read_text()) for file in tmp_path.glob("*.at_work")]
    within(10, lambda: not any(map(is_there, processes)))


def test_pools_of_scripts_do() -> None:
    for file in (Path(__file__).parents[2] / "scripts").glob("*.py"):
        for call in re.findall(r"ProcessPoolExecutor\(.*", file.read_text(encoding="utf-8")):
            assert "initializer=take_place" in call, f"{file.name}: {call}"
