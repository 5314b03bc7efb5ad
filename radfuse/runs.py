"""The run folder: results with records, content keys, atomic writes, resuming.

A result is written under a temporary name, synced and renamed; its record follows the same way, last. So a record
that is there speaks of a result that is whole, whenever the process is killed. Several processes may work in one run
folder (job arrays): results and records are files of their own, and the index is shared through its locks.
"""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import hashlib
import json
import os
import shutil
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from radfuse.config import Section
from radfuse.errors import InputError, RunError

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many items are done, and how many there are."""

_ATTEMPTS = 20
_PATIENCE = 30.0
"""Seconds to wait for the index while another process writes it."""
_RECORD = ".record.json"
_STUDY = "study.yaml"
_MARK = "run.json"


class Record(Section):
    """What is known of one result.

    Attributes:
        key: content key of everything the result depends on.
        stage: which stage made it.
        status: "failed" has an error and no result.
        digest: SHA-256 of the result.
        size: of the result in bytes, all files together.
        seconds: it took.
        error: why it failed.
    """

    key: str
    stage: str
    status: Literal["done", "failed"]
    digest: str | None = None
    size: int = 0
    seconds: float = 0.0
    error: str | None = None


def content_key(stage: str, version: int, settings: object, inputs: object) -> str:
    """Return the SHA-256 of what a result depends on; the order of mapping keys does not matter."""
    content = {"stage": stage, "version": version, "settings": settings, "inputs": inputs}
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


class RunFolder:
    """One study's results on disk.

    Attributes:
        path: the folder.
        made: names of results computed by this process.
        reused: names of results found finished.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.made: list[str] = []
        self.reused: list[str] = []
        self._digests = _DigestCache(path / "index.sqlite")

    @classmethod
    def open(cls, path: Path, study: str) -> RunFolder:
        """Open a study's run folder, or make it.

        Raises:
            InputError: the folder belongs to another study, or holds something else.
            RunError: the folder cannot be written.
        """
        mark = path / _MARK
        if path.exists() and not path.is_dir():
            raise InputError(f"{path} is a file; choose another folder with --out")
        occupied = path.is_dir() and any(
            item.name != _STUDY for item in path.iterdir() if not item.name.startswith(".")
        )  # looked at before the mark, which another process of the study may be writing just now
        if mark.is_file():
            try:
                owner = json.loads(mark.read_text())["study"]
            except (ValueError, KeyError, TypeError):
                raise InputError(f"{mark} is damaged; choose another folder with --out, or delete this one") from None
            if owner != study:
                raise InputError(
                    f"{path} holds the results of study {owner!r}, not of {study!r}; choose another folder with --out, "
                    "or give the study its old name"
                )
        elif occupied:
            raise InputError(f"{path} is not empty and is no run folder; choose another folder with --out")
        with _disk(path):
            path.mkdir(parents=True, exist_ok=True)
            _sweep(path)
            if not mark.is_file():
                write_atomically(mark, json.dumps({"study": study}).encode())
        return cls(path)

    def digest(self, path: Path) -> str:
        """Return the SHA-256 of an input file, remembered by path, size and time of change."""
        return self._digests.of(path)

    def record(self, name: str) -> Record | None:
        """Return the record of a result; None where there is none that can be read."""
        try:
            return Record.model_validate_json((self.path / (name + _RECORD)).read_bytes())
        except (OSError, ValidationError):
            return None

    def finished(self, name: str, key: str) -> Record | None:
        """Return the record of a result that is done under this key and whole on disk."""
        record = self.record(name)
        place = self.path / name
        if record is None or record.status != "done" or record.key != key or not place.exists():
            return None
        if _size(place) != record.size or (place.is_file() and self.digest(place) != record.digest):
            return None
        return record

    def produce(self, name: str, stage: str, key: str, write: Callable[[Path], None]) -> Record:
        """Return the finished record of a result, computing it if its key changed.

        Args:
            name: path of the result inside the run folder; a file, or a folder if `write` makes one.
            stage: for the record.
            key: from `content_key`.
            write: writes the whole result to the path it is given.

        Raises:
            RunError: the disk is full or not writable; nothing half-written stays.
        """
        found = self.finished(name, key)
        if found is not None:
            self.reused.append(name)
            return found
        start = time.perf_counter()
        place = self.path / name
        with _disk(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            temporary = _temporary(place)
            try:
                write(temporary)
                _sync(temporary)
                digest, size = tree_digest(temporary), _size(temporary)
                (self.path / (name + _RECORD)).unlink(missing_ok=True)
                _take_place(temporary, place)
                _sync_folder(place.parent)
            finally:
                _remove(temporary)
            record = Record(
                key=key, stage=stage, status="done", digest=digest, size=size, seconds=time.perf_counter() - start
            )
            self._write_record(name, record)
        if place.is_file():
            self._digests.remember(place, digest)
        self.made.append(name)
        self.log("done", item=name, stage=stage, seconds=round(record.seconds, 3))
        return record

    def fail(self, name: str, stage: str, key: str, error: str) -> Record:
        """Record that a result could not be made; the next run tries again."""
        record = Record(key=key, stage=stage, status="failed", error=error)
        with _disk(self.path / name):
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            _remove(self.path / name)
            self._write_record(name, record)
        self.log("failed", item=name, stage=stage, error=error)
        return record

    def write_study(self, text: str) -> None:
        """Store the resolved study."""
        with _disk(self.path / _STUDY):
            write_atomically(self.path / _STUDY, text.encode())

    def log(self, event: str, **facts: Any) -> None:
        """Append one line to log.jsonl."""
        line = json.dumps({"time": datetime.now(UTC).isoformat(timespec="seconds"), "event": event, **facts})
        with _disk(self.path / "log.jsonl"), (self.path / "log.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")

    def close(self) -> None:
        """Store what was learned of input digests."""
        self._digests.close()

    def _write_record(self, name: str, record: Record) -> None:
        write_atomically(self.path / (name + _RECORD), record.model_dump_json(indent=1).encode())


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that it is either the old one or the whole new one."""
    temporary = _temporary(path)
    try:
        temporary.write_bytes(content)
        _sync(temporary)
        temporary.replace(path)
        _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def tree_digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of a folder's file names and contents."""
    if path.is_file():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    parts = {str(item.relative_to(path)): tree_digest(item) for item in sorted(path.rglob("*")) if item.is_file()}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.tmp")


def _sweep(path: Path) -> None:
    """Remove what killed processes of this machine left half-written."""
    pattern = f".*.{socket.gethostname()}.*.tmp"
    for folder, folders, files in os.walk(path):  # passes over what another process removes meanwhile
        for name in fnmatch.filter([*folders, *files], pattern):
            process = name.split(".")[-2]
            if process.isdigit() and int(process) != os.getpid() and not _alive(int(process)):
                _remove(Path(folder) / name)
        folders[:] = [name for name in folders if not fnmatch.fnmatch(name, pattern)]


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _take_place(temporary: Path, place: Path) -> None:
    """Rename over a file or folder, also where another process puts its own there at the same time."""
    for left in reversed(range(_ATTEMPTS)):
        if place.is_dir():
            shutil.rmtree(place, ignore_errors=True)
        try:
            temporary.replace(place)
        except OSError as error:
            if left == 0 or error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.EISDIR, errno.ENOTDIR):
                raise
        else:
            return


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [item for item in path.rglob("*") if item.is_file()]
    return sum(item.stat().st_size for item in files)


