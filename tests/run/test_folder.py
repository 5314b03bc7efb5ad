"""The run folder: whole results or none, resuming, and what a killed process leaves behind."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from radfuse.errors import InputError, RunError
from radfuse.run.digests import tree_digest
from radfuse.run.disk import take_place, write_atomically
from radfuse.run.folder import Record, RunFolder, put_aside


def write_text(text: str):
    return lambda path: path.write_text(text)


def produce(run: RunFolder, name: str, stage: str, key: str, write: Callable[[Path], object]) -> Record:
    """Compute a result unless it is finished, as a stage does."""
    found = run.finished(name, key)
    if found is not None:
        run.reused.append(name)
        return found
    return run.take(name, stage, key, put_aside(run.path / name, write, time.perf_counter()))


def test_a_finished_result_is_not_computed_twice(tmp_path: Path) -> None:
    run = RunFolder.open(tmp_path / "run", "study")
    calls = []

    def write(path: Path) -> None:
        calls.append(path)
        path.write_text("42")

    first = produce(run, "models/a.json", "fuse", "key", write)
    second = produce(run, "models/a.json", "fuse", "key", write)
    assert (len(calls), first.digest) == (1, second.digest)
    assert (run.made, run.reused) == (["models/a.json"], ["models/a.json"])


def test_a_result_that_another_folder_has_is_taken_over_and_stays_when_that_one_changes(tmp_path: Path) -> None:
    def write(path: Path) -> None:
        path.mkdir()
        (path / "a.txt").write_text("whole")

    lender = RunFolder.open(tmp_path / "run", "study")
    produce(lender, "labels/c1", "s", "key", write)
    produce(lender, "b.txt", "s", "key", write_text("b"))
    run = RunFolder.open(tmp_path / "run/variants/v", "study", lender=lender)
    assert run.finished("labels/c1", "another key") is None
    for name in ("labels/c1", "b.txt"):
        assert run.finished(name, "key") == lender.record(name)
    assert (run.path / "labels/c1/a.txt").samefile(lender.path / "labels/c1/a.txt")
    produce(lender, "b.txt", "s", "new key", write_text("new"))
    assert (run.path / "b.txt").read_text() == "b"
    assert run.finished("b.txt", "key") is not None
    assert run.made == []


def test_where_the_disk_has_no_hard_links_results_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr("radfuse.run.disk.os.link", refused)
    lender = RunFolder.open(tmp_path / "run", "study")
    produce(lender, "b.txt", "s", "key", write_text("b"))
    run = RunFolder.open(tmp_path / "other", "study", lender=lender)
    assert run.finished("b.txt", "key") is not None
    assert not (run.path / "b.txt").samefile(lender.path / "b.txt")
    assert (run.path / "b.txt").read_text() == "b"


@pytest.mark.parametrize("damage", ["changed", "shortened", "deleted", "record deleted", "record damaged"])
def test_a_result_that_is_not_whole_is_computed_again(tmp_path: Path, damage: str) -> None:
    run = RunFolder.open(tmp_path / "run", "study")
    produce(run, "a.txt", "s", "key", write_text("whole"))
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
    produce(run, "a.txt", "s", "key", write_text("whole"))
    assert place.read_text() == "whole"


def test_another_key_computes_again(tmp_path: Path) -> None:
    run = RunFolder.open(tmp_path / "run", "study")
    produce(run, "a.txt", "s", "key 1", write_text("old"))
    produce(run, "a.txt", "s", "key 2", write_text("new"))
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

    produce(run, "bundle", "export", "1", two)
    produce(run, "bundle", "export", "2", one)
    assert [item.name for item in (run.path / "bundle").iterdir()] == ["a"]


def test_a_failing_writer_leaves_the_old_result_and_no_litter(tmp_path: Path) -> None:
    run = RunFolder.open(tmp_path / "run", "study")
    produce(run, "a.txt", "s", "1", write_text("old"))

    def fails(path: Path) -> None:
        path.write_text("half")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        produce(run, "a.txt", "s", "2", fails)
    assert (run.path / "a.txt").read_text() == "old"
    assert run.finished("a.txt", "1") is not None
    assert not list(run.path.glob(".*.tmp"))


def test_a_full_disk_is_one_clear_error_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunFolder.open(tmp_path / "run", "study")
    produce(run, "done.txt", "s", "1", write_text("kept"))

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"No space left on device; free some space.*What was finished is kept"):
        produce(run, "next.txt", "s", "1", write_text("lost"))
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


def test_a_folder_of_pages_of_cases_becomes_a_run_folder(tmp_path: Path) -> None:
    (tmp_path / "look" / "K1").mkdir(parents=True)
    assert RunFolder.open(tmp_path, "study").path == tmp_path


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
    produce(run, "a.txt", "s", "1", write_text("x"))
    run.close()
    (run.path / "index.sqlite").write_bytes(content)
    again = RunFolder.open(tmp_path / "run", "study")
    assert again.finished("a.txt", "1") is not None
    again.close()
    assert (run.path / "index.sqlite").read_bytes().startswith(b"SQLite format 3")


def test_a_killed_writer_leaves_the_old_file_and_its_litter_is_swept(tmp_path: Path) -> None:
    run = RunFolder.open(tmp_path / "run", "study")
    produce(run, "a.txt", "s", "1", write_text("old"))
    run.close()
    script = (
        "import sys, time, pathlib; from radfuse.run.folder import RunFolder, put_aside\n"
        "run = RunFolder.open(pathlib.Path(sys.argv[1]), 'study')\n"
        "def slow(path):\n"
        "    path.write_text('half'); print('writing', flush=True); time.sleep(60)\n"
        "run.take('a.txt', 's', '2', put_aside(run.path / 'a.txt', slow, 0))\n"
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

    assert produce(run, "a.txt", "s", "1", slow).seconds >= 0.02


def test_processes_that_end_together_all_store_what_they_learned(tmp_path: Path) -> None:
    """Four jobs of an array share one index; none locks up, none undoes another's part."""
    RunFolder.open(tmp_path / "run", "study").close()
    for number in range(4):
        (tmp_path / f"i{number}").mkdir()
        for item in range(25):
            (tmp_path / f"i{number}/{item}").write_text(f"{number} {item}")
    script = (
        "import sys, pathlib; from radfuse.run.folder import RunFolder\n"
        "run = RunFolder.open(pathlib.Path(sys.argv[1]), 'study', shared=True)\n"
        "for item in pathlib.Path(sys.argv[2]).iterdir(): run.digest(item)\n"
        "print('ready', flush=True); sys.stdin.readline(); run.close()\n"
    )
    jobs = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path / "run"), str(tmp_path / f"i{number}")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for job in jobs:
        assert job.stdout is not None
        assert job.stdout.readline() == "ready\n"
    for job in jobs:
        assert job.stdin is not None
        job.stdin.write("\n")
        job.stdin.flush()
    assert [job.communicate()[1] for job in jobs] == [None] * 4
    assert [job.returncode for job in jobs] == [0] * 4
    with contextlib.closing(sqlite3.connect(tmp_path / "run/index.sqlite")) as index:
        stored = dict(index.execute("SELECT path, digest FROM digests"))
    assert stored == {str(path.resolve()): tree_digest(path) for path in tmp_path.glob("i?/*")}


