"""A stage that begins while a network is at work: sooner, and else as in its own turn."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from radfuse import machine
from radfuse.errors import CaseError, MachineError
from radfuse.run.carry import carry_out
from radfuse.run.folder import RunFolder
from radfuse.run.stage import Follower, Stage
from radfuse.run.workers import Crew, attempt


@dataclass(frozen=True)
class Draw:
    """A mask to draw."""

    name: str
    image: Path

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Measure:
    """Masks to measure."""

    name: str
    masks: tuple[Path, ...]

    def __str__(self) -> str:
        return self.name


def draw(job: Draw) -> str:
    text = job.image.read_text()
    if text == "empty":
        raise CaseError(job.name, "no voxel")
    if text.startswith("after "):
        wait_for(job.image.parent / text.removeprefix("after "))
    return f"mask of {text}"


def wait_for(path: Path) -> None:
    end = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < end, f"no {path} in time"
        time.sleep(0.01)


def measure(job: Measure) -> str:
    texts = [(mask / "labels").read_text() for mask in job.masks]
    if "mask of odd" in texts:
        raise CaseError(job.name, "odd")
    return " and ".join(texts)


def store_mask(text: str, path: Path) -> None:
    path.mkdir()
    (path / "labels").write_text(text)


def store(text: str, path: Path) -> None:
    path.write_text(text)


def stages() -> tuple[Stage[Draw, str], Stage[Measure, str]]:
    masks: Stage[Draw, str] = Stage(
        "draw", 1, lambda _: (), draw, store_mask, lambda job: f"labels/{job.name}", fails="drops", crew="network"
    )
    measured: Stage[Measure, str] = Stage(
        "measure", 1, lambda _: (), measure, store, lambda job: f"features/{job.name}", fails="drops", crew="cores"
    )
    return masks, measured


class Hand:
    """Does a job when it is asked for one; writes down which."""

    most = 1

    def __init__(self, work: Callable[[Any], Any], told: list[str]) -> None:
        self._work, self._told = work, told
        self._jobs: list[tuple[int, Any]] = []

    def begin(self, number: int, job: Any) -> None:
        self._jobs.append((number, job))

    def wait(self, seconds: float | None = None) -> Sequence[tuple[int, Any]]:
        number, job = self._jobs.pop()
        self._told.append(job.place)
        return [(number, attempt(self._work, job))]

    def drop(self) -> None:
        self._jobs.clear()


class Hands(Crew):
    """A network, and a core beside it."""

    def __init__(self) -> None:
        super().__init__(2)
        self.told: list[str] = []

    @property
    def beside(self) -> int:
        return 1

    def hands(self, work: Callable[[Any], Any], count: int, crew: str = "cores") -> Hand:
        return Hand(work, self.told)

    def hands_beside(self, work: Callable[[Any], Any]) -> Hand:
        return Hand(work, self.told)


def go(
    run: RunFolder, images: Path, names: Iterable[str], crew: Crew, *, early: bool = True, retry_failed: bool = False
) -> tuple[dict[str, str], dict[str, str]]:
    """Carry out both stages as a study does; return the errors of each."""
    masks, measured = stages()
    draws = [Draw(name, images / name) for name in names]

    def measures(of: Iterable[Draw]) -> list[Measure]:
        return [Measure(job.name, (run.path / "labels" / job.name,)) for job in of]

    then = Follower(measured, lambda: measures(draws)) if early else None
    drawn = carry_out(masks, draws, run, crew, lambda *_: None, retry_failed, then)
    failed = {str(job): error for job, error in drawn.failed}
    left = measures(job for job in draws if job.name not in failed)
    done = carry_out(measured, left, run, crew, lambda *_: None, retry_failed)
    assert list(done.keys) == [f"features/{job.name}" for job in left if (run.path / "features" / job.name).is_file()]
    return failed, {str(job): error for job, error in done.failed}


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for name, text in {"a": "left knee", "b": "odd", "c": "empty", "d": "right knee"}.items():
        (folder / name).write_text(text)
    return folder


def results(run: RunFolder) -> dict[str, bytes]:
    kinds = ("labels", "features")
    found = [path for kind in kinds for path in (run.path / kind).rglob("*") if path.is_file()]
    return {str(path.relative_to(run.path)): path.read_bytes() for path in found if ".record" not in path.name}


def records(run: RunFolder) -> dict[str, tuple[str, str]]:
    found = {str(path.relative_to(run.path)): json.loads(path.read_text()) for path in run.path.rglob("*.record.json")}
    return {name: (record["key"], record["status"]) for name, record in found.items()}


def test_what_comes_out_is_what_comes_out_one_after_the_other(images: Path, tmp_path: Path) -> None:
    one, other = (RunFolder.open(tmp_path / name, "study") for name in ("one", "other"))
    crew = Hands()
    errors = go(one, images, "abcd", crew)
    assert errors == ({"c": "no voxel"}, {"b": "odd"})
    assert crew.told.index("features/a") < crew.told.index("labels/d")
    assert go(other, images, "abcd", Crew(1), early=False) == errors
    assert results(one) == results(other)
    assert records(one) == records(other)
    assert sorted(one.made) == sorted(other.made)
    assert (one.reused, one.left) == (other.reused, other.left) == ([], [])


def test_a_second_run_finds_all_and_counts_it_once(images: Path, tmp_path: Path) -> None:
    run = RunFolder.open(tmp_path / "run", "study")
    go(run, images, "abcd", Hands())
    run.close()
    (images / "e").write_text("another")
    (images / "f").write_text("one more")
    again = RunFolder.open(tmp_path / "run", "study")
    go(again, images, "abcdef", Hands())
    assert sorted(again.reused) == ["features/a", "features/d", "labels/a", "labels/b", "labels/d"]
    assert sorted(again.left) == ["features/b", "labels/c"]
    assert sorted(again.made) == ["features/e", "features/f", "labels/e", "labels/f"]


def test_what_failed_is_tried_once_where_it_is_asked_to(images: Path, tmp_path: Path) -> None:
    run = RunFolder.open(tmp_path / "run", "study")
    go(run, images, "abcd", Hands())
    run.close()
    (images / "d").write_text("another knee")
    again, crew = RunFolder.open(tmp_path / "run", "study"), Hands()
    assert go(again, images, "abcd", crew, retry_failed=True) == ({"c": "no voxel"}, {"b": "odd"})
    assert sorted(crew.told) == ["features/b", "features/d", "labels/c", "labels/d"]


def test_after_a_kill_it_goes_on_with_masks_that_are_there(images: Path, tmp_path: Path) -> None:
    run = RunFolder.open(tmp_path / "run", "study")
    masks, _ = stages()
    carry_out(masks, [Draw("a", images / "a")], run, Crew(1), lambda *_: None)  # and killed before it was measured
    run.close()
    for name in "ef":
        (images / name).write_text(name)
    crew, again = Hands(), RunFolder.open(tmp_path / "run", "study")
    go(again, images, "aef", crew)
    assert crew.told.index("features/a") < crew.told.index("labels/f")
    assert [json.loads(line)["event"] for line in (run.path / "log.jsonl").read_text().splitlines()].count("done") == 6


def test_a_mask_of_before_is_not_measured_while_it_is_drawn_anew(images: Path, tmp_path: Path) -> None:
    run = RunFolder.open(tmp_path / "run", "study")
    go(run, images, "ad", Hands())
    run.close()
    for name in "ad":
        (images / name).write_text(f"another {name}")
    again = RunFolder.open(tmp_path / "run", "study")
    go(again, images, "ad", Hands())
    assert sorted(again.made) == ["features/a", "features/d", "labels/a", "labels/d"]
    assert (again.path / "features" / "a").read_text() == "mask of another a"


def test_a_job_waits_for_all_that_it_reads(images: Path, tmp_path: Path) -> None:
    run, crew = RunFolder.open(tmp_path / "run", "study"), Hands()
    masks, measured = stages()
    pair = Measure("pair", (run.path / "labels" / "a", run.path / "labels" / "d"))
    never = Measure("never", (run.path / "labels" / "c",))
    draws = [Draw(name, images / name) for name in "acd"]
    carry_out(masks, draws, run, crew, lambda *_: None, then=Follower(measured, lambda: [pair, never]))
    assert crew.told == ["labels/a", "labels/c", "labels/d", "features/pair"]
    assert (run.path / "features" / "pair").read_text() == "mask of left knee and mask of right knee"
    assert not (run.path / "features" / "never.record.json").exists()


def test_what_the_machine_stopped_is_tried_again_in_its_own_turn(images: Path, tmp_path: Path) -> None:
    tried: list[str] = []

    def short_of_memory(job: Measure) -> str:
        tried.append(job.name)
        if tried.count(job.name) == 1:
            raise MachineError(job.name, "no memory")
        return measure(job)

    run = RunFolder.open(tmp_path / "run", "study")
    masks, measured = stages()
    object.__setattr__(measured, "work", short_of_memory)
    draws = [Draw(name, images / name) for name in "ad"]
    jobs = [Measure(name, (run.path / "labels" / name,)) for name in "ad"]
    carry_out(masks, draws, run, Hands(), lambda *_: None, then=Follower(measured, lambda: jobs))
    assert list(carry_out(measured, jobs, run, Crew(1), lambda *_: None).keys) == ["features/a", "features/d"]
    assert sorted(tried) == ["a", "a", "d", "d"]


def test_processes_measure_while_threads_draw(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "has_gpu", lambda: True)
    for name, text in {"d": "after measured", "e": "a third"}.items():
        (images / name).write_text(text)
    (images / "measured").symlink_to(tmp_path / "run" / "features" / "a")
    run = RunFolder.open(tmp_path / "run", "study")
    with Crew(2) as crew:
        assert go(run, images, "ade", crew) == ({}, {})
    assert len(results(run)) == 6


def test_without_a_gpu_a_stage_waits_for_its_turn(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "has_gpu", lambda: False)
    run = RunFolder.open(tmp_path / "run", "study")
    masks, measured = stages()

    def asked() -> list[Measure]:
        raise AssertionError

    with Crew(1) as crew:
        then = Follower(measured, asked)
        done = carry_out(masks, [Draw(name, images / name) for name in "ad"], run, crew, lambda *_: None, then=then)
    assert list(done.keys) == ["labels/a", "labels/d"]