def _sync(path: Path) -> None:
    for item in [path] if path.is_file() else [item for item in path.rglob("*") if item.is_file()]:
        with item.open("rb") as stream:
            os.fsync(stream.fileno())


def _sync_folder(path: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _disk(path: Path) -> Iterator[None]:
    """Turn the disk's refusals into one clear error."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            mend = "free some space, or choose another folder with --out"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            mend = "choose a folder you may write to with --out"
        else:
            raise
        raise RunError(
            f"cannot write {path}: {os.strerror(error.errno)}; {mend}, and run again. What was finished is kept"
        ) from error


class _DigestCache:
    """SHA-256 of files by path, size and time of change; losing it costs time only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, tuple[int, int, str]] = {}
        self._new: dict[str, tuple[int, int, str]] = {}
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path, timeout=_PATIENCE)) as index:
            for name, size, changed, digest in index.execute("SELECT path, size, changed, digest FROM digests"):
                self._known[name] = (size, changed, digest)

    def of(self, path: Path) -> str:
        name, (size, changed) = self._identity(path)
        known = self._known.get(name)
        if known is not None and known[:2] == (size, changed):
            return known[2]
        digest = tree_digest(path)
        self._known[name] = self._new[name] = (size, changed, digest)
        return digest

    def remember(self, path: Path, digest: str) -> None:
        name, (size, changed) = self._identity(path)
        self._known[name] = self._new[name] = (size, changed, digest)

    def close(self) -> None:
        if not self._new:
            return
        try:
            self._store(self._path, self._new)
        except sqlite3.OperationalError:  # held by others for too long, or no locks on this file system
            pass
        except sqlite3.DatabaseError:  # damaged by a crash: others may hold it open, so a new one takes its place
            temporary = _temporary(self._path)
            with contextlib.suppress(OSError, sqlite3.Error):
                self._store(temporary, self._known)
                temporary.replace(self._path)
            _remove(temporary)
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


def read_json(path: Path) -> Mapping[str, Any]:
    """Read a JSON object that this package wrote."""
    content = json.loads(path.read_bytes())
    assert isinstance(content, dict), path
    return content


def safe_name(name: str) -> str:
    """Return a name fit for a file, different names staying different."""
    return "".join(letter if letter.isalnum() or letter in "-_" else f"%{ord(letter):x}" for letter in name)