def test_an_index_that_stays_locked_costs_nothing_but_what_was_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("radfuse.run.digests._PATIENCE", 0.05)
    first = RunFolder.open(tmp_path / "run", "study")
    (tmp_path / "a").write_text("a")
    first.digest(tmp_path / "a")
    first.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "run/index.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        second = RunFolder.open(tmp_path / "run", "study")
        (tmp_path / "b").write_text("b")
        assert second.digest(tmp_path / "b") == tree_digest(tmp_path / "b")
        second.close()
        other.execute("ROLLBACK")
        assert [row[0] for row in other.execute("SELECT path FROM digests")] == [str((tmp_path / "a").resolve())]


def test_two_processes_that_make_one_folder_leave_one_whole(tmp_path: Path) -> None:
    """While the first writes, the second puts its own there; the last to finish wins, and nothing is mixed."""
    first, second = (RunFolder.open(tmp_path / "run", "study", shared=True) for _ in range(2))

    def write(path: Path, text: str) -> None:
        path.mkdir()
        (path / text).write_text(text)

    def late(path: Path) -> None:
        write(path.with_name(path.name + "x"), "other")
        path.with_name(path.name + "x").replace(tmp_path / "run/labels")
        write(path, "late")

    assert not (tmp_path / "run/labels").exists()
    produce(second, "labels", "s", "1", late)
    assert [item.name for item in (tmp_path / "run/labels").iterdir()] == ["late"]
    assert first.finished("labels", "1") is not None


