"""Desks: jobs one after another or side by side, how far they are, what a kill leaves, and which errors come back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from radfuse import machine
from radfuse.errors import InputError
from radfuse.run.carry import carry_out
from radfuse.run.folder import RunFolder
from radfuse.run.stage import Desk, Stage
from radfuse.run.workers import Crew


@dataclass(frozen=True)
class Job:
    """A number to count to."""

    name: str
    number: int

    def __str__(self) -> str:
        return self.name


def count(job: Job, desk: Desk) -> str:
    """Count, a kill away from where it stands; say where it began, and how many threads it may take."""
    place = desk.folder / "at"
    first = int(place.read_text()) if place.is_file() else 0
    desk.say("counting")
    for step in range(first, job.number):
        place.write_text(str(step + 1))
        desk.tell(step + 1, job.number)
        if job.name == "dies" and step == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        if job.name == "refuses" and step == 1:
            raise InputError("two is enough; count less")
        time.sleep(0.3 if job.name == "slow" else 0)
    return f"{first} {machine.threads()}"


def store(result: str, path: Path) -> None:
    path.write_text(result)


STAGE: Stage[Job, str] = Stage(
    "count", 1, lambda _: (), count, store, lambda job: f"counts/{job.name}", "counting", crew="cores", desk=True
)


def do(run: RunFolder, workers: int, **jobs: int) -> tuple[list[str], list[tuple[str, int, int]]]:
    told: list[tuple[str, int, int]] = []
    with Crew(workers) as crew:
        made = [Job(name, number) for name, number in jobs.items()]
        carry_out(STAGE, made, run, crew, lambda *what: told.append(what))
    return [(run.path / "counts" / name).read_text() for name in jobs], told


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.open(tmp_path / "run", "study")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes are killed otherwise here")
def test_side_by_side_each_goes_on_from_its_desk_after_its_process_died(run: RunFolder) -> None:
    results, told = do(run, 2, dies=5, slow=6, last=3)
    began, threads = zip(*(map(int, result.split()) for result in results), strict=True)
    assert began == (3, 0, 0)
    assert threads == (1, 1, 2)  # who is alone in the last round has both cores
    shares = [done / total for what, done, total in told if what.endswith(": counting")]
    assert shares == sorted(shares)
    assert 0 < shares[0] < 1
    assert any(what.startswith("counting 1 to 2 of 3") for what, *_ in told)
    assert not list((run.path / "work" / "count").iterdir())


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_job_refuses_is_told_as_it_was_and_its_desk_stays(run: RunFolder, workers: int) -> None:
    with pytest.raises(InputError, match=r"^two is enough; count less$"):
        do(run, workers, refuses=5, other=1)
    assert next((run.path / "work" / "count").glob("refuses*/at")).read_text() == "2"


def test_one_after_another_each_is_told_by_itself(run: RunFolder) -> None:
    results, told = do(run, 1, first=2, second=2)
    assert [result.split()[0] for result in results] == ["0", "0"]
    assert ("counting 2 of 2: counting", 1, 2) in told


ORPHANED = """
import os, sys, time
from pathlib import Path
from radfuse.run.workers import Crew

def sleep(path):
    Path(path).write_text(str(os.getpid()))
    time.sleep(60)

if __name__ == "__main__":
    with Crew(2) as crew:
        list(crew.each(sleep, sys.argv[1:]))
"""


@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="processes are looked at otherwise here")
def test_workers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    script, pids = tmp_path / "orphaned.py", [tmp_path / "0", tmp_path / "1"]
    script.write_text(ORPHANED)
    with subprocess.Popen([sys.executable, str(script), *map(str, pids)]) as driver:
        wait_until(lambda: all(path.is_file() and path.read_text() for path in pids))
        driver.kill()
    wait_until(lambda: not any(is_alive(path.read_text()) for path in pids))


def is_alive(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"  # ended, and nobody asked
    except OSError:
        return False


def wait_until(holds: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
