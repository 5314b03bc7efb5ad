"""Studies whose run folder is in a store: what lies there at any moment, and what other machines make of it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from boxes import tumour_cohort
from stores import OWN, STUDY, URL, NoRename, lacking, stored

from radfuse import machine
from radfuse.errors import InputError, RunError
from radfuse.pipeline import Run, run_study
from radfuse.run import lease, push
from radfuse.run.digests import tree_digest
from radfuse.study import load_study

CASES = 5
"""The fourth cannot be read."""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stored")
    tumour_cohort(folder, CASES)
    (folder / "c3.nrrd").write_bytes(b"cut off")
    (folder / "study.yaml").write_text(STUDY)
    return folder / "study.yaml"


@pytest.fixture(scope="module")
def features(study: Path) -> dict[str, bytes]:
    """What the same study makes in a folder."""
    run = run_study(study, study.parent / "plain", until="extract")
    return {path.name: path.read_bytes() for path in (run.path / "features/cases").glob("c?.json")}


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cores", lambda: 1)


def extract(study: Path, copy: Path, *settings: str, shard: str | None = None) -> Run:
    return run_study(load_study(study, settings), URL, until="extract", work=copy, shard=shard)


def features_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "features/cases").glob("c?.json")}


def test_all_of_a_run_is_in_the_store_each_record_after_its_result(
    study: Path, features: dict[str, bytes], tmp_path: Path, bucket: type[NoRename]
) -> None:
    run = extract(study, tmp_path / "copy")
    assert (run.computed, run.store, [failure.item for failure in run.failures]) == (4, URL, ["c3"])
    files = {path.relative_to(run.path).as_posix(): path for path in run.path.rglob("*") if path.is_file()}
    assert stored(bucket) == {name: path.read_bytes() for name, path in files.items() if path.name not in OWN}
    assert {"run.json", "study.yaml", "log.jsonl", "index.sqlite"} <= set(files)
    assert features_in(run.path) == features
    put = [name for what, name in bucket.asked if what == "put"]
    for name in (f"/bucket/run/features/cases/{case}" for case in features):
        assert put.index(name) < put.index(f"{name}.record.json")
    assert lacking(bucket) == []
    assert "/bucket/run/run.lock" not in bucket.store
    bucket.asked.clear()
    again = extract(study, run.path)
    assert (again.computed, again.reused, again.left) == (0, 4, 1)
    assert not [name for what, name in bucket.asked if "features" in name], "it asked for what it has"


def test_a_machine_that_is_lost_costs_what_was_on_its_way(
    study: Path, features: dict[str, bytes], tmp_path: Path, bucket: type[NoRename], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "PATIENCE_S", 0.0)
    kept: list[str] = []

    def lost(what: str, name: str) -> None:
        if "features" in name and what == "put":
            if len(kept) == 3:  # a result and its record, and another result
                raise ConnectionError("no route to host")
            kept.append(name)

    monkeypatch.setattr(push, "_THREADS", 1)
    monkeypatch.setattr(bucket, "fault", staticmethod(lost))
    with pytest.raises(RunError, match=r"not in norename://bucket/run: cannot write .* `out` and `work`, and it is wr"):
        extract(study, tmp_path / "lost")
    assert lacking(bucket) == []
    there = [name for name in stored(bucket) if name.endswith(".record.json")]
    assert len(there) == 1
    monkeypatch.setattr(bucket, "fault", staticmethod(lambda what, name: None))
    other = extract(study, tmp_path / "other")
    assert (other.computed, other.reused) == (3, 1)
    assert features_in(other.path) == features
    made = sum(json.loads(line)["event"] == "done" for line in stored(bucket)["log.jsonl"].splitlines())
    assert made >= 3, "its log was brought and goes on"
    late = extract(study, tmp_path / "lost")
    assert late.path == tmp_path / "lost"
    assert lacking(bucket) == []
    assert features_in(late.path) == features


def test_what_did_not_reach_the_store_is_handed_on_by_the_next_run_and_not_made_again(
    study: Path, features: dict[str, bytes], tmp_path: Path, bucket: type[NoRename], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = extract(study, tmp_path / "copy")
    for name in [name for name in bucket.store if "features" in name]:
        del bucket.store[name]
    (run.path / ".pushed.jsonl").unlink()
    again = extract(study, tmp_path / "copy")
    assert (again.computed, again.reused) == (0, 4)
    assert {name for name in stored(bucket) if "features" in name} >= {f"features/cases/{name}" for name in features}
    assert lacking(bucket) == []
    bucket.store.clear()
    extract(study, tmp_path / "copy")
    assert lacking(bucket) == []
    assert "features/cases/c0.json.record.json" in stored(bucket)


@pytest.mark.long
def test_killed_again_and_again_each_time_on_another_machine(study: Path, tmp_path: Path) -> None:
    tumour_cohort(tmp_path, 12)
    (tmp_path / "study.yaml").write_text(STUDY)
    whole = run_study(tmp_path / "study.yaml", tmp_path / "plain", until="extract")
    cases, finished = tmp_path / "store/features/cases", dict[str, bytes]()
    for count in (3, 8, 13):
        words = [tmp_path / "study.yaml", "--out", f"file://{tmp_path}/store", "--work", tmp_path / f"copy{count}"]
        command = [sys.executable, "-m", "radfuse.cli", "extract", *map(str, words)]
        with subprocess.Popen(command, start_new_session=True) as process:
            while process.poll() is None and len(list(cases.glob("*.record.json"))) < count:
                time.sleep(0.002)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        now = {path.name: path.read_bytes() for path in cases.glob("*.record.json")}
        for name, record in now.items():
            with contextlib.suppress(ValueError):  # a disk, unlike an object store, may have half of one
                assert json.loads(record)["digest"] == tree_digest(cases / name.removesuffix(".record.json"))
        assert {name: now[name] for name in finished} == finished, "a finished case was made again"
        finished = {name: record for name, record in now.items() if record.endswith(b"}")}
    assert process.returncode == 0
    assert features_in(tmp_path / "store") == features_in(whole.path)


def test_two_jobs_of_an_array_and_the_rest_on_a_third_machine(
    study: Path, features: dict[str, bytes], tmp_path: Path, bucket: type[NoRename]
) -> None:
    first = extract(study, tmp_path / "one", shard="1/2")
    bucket.asked.clear()
    second = extract(study, tmp_path / "two", shard="2/2")
    assert (first.computed, second.computed) == (3, 1)
    assert not [name for what, name in bucket.asked if what == "get" and "features" in name], "of the other job"
    third = extract(study, tmp_path / "three")
    assert (third.computed, third.reused, third.left) == (0, 4, 1)
    assert [failure.item for failure in third.failures] == ["c3"]
    assert features_in(third.path) == features
    assert lacking(bucket) == []
    assert {"log.1-of-2.jsonl", "log.2-of-2.jsonl", "index.1-of-2.sqlite"} <= set(stored(bucket))


def test_what_other_settings_made_is_not_brought(study: Path, tmp_path: Path, bucket: type[NoRename]) -> None:
    extract(study, tmp_path / "one")
    bucket.asked.clear()
    run = extract(study, tmp_path / "two", "radiomics.bin_width=10")
    assert (run.computed, run.reused) == (4, 0)
    brought = [name for what, name in bucket.asked if what == "get" and "features" in name]
    assert brought
    assert all(name.endswith(".record.json") for name in brought)
    assert lacking(bucket) == []
    removed = [name for what, name in bucket.asked if what == "remove" and "features" in name]
    assert len(removed) == 5, "a record was there while its result was replaced"


@pytest.mark.parametrize("harm", ["features/cases/c0.json", "features/cases/c0.json.record.json"])
def test_a_result_that_is_not_whole_there_is_made_again(
    study: Path, tmp_path: Path, bucket: type[NoRename], harm: str
) -> None:
    extract(study, tmp_path / "one")
    place = f"/bucket/run/{harm}"
    content = bytes(bucket.store[place].getbuffer())
    MemoryFile = type(bucket.store[place])
    bucket.store[place] = MemoryFile(None, place, content[:20])
    run = extract(study, tmp_path / "two")
    assert (run.computed, run.reused) == (1, 3)
    assert lacking(bucket) == []
    del bucket.store["/bucket/run/features/cases/c1.json"]
    run = extract(study, tmp_path / "three")
    assert (run.computed, run.reused) == (1, 3)
    assert lacking(bucket) == []


def test_a_store_or_a_copy_of_something_else_is_refused(study: Path, tmp_path: Path, bucket: type[NoRename]) -> None:
    fs = bucket()
    fs.pipe_file("/bucket/thesis/thesis.docx", b"mine")
    with pytest.raises(InputError, match=r"norename://bucket/thesis holds thesis\.docx and is no run folder"):
        run_study(study, "norename://bucket/thesis", until="extract", work=tmp_path / "copy")
    assert set(bucket.store) == {"/bucket/thesis/thesis.docx"}, "a lease was left"
    extract(study, tmp_path / "copy")
    with pytest.raises(InputError, match="is a copy of norename://bucket/run, not of norename://bucket/other"):
        run_study(study, "norename://bucket/other", until="extract", work=tmp_path / "copy")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.docx").write_text("mine")
    with pytest.raises(InputError, match="mine is not empty and is no run folder; choose another folder with `work`"):
        extract(study, tmp_path / "mine")
    with pytest.raises(InputError, match="holds the results of study 'stored', not of 'another'"):
        extract(study, tmp_path / "new", "name=another")
    with pytest.raises(InputError, match="give out='s3://"):
        run_study(study, tmp_path / "run", until="extract", work=tmp_path / "copy")
    with pytest.raises(InputError, match="say with `work` where all of them see it"):
        run_study(study, URL, until="extract", on="ray")


def test_a_folder_that_somebody_works_in_is_refused_but_to_other_jobs_of_the_array(
    study: Path, tmp_path: Path, bucket: type[NoRename], monkeypatch: pytest.MonkeyPatch
) -> None:
    fs, beats = bucket(), iter(range(1000))

    def beat(what: str = "get", name: str = "/bucket/run/run.1-of-2.lock") -> None:
        said = {"holder": "process 3 on node7", "host": "node7", "process": 3, "token": "a", "time": lease._now()}
        if (what, name) == ("get", "/bucket/run/run.1-of-2.lock"):
            fs.open(name, "wb").write(json.dumps({**said, "beat": next(beats)}).encode())

    beat()
    monkeypatch.setattr(bucket, "fault", staticmethod(beat))
    monkeypatch.setattr(lease, "_LOOK_S", 0.001)
    assert extract(study, tmp_path / "two", shard="2/2").computed == 1
    for shard in ("1/2", None):
        with pytest.raises(InputError, match="is in use: process 3 on node7 works there"):
            extract(study, tmp_path / "copy", shard=shard)
