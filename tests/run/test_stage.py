"""The engine: what is made, what is found, what fails and how it is told."""

from __future__ import annotations

import errno
import json
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from radfuse.errors import CaseError, InputError, MachineError, RunError
from radfuse.run.carry import carry_out
from radfuse.run.folder import RunFolder, put_aside
from radfuse.run.stage import Desk, Stage
from radfuse.run.workers import Crew


@dataclass(frozen=True)
class Job:
    """A number to be squared."""

    name: str
    number: int

    def __str__(self) -> str:
        return self.name


def square(job: Job) -> int:
    if job.number < 0:
        raise InputError("negative")
    if job.number == 13:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "image.nrrd")
    return job.number**2


def store(result: int, path: Path) -> None:
    path.write_text(str(result))


def refuse(result: int, path: Path) -> None:
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def stage(**changes: object) -> Stage[Job, int]:
    settings = {"fails": "stays", "crew": "cores", **changes}
    given = {"work": square, "write": store} | {
        name: settings.pop(name) for name in ("work", "write") if name in settings
    }
    return Stage("square", 1, lambda _: (), place=lambda job: f"squares/{job.name}", **given, **settings)  # type: ignore[arg-type]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.open(tmp_path / "run", "study")


def do(made: Stage[Job, int], run: RunFolder, *numbers: int, workers: int = 1) -> tuple[list[str], dict[str, str]]:
    jobs = [Job(f"n{number}", number) for number in numbers]
    with Crew(workers) as crew:
        done = carry_out(made, jobs, run, crew, lambda *_: None)
    return list(done.keys), {str(job): error for job, error in done.failed}


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_finished_is_found_and_failures_stay_alone(run: RunFolder, workers: int) -> None:
    made, failed = do(stage(), run, 3, -1, 2, workers=workers)
    assert made == ["squares/n3", "squares/n2"]
    assert failed == {"n-1": "negative"}
    assert (run.path / "squares/n3").read_text() == "9"
    assert sorted(run.made) == ["squares/n2", "squares/n3"]
    do(stage(), run, 3, 2, 4, workers=workers)
    assert sorted(run.reused) == ["squares/n2", "squares/n3"]
    assert sorted(run.made) == ["squares/n2", "squares/n3", "squares/n4"]
    assert not list(run.path.rglob("*.tmp"))


def test_an_input_that_cannot_be_read_is_not_told_as_one_that_cannot_be_written(run: RunFolder) -> None:
    _, failed = do(stage(), run, 13)
    assert failed == {"n13": "cannot read image.nrrd: Permission denied"}


def test_a_place_that_cannot_be_written_stops_the_run(run: RunFolder) -> None:
    with pytest.raises(RunError, match=r"cannot write .*squares/n2: Read-only file system; choose a folder"):
        do(stage(write=refuse), run, 2)


def test_a_failure_that_stops_the_study_is_raised_as_it_is(run: RunFolder) -> None:
    with pytest.raises(InputError, match="negative"):
        do(stage(fails="stops"), run, 2, -1, 3)
    assert run.made == ["squares/n2"]


def test_a_desk_outlives_a_kill_and_is_gone_when_the_work_is_done(run: RunFolder) -> None:
    seen: list[Path] = []

    def work(job: Job, desk: Desk) -> int:
        desk.tell(1, 2)
        seen.append(desk.folder)
        if not (desk.folder / "half").exists():
            (desk.folder / "half").write_text("done")
            raise KeyboardInterrupt
        return 7

    with pytest.raises(KeyboardInterrupt):
        do(stage(work=work, desk=True, fails="stops"), run, 2)
    assert do(stage(work=work, desk=True, fails="stops"), run, 2)[0] == ["squares/n2"]
    assert seen[0] == seen[1]
    assert not seen[0].exists()


def test_whoever_waits_is_told_before_the_first_job_and_of_each(run: RunFolder) -> None:
    told: list[tuple[str, int, int]] = []

    def ready(job: Job, tell: Callable[[str], None]) -> None:
        tell(f"warming up for {job}")

    jobs = [Job("a", 1), Job("b", 2)]
    with Crew(1) as crew:
        carry_out(stage(ready=ready, what="squaring"), jobs, run, crew, lambda *now: told.append(now))
    assert [now for now in told if now[0] != "checking results"] == [
        ("warming up for a", 0, 1),
        ("warming up for a", 1, 1),
        ("squaring", 0, 2),
        ("squaring", 1, 2),
        ("squaring", 2, 2),
        ("squaring", 2, 2),
    ]
    told.clear()
    with Crew(1) as crew:
        carry_out(stage(ready=ready, what="squaring"), jobs, run, crew, lambda *now: told.append(now))
    assert "warming up for a" not in {what for what, *_ in told}


