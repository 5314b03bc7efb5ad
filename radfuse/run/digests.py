"""What a result depends on as one key, and the digests of files, remembered so that terabytes check in seconds."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path

from radfuse.config import Section, Where
from radfuse.extend import source_digest
from radfuse.run.disk import remove, temporary_of

_PATIENCE = 30.0
"""Seconds to wait for the index while another process writes it."""


def content_key(stage: str, version: int, settings: object, inputs: object) -> str:
    """Return the SHA-256 of what a result depends on; the order of mapping keys does not matter."""
    content = {"stage": stage, "version": version, "settings": settings, "inputs": inputs}
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


_BESIDE = dict.fromkeys((".png", ".jpg", ".jpeg", ".dcm"), ("spacing.json",))
"""End of a file's name -> files of its folder that say something of it: how large the pixels of a picture are."""


def job_key(stage: str, version: int, job: object, digest: Callable[[Path], str]) -> str:
    """Return the key of a stage's job: of all its fields, and of the content of every file it names.

    Args:
        stage: name of the stage.
        version: of the stage's code.
        job: a frozen dataclass of settings, paths, texts and numbers.
        digest: of a file or folder.
    """
    return content_key(stage, version, None, _content_of(job, digest))


def _content_of(value: object, digest: Callable[[Path], str]) -> object:
    """Return a value as JSON: a path is what lies there, a user's own part is its source too, order counts."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Path):
        beside = [value.parent / name for name in _BESIDE.get(value.suffix.lower(), ())]
        return {"content": digest(value), **{item.name: digest(item) for item in beside if item.is_file()}}
    if isinstance(value, Section):
        said = [name for name, field in type(value).model_fields.items() if Where not in map(type, field.metadata)]
        settings = {name: _content_of(getattr(value, name), digest) for name in said}
        own = source_digest(type(value))
        return settings if own is None else {"part": type(value).__qualname__, "source": own, "settings": settings}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: _content_of(getattr(value, item.name), digest) for item in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return [[_content_of(key, digest), _content_of(item, digest)] for key, item in value.items()]
    if isinstance(value, (tuple, list)):
        return [_content_of(item, digest) for item in value]
    if isinstance(value, frozenset):
        return [_content_of(item, digest) for item in sorted(value)]
    raise TypeError(f"a job holds settings, paths, texts and numbers; found {type(value).__name__}")


def tree_digest(path: Path, digest: Callable[[Path], str] | None = None) -> str:
    """Return the SHA-256 of a file, or of a folder's file names and contents.

    Args:
        path: file or folder.
        digest: of a file inside a folder; that of its content when None.
    """
    if path.is_file():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    return combined_digest(file_digests(path, digest or tree_digest))


def file_digests(path: Path, digest: Callable[[Path], str] = tree_digest) -> dict[str, str]:
    """Return the digest of each file in a folder by its name; of a single file by the name ""."""
    if path.is_file():
        return {"": digest(path)}
    return {str(item.relative_to(path)): digest(item) for item in sorted(path.rglob("*")) if item.is_file()}


def combined_digest(digests: Mapping[str, str]) -> str:
    """Return the digest of a folder from those of its files, or that of a single file."""
    if list(digests) == [""]:
        return digests[""]
    return hashlib.sha256(json.dumps(dict(digests), sort_keys=True).encode()).hexdigest()


class DigestCache:
    """SHA-256 of files by path, size and time of change; losing it costs time only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, tuple[int, int, str]] = {}
        self._new: dict[str, tuple[int, int, str]] = {}
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path, timeout=_PATIENCE)) as index:
            for name, size, changed, digest in index.execute("SELECT path, size, changed, digest FROM digests"):
                self._known[name] = (size, changed, digest)

    def of(self, path: Path) -> str:
        """Return the digest of a file, or of a folder by those of its files."""
        if path.is_dir():
            return tree_digest(path, self.of)
        name, (size, changed) = self._identity(path)
        known = self._known.get(name)
        if known is not None and known[:2] == (size, changed):
            return known[2]
        digest = tree_digest(path)
        self._known[name] = self._new[name] = (size, changed, digest)
        return digest

    def remember(self, path: Path, digest: str) -> None:
        """Take over the digest of a file that was just written."""
        name, (size, changed) = self._identity(path)
        self._known[name] = self._new[name] = (size, changed, digest)

    def close(self) -> None:
        """Store what is new."""
        if not self._new:
            return
        try:
            self._store(self._path, self._new)
        except sqlite3.OperationalError:  # held by others for too long, or no locks on this file system
            pass
        except sqlite3.DatabaseError:  # damaged by a crash: others may hold it open, so a new one takes its place
            temporary = temporary_of(self._path)
            with contextlib.suppress(OSError, sqlite3.Error):
                self._store(temporary, self._known)
                temporary.replace(self._path)
            remove(temporary)
        self._new.clear()

    @staticmethod
    def _store(path: Path, digests: Mapping[str, tuple[int, int, str]]) -> None:
        rows = [(name, *facts) for name, facts in digests.items()]
        with contextlib.closing(sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)) as index:
            index.execute("BEGIN IMMEDIATE")  # one lock from the start: two writers cannot wait for each other
            index.execute(
                "CREATE TABLE IF NOT EXISTS digests (path TEXT PRIMARY KEY, size INTEGER, changed INTEGER, digest TEXT)"
            )
            index.executemany("INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?)", rows)
            index.execute("COMMIT")

    @staticmethod
    def _identity(path: Path) -> tuple[str, tuple[int, int]]:
        facts = path.stat()
        return str(path.resolve()), (facts.st_size, facts.st_mtime_ns)