def test_damage_inside_a_folder_result_is_found_though_its_size_is_the_same(tmp_path: Path) -> None:
    run = RunFolder.open(tmp_path / "run", "study")

    def write(path: Path) -> None:
        path.mkdir()
        (path / "a").write_text("0.731")

    produce(run, "models/comparison", "fuse", "key", write)
    assert run.finished("models/comparison", "key") is not None
    (run.path / "models/comparison/a").write_text("0.931")
    assert run.finished("models/comparison", "key") is None


def test_one_process_at_a_time_works_in_a_folder_unless_they_share_it(tmp_path: Path) -> None:
    first = RunFolder.open(tmp_path / "run", "study")
    with pytest.raises(InputError, match=rf"in use: process {os.getpid()} on .* since .* shard='I/N'"):
        RunFolder.open(tmp_path / "run", "study")
    with pytest.raises(InputError, match="is in use"):
        RunFolder.open(tmp_path / "run", "study", shared=True)
    first.close()
    one = RunFolder.open(tmp_path / "run", "study", shared=True)
    two = RunFolder.open(tmp_path / "run", "study", shared=True)
    with pytest.raises(InputError, match="is in use"):
        RunFolder.open(tmp_path / "run", "study")
    one.close()
    two.close()
    RunFolder.open(tmp_path / "run", "study").close()


def test_a_killed_process_holds_no_lock(tmp_path: Path) -> None:
    script = (
        "import sys, time, pathlib; from radfuse.run.folder import Record, RunFolder, put_aside\n"
        "run = RunFolder.open(pathlib.Path(sys.argv[1]), 'study'); print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    with pytest.raises(InputError, match=f"process {process.pid}"):
        RunFolder.open(tmp_path / "run", "study")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    RunFolder.open(tmp_path / "run", "study").close()


def test_a_folder_with_a_users_own_study_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("name: mine\n")
    with pytest.raises(InputError, match="is not empty and is no run folder"):
        RunFolder.open(tmp_path, "study")
    assert (tmp_path / "study.yaml").read_text() == "name: mine\n"


@pytest.mark.parametrize("letter", ["x", "é", "膝", "/", "."])
def test_names_of_any_length_fit_a_file_and_stay_different(letter: str, tmp_path: Path) -> None:
    from radfuse.run.folder import safe_name

    names = [safe_name(letter * length) for length in (1, 60, 300, 301, 5000)]
    assert len(set(names)) == 5
    for name in names:
        (tmp_path / f".{name}.json.a-machine-of-a-long-name.1234567.tmp").write_text("")


def test_a_place_is_refused_before_anything_is_made_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "around").symlink_to("around")
    for place, said in {
        "file": "is a file, not a folder; choose another folder",
        "file/a/b": "file, which is a file, not a folder",
        "link": "is a link that leads nowhere",
        "around/a": "around, which is a link that leads nowhere",
        "n" * 300: "n... (300 characters)' is longer than a disk takes; choose a shorter one",
        "/".join(["n" * 100] * 50): "characters)' is longer than a disk takes",
    }.items():
        with pytest.raises(InputError) as caught:
            RunFolder.open(tmp_path / place, "knees")
        assert said in str(caught.value)
    assert {path.name for path in tmp_path.iterdir()} == {"file", "link", "around"}


@pytest.mark.parametrize("there", ["file", "folder", "link"])
def test_a_result_takes_the_place_of_whatever_lies_there(there: str, tmp_path: Path) -> None:
    place, temporary = tmp_path / "report", tmp_path / "aside"
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "notes.txt").write_text("mine")
    if there == "file":
        place.write_text("x")
    elif there == "folder":
        (place / "old").mkdir(parents=True)
    else:
        place.symlink_to("elsewhere")
    temporary.mkdir()
    (temporary / "index.html").write_text("new")
    take_place(temporary, place)
    assert [path.name for path in place.iterdir()] == ["index.html"]
    assert (tmp_path / "elsewhere" / "notes.txt").read_text() == "mine"


def test_what_the_system_says_of_our_writing_is_one_error_with_a_mend(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").mkdir()
    with pytest.raises(RunError, match=r"cannot write .*study\.yaml: Is a directory; look at what lies there"):
        RunFolder(tmp_path).write_study("name: knees")
