"""What logs tell of a run: hand-made lines whose rates can be checked by hand, and a real run's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from radfuse.errors import InputError
from radfuse.results.pace import StagePace, bottleneck
from radfuse.run.folder import RunFolder
from radfuse.run.ledger import paces_of, read_ledger


def event(kind: str, second: float, **facts: object) -> str:
    minute, rest = divmod(second, 60)
    return json.dumps({"time": f"2026-11-26T05:{minute:02.0f}:{rest:06.3f}+00:00", "event": kind, **facts})


def begins(second: float, jobs: int, finished: int = 0, failed: int = 0, workers: int = 2) -> str:
    counts = {"jobs": jobs, "finished": finished, "failed": failed, "workers": workers}
    return event("begins", second, stage="extract", **counts)


def done(second: float, item: str, machine: str = "a") -> str:
    took = {"seconds": 4.0, "cpu_seconds": 3.0, "bytes_read": 1000, "machine": machine}
    return event("done", second, stage="extract", item=item, **took)


def failed(second: float, item: str, error: str = "no mask") -> str:
    return event("failed", second, stage="extract", item=item, error=error, machine="a")


def log(folder: Path, *lines: str, name: str = "log.jsonl") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder


def test_done_failed_left_and_pace_of_a_run(tmp_path: Path) -> None:
    run = log(tmp_path, begins(0, 100, finished=40, failed=1), done(36, "c1"), failed(54, "c2"), done(72, "c3"))
    (stage,) = read_ledger(run).stages
    assert (stage.done, stage.failed, stage.left) == (42, 2, 56)
    assert stage.per_hour == pytest.approx(3 / 72 * 3600)
    assert stage.seconds_left is None  # nobody works there
    assert stage.machines == {"a": 3}


def test_a_run_at_work_says_when_it_will_be_through(tmp_path: Path) -> None:
    folder = RunFolder.open(tmp_path / "run", "study")
    try:
        folder.log("begins", stage="extract", jobs=10, finished=0, failed=0, workers=1)
        folder.log("done", stage="extract", item="c1", seconds=1.0)
        ledger = read_ledger(folder.path)
        (stage,) = ledger.stages
        assert ledger.holder is not None
        assert ledger.holder.startswith("process ")
        assert stage.left == 9
        assert stage.per_hour is not None
        assert stage.seconds_left == pytest.approx(9 * 3600 / stage.per_hour)
    finally:
        folder.close()
    assert read_ledger(folder.path).holder is None


def test_the_last_pass_counts_and_what_fails_until_it_is_mended(tmp_path: Path) -> None:
    first = [begins(0, 3), done(1, "c1"), failed(2, "c2"), failed(3, "c3", "cut off")]
    run = log(tmp_path, *first, begins(60, 3, finished=1, failed=1), done(61, "c2"))
    ledger = read_ledger(run)
    assert [(stage.done, stage.failed, stage.left) for stage in ledger.stages] == [(2, 1, 0)]
    assert ledger.failures == (("c3", "cut off"),)


def test_jobs_of_an_array_are_added_up(tmp_path: Path) -> None:
    log(tmp_path, begins(0, 30), done(10, "c1", "a"), name="log.1-of-3.jsonl")
    log(tmp_path, begins(5, 29), done(20, "c2", "b"), done(25, "c5", "b"), name="log.2-of-3.jsonl")
    (stage,) = read_ledger(tmp_path).stages
    assert (stage.done, stage.left, stage.parts) == (3, 56, (2, 3))
    assert stage.machines == {"a": 1, "b": 2}
    (pace,) = paces_of(tmp_path)
    assert (pace.jobs, pace.wall_seconds, pace.workers) == (3, 25.0, 4)
    log(tmp_path, begins(100, 90, finished=88))  # the whole study, afterwards
    assert [(each.done, each.parts) for each in read_ledger(tmp_path).stages] == [(88, None)]


def test_damaged_lines_and_old_logs_are_told_as_far_as_they_go(tmp_path: Path) -> None:
    old = event("done", 3, stage="extract", item="c1", seconds=2.0)
    (tmp_path / "log.jsonl").write_bytes(
        b"\xff\xfe\0\n[1]\n" + old.encode() + b'\n{"time": "no", "event": "done", "stage'
    )
    (stage,) = read_ledger(tmp_path).stages
    assert (stage.done, stage.left, stage.per_hour) == (1, None, None)
    assert paces_of(tmp_path) == ()


def test_a_folder_without_a_log_is_no_run_and_a_log_of_something_else_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is no run folder: it has no log\.jsonl; give the folder"):
        read_ledger(tmp_path)
    (tmp_path / "log.jsonl").touch()
    assert read_ledger(tmp_path).stages == ()
    (tmp_path / "log.jsonl").write_bytes(b"\x00\xff garbage\n[]\n")
    with pytest.raises(InputError, match=r"log\.jsonl holds no line that a run writes.*goes on from those"):
        read_ledger(tmp_path)


def test_paces_count_pauses_between_runs_not(tmp_path: Path) -> None:
    run = log(tmp_path, begins(0, 4), done(8, "c1"), done(10, "c2"), begins(600, 4, finished=2), done(610, "c3"))
    (pace,) = paces_of(run)
    assert pace == StagePace(
        stage="extract", jobs=3, wall_seconds=20.0, seconds=12.0, cpu_seconds=9.0, bytes_read=3000, workers=2
    )
    assert pace.per_hour == 540
    assert pace.computing == 0.75
    assert pace.working == pytest.approx(12 / 40)


@pytest.mark.parametrize(
    ("seconds", "cpu_seconds", "why"),
    [
        (190.0, 180.0, "a processor computed 95% of its jobs' time; more cores would help"),
        (
            190.0,
            19.0,
            "its jobs waited 90% of their time, for files, a graphics card, or others",
        ),
        (50.0, 49.0, "its workers had no job 75% of the time; starting them"),
    ],
)
def test_the_bottleneck_is_named(seconds: float, cpu_seconds: float, why: str) -> None:
    slow = StagePace(stage="extract", jobs=100, wall_seconds=100.0, seconds=seconds, cpu_seconds=cpu_seconds, workers=2)
    quick = StagePace(stage="fit", jobs=10, wall_seconds=25.0, seconds=20.0, cpu_seconds=20.0)
    found = bottleneck([quick, slow])
    assert found is not None
    assert found.startswith("extract took 80% of the time: ")
    assert why in found
    assert bottleneck([]) is None


def test_one_job_that_took_more_than_all_others_is_the_bottleneck() -> None:
    fit = StagePace(stage="fit", jobs=30, wall_seconds=40.0, seconds=40.0, cpu_seconds=40.0)
    report = StagePace(stage="report", jobs=1, wall_seconds=60.0, seconds=60.0, cpu_seconds=60.0)
    assert bottleneck([fit, report]) == "report took 60% of the time, as one job: more cores would not help"


def test_a_stage_that_waited_for_another_one_beside_it_is_not_what_held_up() -> None:
    network = StagePace(stage="segment", jobs=100, wall_seconds=90.0, seconds=270.0, cpu_seconds=27.0, workers=3)
    about = {"jobs": 100, "wall_seconds": 100.0, "workers": 15, "beside": "segment"}
    waited = StagePace(stage="extract", seconds=300.0, cpu_seconds=290.0, **about)
    told = bottleneck([network, waited])
    assert told is not None
    assert told.startswith(
        "segment took 90% of the time: its jobs waited 90% of their time, for files, a graphics card"
    )
    busy = StagePace(stage="extract", seconds=1400.0, cpu_seconds=1390.0, **about)
    told = bottleneck([network, busy])
    assert told is not None
    assert told.startswith("extract took 100% of the time: a processor computed 99%")


def test_a_log_says_which_stage_was_at_work_beside_which(tmp_path: Path) -> None:
    counts = {"jobs": 1, "finished": 0, "failed": 0, "workers": 1}
    early = event("begins", 1, stage="extract", **counts, beside="segment")
    own = event("begins", 20, stage="extract", **{**counts, "finished": 1})
    run = log(tmp_path, event("begins", 0, stage="segment", **counts), early, done(8, "c1"), own)
    (pace,) = paces_of(run)
    assert (pace.stage, pace.beside, pace.wall_seconds) == ("extract", "segment", 7.0)
    (_, status) = read_ledger(run).stages
    assert (status.stage, status.done, status.left) == ("extract", 1, 0)


def test_cases_that_could_not_be_read_are_counted_as_long_as_they_cannot(tmp_path: Path) -> None:
    def read(second: float, *lost: str) -> list[str]:
        counts = {"jobs": 9, "finished": 9 - len(lost), "failed": len(lost), "workers": 1}
        told = [event("lost", second, stage="read", item=item, error="no file") for item in lost]
        return [event("begins", second, stage="read", **counts), *told]

    run = log(tmp_path, *read(0, "c1", "c2"), begins(1, 7), done(5, "c3"))
    first = read_ledger(run)
    assert [(each.stage, each.done, each.failed, each.left) for each in first.stages] == [
        ("read", 7, 2, 0),
        ("extract", 1, 0, 6),
    ]
    assert set(first.failures) == {("c1", "no file"), ("c2", "no file")}
    assert [pace.stage for pace in paces_of(run)] == ["extract"]
    log(tmp_path, *read(0, "c1", "c2"), *read(20, "c2"))
    assert read_ledger(run).failures == (("c2", "no file"),)
    log(tmp_path, *read(0, "c1", "c2"), *read(20), begins(21, 9))
    assert [each.stage for each in read_ledger(run).stages] == ["extract"]
    assert read_ledger(run).failures == ()