def forgets(job: Job) -> int:
    raise MemoryError


def test_failures_of_the_same_inputs_wait_to_be_tried_again(run: RunFolder) -> None:
    do(stage(), run, 2, -1)
    assert do(stage(work=abs_of), run, 2, -1) == (["squares/n2"], {"n-1": "negative"})
    assert run.left == ["squares/n-1"]
    with Crew(1) as crew:
        jobs = [Job("n2", 2), Job("n-1", -1)]
        done = carry_out(stage(work=abs_of), jobs, run, crew, lambda *_: None, retry_failed=True)
    assert list(done.keys) == ["squares/n2", "squares/n-1"]
    assert do(stage(work=abs_of), run, 2, -1)[1] == {}


def abs_of(job: Job) -> int:
    return abs(job.number)


def test_what_the_machine_stopped_is_tried_again_by_itself(run: RunFolder) -> None:
    assert do(stage(work=forgets), run, 2)[1] == {"n2": "MemoryError: "}
    assert do(stage(), run, 2) == (["squares/n2"], {})


def test_records_and_log_say_what_a_result_took_and_where(run: RunFolder) -> None:
    do(stage(), run, 2)
    record = run.record("squares/n2")
    assert record is not None
    assert record.machine == socket.gethostname()
    assert record.seconds > 0
    begun, made = map(json.loads, (run.path / "log.jsonl").read_text().splitlines())
    assert {name: begun[name] for name in ("event", "stage", "jobs", "finished", "failed", "workers")} == {
        "event": "begins",
        "stage": "square",
        "jobs": 1,
        "finished": 0,
        "failed": 0,
        "workers": 1,
    }
    assert (made["event"], made["item"], made["machine"]) == ("done", "squares/n2", record.machine)


@dataclass(frozen=True)
class FileJob:
    """A file to be measured."""

    name: str
    file: Path

    def __str__(self) -> str:
        return self.name


def length(job: FileJob) -> int:
    return len(job.file.read_bytes())


def test_a_file_that_cannot_be_read_fails_its_own_job_alone(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("four")
    jobs = [FileJob("gone", tmp_path / "gone"), FileJob("a", tmp_path / "a")]
    with Crew(1) as crew:
        done = carry_out(measuring(), jobs, run, crew, lambda *_: None)
    assert list(done.keys) == ["lengths/a"]
    assert [(str(job), error) for job, error in done.failed] == [
        ("gone", f"cannot read {tmp_path / 'gone'}: No such file or directory")
    ]


def measuring() -> Stage[FileJob, int]:
    return Stage("length", 1, lambda _: (), length, store, lambda job: f"lengths/{job.name}", fails="drops")


def test_much_that_is_new_is_read_by_the_crew_and_a_second_time_by_nobody(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("radfuse.run.carry._MUCH", 1)
    (tmp_path / "series").mkdir()
    (tmp_path / "series" / "001").write_text("one")
    (tmp_path / "a").write_text("four")
    jobs = [FileJob(name, tmp_path / name) for name in ("a", "series", "gone")]
    told: list[str] = []
    with Crew(2) as crew:
        done = carry_out(measuring(), jobs, run, crew, lambda what, *_: told.append(what))
    assert list(done.keys) == ["lengths/a"]
    assert "reading files" in told
    alone = RunFolder.open(tmp_path / "alone", "study")
    with Crew(1) as crew:
        assert carry_out(measuring(), jobs, alone, crew, lambda *_: None).keys == done.keys
    told.clear()
    with Crew(2) as crew:
        carry_out(measuring(), jobs, run, crew, lambda what, *_: told.append(what))
    assert "reading files" not in told
    assert run.unread(tmp_path / "series") == run.unread(tmp_path / "a") == 0
    (tmp_path / "a").write_text("another")
    assert run.unread(tmp_path / "a") == 7


def test_what_is_through_together_is_recorded_together(run: RunFolder) -> None:
    through = [("n1", "k1", put_aside(run.path / "n1", partial(store, 1), 0.0)), ("n2", "k2", CaseError("n2", "bad"))]
    through += [("n3", "k3", MachineError("n3", "died"))]
    run.store("square", through)
    records = {name: run.record(name) for name in ("n1", "n2", "n3")}
    assert {name: (found.status, found.key) for name, found in records.items() if found} == {
        "n1": ("done", "k1"),
        "n2": ("failed", "k2"),
        "n3": ("failed", ""),
    }
    assert (run.path / "n1").read_text() == "1"
    (run.path / "n4").mkdir()
    (run.path / "n4.record.json").mkdir()
    with pytest.raises(RunError, match=r"cannot write .*n4"):
        run.store("square", [("n4", "k", CaseError("n4", "bad")), ("n2", "k2", CaseError("n2", "bad"))])
