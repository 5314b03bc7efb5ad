"""The run folder: whole results or none, resuming, and what a killed process leaves behind."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from radfuse.errors import InputError, RunError
from radfuse.runs import RunFolder, content_key, tree_digest, write_atomically


def write_text(text: str):
    return lambda path: path.write_text(text)


def test_a_finished_result_is_not_computed_twice(tmp_path: Path) -> None:
    run = RunFolder.open(tmp_path / "run", "study")
    calls = []

    def write(path: Path) -> None:
        calls.append(path)
        path.write_text("42")

    first = run.produce("models/a.json", "fuse", "key", write)
    second = run.produce("models/a.json", "fuse", "key", write)
    assert (len(calls), first.digest) == (1, second.digest)
    assert (run.made, run.reused) == (["models/a.json"], ["models/a.json"])


@pytest.mark.parametrize("damage", ["changed", "shortened", "deleted", "record deleted", "record damaged"])
def test_a_result_that_is_not_whole_is_computed_again(tmp_path: Path, damage: str) -> None:
    run = RunFolder.open(tmp_path / "run", "study")
    run.produce("a.txt", "s", "key", write_text("whole"))
    place, record = run.path / "a.txt", run.path / "a.txt.record.json"
    match damage:
        case "changed":
            place.write_text("WHOLE")
        case "shortened":
            place.write_text("who")
        case "deleted":
            place.unlink()
        case "record deleted":
            record.unlink()
        case "record damaged":
            record.write_text('{"key": ')
    assert run.finished("a.txt", "key") is None
    run.produce("a.txt", "s", "key", write_text("whole"))
    assert place.read_text() == "whole"


def test_another_key_computes_again(tmp_path: Path) -> None:
    run = RunFolder.open(tmp_path / "run", "study")
    run.produce("a.txt", "s", "key 1", write_text("old"))
    run.produce("a.txt", "s", "key 2", write_text("new"))
    assert (run.path / "a.txt").read_text() == "new"


def test_a_folder_result_is_replaced_as_a_whole(tmp_path: Path) -> None:
    run = RunFolder.open(tmp_path / "run", "study")

    def two(path: Path) -> None:
        path.mkdir()
        (path / "a").write_text("1")
        (path / "b").write_text("2")

    def one(path: Path) -> None:
        path.mkdir()
        (path / "a").write_text("3")

    run.produce("bundle", "export", "1", two)
    run.produce("bundle", "export", "2", one)
    assert [item.name for item in (run.path / "bundle").iterdir()] == ["a"]


def test_a_failing_writer_leaves_the_old_result_and_no_litter(tmp_path: Path) -> None:
    run = RunFolder.open(tmp_path / "run", "study")
    run.produce("a.txt", "s", "1", write_text("old"))

    def fails(path: Path) -> None:
        path.write_text("half")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        run.produce("a.txt", "s", "2", fails)
    assert (run.path / "a.txt").read_text() == "old"
    assert run.finished("a.txt", "1") is not None
    assert not list(run.path.glob(".*.tmp"))


def test_a_full_disk_is_one_clear_error_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunFolder.open(tmp_path / "run", "study")
    run.produce("done.txt", "s", "1", write_text("kept"))

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"No space left on device; free some space.*What was finished is kept"):
        run.produce("next.txt", "s", "1", write_text("lost"))
    monkeypatch.undo()
    assert not (run.path / "next.txt").exists()
    assert not list(run.path.glob(".*.tmp"))
    assert run.finished("done.txt", "1") is not None


def test_failures_are_recorded_with_their_reason_and_tried_again(tmp_path: Path) -> None:
    run = RunFolder.open(tmp_path / "run", "study")
    run.fail("a.txt", "s", "1", "no event")
    record = run.record("a.txt")
    assert record is not None
    assert (record.status, record.error) == ("failed", "no event")
    assert run.finished("a.txt", "1") is None
    assert '"event": "failed"' in (run.path / "log.jsonl").read_text()


def test_a_folder_of_another_study_is_refused(tmp_path: Path) -> None:
    RunFolder.open(tmp_path / "run", "knees")
    with pytest.raises(InputError, match="holds the results of study 'knees', not of 'tumours'; choose another folder"):
        RunFolder.open(tmp_path / "run", "tumours")


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("")
    with pytest.raises(InputError, match="not empty and is no run folder"):
        RunFolder.open(tmp_path, "study")
    with pytest.raises(InputError, match="is a file"):
        RunFolder.open(tmp_path / "thesis.docx", "study")


def test_digests_are_remembered_until_the_file_changes(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("a")
    run = RunFolder.open(tmp_path / "run", "study")
    first = run.digest(table)
    run.close()
    again = RunFolder.open(tmp_path / "run", "study")
    assert again.digest(table) == first == tree_digest(table)
    table.write_text("b")
    os.utime(table, ns=(1, 1))
    assert again.digest(table) != first


@pytest.mark.parametrize("content", [b"", b"not a database, but longer than a header would be" * 20])
def test_a_damaged_index_costs_nothing(tmp_path: Path, content: bytes) -> None:
    run = RunFolder.open(tmp_path / "run", "study")
    run.produce("a.txt", "s", "1", write_text("x"))
    run.close()
    (run.path / "index.sqlite").write_bytes(content)
    again = RunFolder.open(tmp_path / "run", "study")
    assert again.finished("a.txt", "1") is not None
    again.close()
    assert (run.path / "index.sqlite").read_bytes().startswith(b"SQLite format 3")


def test_content_keys_see_every_part_and_no_order() -> None:
    key = content_key("s", 1, {"a": 1, "b": 2}, ["x"])
    assert key == content_key("s", 1, {"b": 2, "a": 1}, ["x"])
    others = [("t", 1, {"a": 1, "b": 2}, ["x"]), ("s", 2, {"a": 1, "b": 2}, ["x"]), ("s", 1, {"a": 1}, ["x"])]
    others.append(("s", 1, {"a": 1, "b": 2}, ["y"]))
    assert key not in {content_key(*other) for other in others}


def test_a_killed_writer_leaves_the_old_file_and_its_litter_is_swept(tmp_path: Path) -> None:
    run = RunFolder.open(tmp_path / "run", "study")
    run.produce("a.txt", "s", "1", write_text("old"))
    script = (
        "import sys, time, pathlib; from radfuse.runs import RunFolder\n"
        "run = RunFolder.open(pathlib.Path(sys.argv[1]), 'study')\n"
        "def slow(path):\n"
        "    path.write_text('half'); print('writing', flush=True); time.sleep(60)\n"
        "run.produce('a.txt', 's', '2', slow)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(run.path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert (run.path / "a.txt").read_text() == "old"
    assert len(list(run.path.glob(".a.txt.*.tmp"))) == 1
    again = RunFolder.open(run.path, "study")
    assert not list(run.path.glob(".a.txt.*.tmp"))
    assert again.finished("a.txt", "1") is not None
    assert again.finished("a.txt", "2") is None


def test_write_atomically_replaces(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", b"1")
    write_atomically(tmp_path / "a", b"2")
    assert (tmp_path / "a").read_bytes() == b"2"
    assert [item.name for item in tmp_path.iterdir()] == ["a"]


def test_records_hold_the_seconds(tmp_path: Path) -> None:
    run = RunFolder.open(tmp_path / "run", "study")

    def slow(path: Path) -> None:
        time.sleep(0.02)
        path.write_text("x")

    assert run.produce("a.txt", "s", "1", slow).seconds >= 0.02
