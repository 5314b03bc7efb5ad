"""Object stores as tests need them: in memory, nothing can be renamed, and they fail when they are told to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from boxes import MANUAL

from radfuse.run.digests import combined_digest

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed (radfuse[store])")
from fsspec.implementations.memory import MemoryFileSystem  # noqa: E402

URL = "norename://bucket/run"
STUDY = f"name: stored\n{MANUAL}"
OWN = ("run.lock", ".pushed.jsonl")
"""What store and copy do not share."""


class NoRename(MemoryFileSystem):
    """A store that writes, reads, lists and removes whole objects, and writes down what it is asked for."""

    protocol = "norename"
    store: dict[str, Any] = {}
    pseudo_dirs = [""]
    asked: list[tuple[str, str]] = []
    """What, of which object."""
    fault: Callable[[str, str], None] = staticmethod(lambda what, name: None)
    """Called before each; raises."""

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.removeprefix("norename://"))

    def _ask(self, what: str, path: str) -> None:
        name = self._strip_protocol(path)
        type(self).fault(what, name)
        self.asked.append((what, name))

    def put_file(self, lpath: str, rpath: str, *args: Any, **more: Any) -> None:
        self._ask("put", rpath)
        super().pipe_file(rpath, Path(lpath).read_bytes())

    def pipe_file(self, path: str, value: bytes, *args: Any, **more: Any) -> None:
        self._ask("put", path)
        super().pipe_file(path, value)

    def cat_file(self, path: str, *args: Any, **more: Any) -> bytes:
        self._ask("get", path)
        return super().cat_file(path)

    def get_file(self, rpath: str, lpath: str, *args: Any, **more: Any) -> None:
        self._ask("get", rpath)
        Path(lpath).write_bytes(super().cat_file(rpath))

    def ls(self, path: str, *args: Any, **more: Any) -> Any:
        self._ask("list", path)
        return super().ls(path, *args, **more)

    def rm_file(self, path: str) -> None:
        self._ask("remove", path)
        self._rm(path)

    def mv(self, *args: Any, **more: Any) -> None:
        raise AssertionError("an object store renames nothing")

    copy = cp_file = move = rename = mv


def emptied(monkeypatch: pytest.MonkeyPatch) -> type[NoRename]:
    """Return a store with nothing in it, under norename://."""
    fsspec.register_implementation("norename", NoRename, clobber=True)
    monkeypatch.setattr(NoRename, "store", {})
    monkeypatch.setattr(NoRename, "pseudo_dirs", [""])
    monkeypatch.setattr(NoRename, "asked", [])
    return NoRename


def stored(bucket: type[NoRename]) -> dict[str, bytes]:
    """Return what a run in a store consists of, by name."""
    return {
        name.removeprefix("/bucket/run/"): bytes(item.getbuffer())
        for name, item in bucket.store.items()
        if name.rpartition("/")[2] not in OWN
    }


def lacking(bucket: type[NoRename]) -> list[str]:
    """Return the results that a record in the store speaks of, and that are not there as it says."""

    found, there = [], stored(bucket)
    for name, content in there.items():
        record = json.loads(content) if name.endswith(".record.json") else {"status": "failed"}
        if record["status"] == "failed":
            continue
        place = name.removesuffix(".record.json")
        files = {
            "" if other == place else other.removeprefix(f"{place}/"): hashlib.sha256(held).hexdigest()
            for other, held in there.items()
            if other == place or other.startswith(f"{place}/")
        }
        if not files or combined_digest(dict(sorted(files.items()))) != record["digest"]:
            found.append(place)
    return found
