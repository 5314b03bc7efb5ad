"""A copy of a run folder in a store: what is brought, handed on, replaced, and left where it is."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stores import URL, NoRename, lacking, stored

from radfuse.errors import InputError, RunError
from radfuse.run import push
from radfuse.run.copied import CopiedFolder
from radfuse.run.folder import put_aside
from radfuse.run.loose import join_logs
from radfuse.run.mirror import mirrored, working_copy


@contextlib.contextmanager
def opened(copy: Path, log: str = "log.jsonl") -> Iterator[CopiedFolder]:
    with mirrored(URL, copy, log, lambda *_: None) as mirror:
        folder = CopiedFolder.of(mirror, copy, "study", log=log)
        mirror.begin()
        yield folder
        folder.close()


def files(**content: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.mkdir()
        for name, text in content.items():
            (path / name).write_text(text)

    return write


def make(folder: CopiedFolder, name: str, key: str, write: Callable[[Path], object]) -> None:
    folder.take(name, "stage", key, put_aside(folder.path / name, write, time.perf_counter()))


def test_a_folder_of_pages_of_cases_becomes_a_copy(tmp_path: Path, bucket: type[NoRename]) -> None:
    (tmp_path / "look" / "K1").mkdir(parents=True)
    with opened(tmp_path) as folder:
        make(folder, "labels/c1", "key", files(mask="new"))
    assert stored(bucket)["labels/c1/mask"] == b"new"


def test_a_folder_that_is_made_anew_leaves_nothing_of_the_old_one(tmp_path: Path, bucket: type[NoRename]) -> None:
    with opened(tmp_path / "one") as folder:
        make(folder, "labels/c1", "key", files(mask="old", picture="old"))
    with opened(tmp_path / "two") as folder:
        assert folder.finished("labels/c1", "another") is None
        bucket.asked.clear()
        make(folder, "labels/c1", "another", files(mask="new"))
    changes = [(what, name.rpartition("/")[2]) for what, name in bucket.asked if "labels/" in name and what != "list"]
    assert changes == [
        ("remove", "c1.record.json"),
        ("remove", "picture"),
        ("put", "mask"),
        ("put", "c1.record.json"),
    ]
    assert stored(bucket)["labels/c1/mask"] == b"new"
    assert lacking(bucket) == []
    with opened(tmp_path / "one") as folder:
        assert folder.finished("labels/c1", "another") is not None
        assert [path.name for path in (folder.path / "labels/c1").iterdir()] == ["mask"]


def test_a_file_may_become_a_folder_an_empty_one_and_none(tmp_path: Path, bucket: type[NoRename]) -> None:
    steps = {"file": lambda path: path.write_text("a"), "folder": files(a="1"), "empty": files()}
    with opened(tmp_path / "one") as folder:
        for key, write in steps.items():
            make(folder, "x", key, write)
    assert [name for name in stored(bucket) if name.startswith("x")] == ["x.record.json"]
    with opened(tmp_path / "two") as folder:
        assert folder.finished("x", "empty") is not None
        folder.fail("x", "stage", "failing", "it cannot")
    with opened(tmp_path / "three") as folder:
        record = folder.found("x", "failing")
        assert record is not None
        assert record.error == "it cannot"
        assert not (folder.path / "x").exists()


def test_what_a_variant_shares_is_there_once(tmp_path: Path, bucket: type[NoRename]) -> None:
    with opened(tmp_path / "one") as folder:
        make(folder, "a", "key", lambda path: path.write_text("shared"))
        variant = folder.inside("variants/v", "study")
        assert variant.finished("a", "key") is not None
        make(variant, "b", "key", lambda path: path.write_text("own"))
        variant.close()
    assert {"a", "variants/v/b", "variants/v/run.json", "variants/v/log.jsonl"} <= set(stored(bucket))
    assert "variants/v/a" not in stored(bucket)
    for copy in ("one", "two"):
        with opened(tmp_path / copy) as folder:
            variant = folder.inside("variants/v", "study")
            assert all(variant.finished(name, "key") is not None for name in "ab")
            variant.close()
        assert "variants/v/a" not in stored(bucket)


def test_of_what_is_only_trusted_the_record_comes_alone(tmp_path: Path, bucket: type[NoRename]) -> None:
    with opened(tmp_path / "one") as folder:
        make(folder, "prepared/c1", "key", files(values="1"))
    with opened(tmp_path / "two", "log.1-of-2.jsonl") as folder:
        record = folder.finished("prepared/c1", "key", whole=False)
        assert record is not None
        assert not (folder.path / "prepared/c1").exists()
        assert folder.digest(folder.path / "prepared/c1") == record.digest
        assert folder.finished("prepared/c1", "another", whole=False) is None
        assert folder.finished("prepared/c1", "key") == record
        assert folder.digest(folder.path / "prepared/c1") == record.digest


def test_whoever_asks_under_no_key_gets_what_the_store_has(tmp_path: Path, bucket: type[NoRename]) -> None:
    for copy, key in (("one", "old"), ("two", "new")):
        with opened(tmp_path / copy) as folder:
            make(folder, "network", key, lambda path, key=key: path.write_text(key))
    with opened(tmp_path / "one", "log.1-of-2.jsonl") as folder:
        record = folder.found("network", None)
        assert record is not None
        assert record.key == "new"
        assert (folder.path / "network").read_text() == "new"


def test_at_the_end_it_is_told_what_is_not_there(
    tmp_path: Path, bucket: type[NoRename], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "PATIENCE_S", 0.0)

    def refuse(what: str, name: str) -> None:
        if name.endswith("/a"):
            raise ConnectionError("gone")

    def hand_on_in_vain() -> None:
        with opened(tmp_path / "copy") as folder:
            monkeypatch.setattr(bucket, "fault", staticmethod(refuse))
            make(folder, "a", "key", lambda path: path.write_text("a"))

    def stop_at_something_else() -> None:
        with opened(tmp_path / "copy") as folder:
            assert folder.finished("a", "key") is not None
            raise InputError("first")

    with pytest.raises(RunError, match=r"1 result is not in norename://bucket/run: cannot write .*/a: gone"):
        hand_on_in_vain()
    assert "a.record.json" not in stored(bucket)
    monkeypatch.setattr(bucket, "fault", staticmethod(lambda what, name: None))
    with pytest.raises(InputError, match="first"):
        stop_at_something_else()
    assert lacking(bucket) == []
    assert "a.record.json" in stored(bucket), "what goes wrong later keeps nothing here"
    assert "run.lock" not in {name.rpartition("/")[2] for name in bucket.store}


def test_logs_of_two_machines_become_one(tmp_path: Path) -> None:
    lines = [json.dumps({"time": f"2026-11-26T10:00:0{n}.000+00:00", "event": "done", "item": n}) for n in range(4)]

    def joined(here: list[str], there: list[str]) -> list[str]:
        (tmp_path / "log").write_text("".join(f"{line}\n" for line in here))
        join_logs(tmp_path / "log", "".join(f"{line}\n" for line in there).encode())
        return (tmp_path / "log").read_text().splitlines()

    assert joined(lines[:2], lines) == lines
    assert joined(lines, lines[:2]) == lines
    assert joined([lines[0], lines[2]], [lines[0], lines[1], lines[3]]) == lines


def test_a_copy_lies_in_the_cache_unless_it_is_told_where(tmp_path: Path) -> None:
    one, other = working_copy("s3://bucket/oai/run"), working_copy("s3://bucket/other/run")
    assert one.parent == Path.home() / ".cache/radfuse"
    assert one.name.startswith("run-")
    assert one != other
    assert working_copy("s3://bucket/oai/run/") == one
    assert working_copy("s3://bucket/oai/run", tmp_path) == tmp_path
