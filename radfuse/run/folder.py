"""The run folder: results with records, content keys, atomic writes, resuming.

A result is written under a temporary name, synced and renamed; its record follows the same way, last. So a record
that is there speaks of a result that is whole, whenever the process is killed. Several processes may work in one run
folder (job arrays): results and records are files of their own, and the index is shared through its locks.
"""

from __future__ import annotations

import hashlib
import json
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import ValidationError

from radfuse.config import Section
from radfuse.errors import CaseError, InputError, MachineError, asked
from radfuse.run.digests import DigestCache, ReadDigest, combined_digest, file_digests
from radfuse.run.disk import (
    check_folder,
    link,
    remove,
    size_of,
    sweep,
    sync,
    sync_folder,
    take_place,
    temporary_of,
    write_atomically,
    writing,
)
from radfuse.run.lock import Lock, take_lock

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many items are done, and how many there are."""

RECORD = ".record.json"
"""End of the name of a result's record."""
STUDY, MARK = "study.yaml", "run.json"
"""The resolved study, and whose folder it is."""
LOCK = "run.lock"
LOG = "log.jsonl"
"""What was begun, done and failed, a line each."""
LOOKS = "look"
"""Folder of the pages of single cases, which may be there before the run."""
CLERKS = 8
"""Threads that record what is through at the same time."""
_TOOK = ("seconds", "cpu_seconds", "bytes_read", "machine")
"""What is known of how a result was made, in records and logs."""
_LONGEST, _KEPT = 150, 100
"""Bytes of a result's name, with room for the endings of records and temporary files; and what a longer one keeps."""


class Record(Section):
    """What is known of one result.

    Attributes:
        key: content key of everything the result depends on.
        stage: which stage made it.
        status: "failed" has an error and no result.
        digest: SHA-256 of the result.
        size: of the result in bytes, all files together.
        seconds: it took.
        cpu_seconds: of the processor among them, user and system; 0 where nobody measured.
        bytes_read: of files meanwhile; 0 where nobody measured, or the system does not tell.
        machine: that made it.
        error: why it failed.
    """

    key: str
    stage: str
    status: Literal["done", "failed"]
    digest: str | None = None
    size: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    bytes_read: int = 0
    machine: str = ""
    error: str | None = None


class Written(Section):
    """A result under its temporary name, synced, waiting to take its place."""

    temporary: Path
    digests: Mapping[str, str]
    """Of each file by its name; of a single file by ""."""
    size: int
    seconds: float
    cpu_seconds: float = 0.0
    bytes_read: int = 0
    machine: str = ""


class RunFolder:
    """One study's results on disk.

    Attributes:
        path: the folder.
        made: names of results computed by this process.
        reused: names of results found finished.
        left: names of results that failed before, of the same inputs, and were not tried again.
        early: names of results that are counted, as they were made or looked at before their stage's turn.
    """

    def __init__(self, path: Path, lock: Lock | None = None, lender: RunFolder | None = None, log: str = LOG) -> None:
        self.path = path
        self._lock, self._lender = lock, lender
        self._log = path / log
        self.left: list[str] = []
        self.early: set[str] = set()
        self.made: list[str] = []
        self.reused: list[str] = []
        self._digests: DigestCache = lender._digests if lender is not None else DigestCache(path / index_of(log))

    @classmethod
    def open(
        cls, path: Path, study: str, *, shared: bool = False, lender: RunFolder | None = None, log: str = LOG
    ) -> Self:
        """Open a study's run folder, or make it; until `close` nobody else works in it, apart from who shares it.

        Args:
            path: of the folder.
            study: name of the study.
            shared: with others who share it, as jobs of an array do.
            lender: where a result that is not here is looked for before it is made.
            log: name of the log; each job of an array has its own, and an index, as file systems of several machines
                let one writer at a time append.

        Raises:
            InputError: the folder belongs to another study, holds something else, or another process works in it.
            RunError: the folder cannot be written.
        """
        mark = path / MARK
        check_folder(path)
        _check_owner(path, study)
        with writing(path):
            path.mkdir(parents=True, exist_ok=True)
            if not mark.is_file():
                write_atomically(mark, json.dumps({"study": study}).encode())
            lock = take_lock(path / LOCK, shared=shared)
            sweep(path)
        return cls(path, lock, lender, log)

    def inside(self, name: str, study: str) -> RunFolder:
        """Open a run folder in this one, which lends it what it has."""
        return RunFolder.open(self.path / name, study, lender=self)

    def digest(self, path: Path) -> str:
        """Return the SHA-256 of a file or folder; files' are remembered by path, size and time of change."""
        return self._digests.of(path)

    def unread(self, path: Path) -> int:
        """Return the bytes that are to be read before the digest of a file or folder is known."""
        return self._digests.unread(path)

    def learn(self, found: Iterable[ReadDigest]) -> None:
        """Take over digests of files that workers read."""
        self._digests.learn(found)

    def record(self, name: str) -> Record | None:
        """Return the record of a result; None where there is none that can be read."""
        try:
            return Record.model_validate_json((self.path / (name + RECORD)).read_bytes())
        except (OSError, ValidationError):
            return None

    def found(self, name: str, key: str | None, *, whole: bool = True) -> Record | None:
        """Return the record of a result; a copy brings it first, under a key or (None) any, `whole` or it alone."""
        return self.record(name)

    def finished(self, name: str, key: str, *, whole: bool = True) -> Record | None:
        """Return the record of a result that is done under this key and whole on disk, here or where one is lent."""
        record = self.found(name, key, whole=whole)
        return record if record is not None and self.holds(name, key, record) else self.lent(name, key)

    def lent(self, name: str, key: str) -> Record | None:
        """Return the record of a result that is done under this key where one is lent, and have it here too."""
        found = self._lender.finished(name, key) if self._lender is not None else None
        return self._take_over(name, found) if found is not None else None

    def holds(self, name: str, key: str, record: Record) -> bool:
        """Return whether a result is done under this key and whole on disk, as its record says."""
        place = self.path / name
        if record.status != "done" or record.key != key or not place.exists():
            return False
        return size_of(place) == record.size and self.digest(place) == record.digest

    def _take_over(self, name: str, record: Record) -> Record:
        """Have a result of the lender here too."""
        assert self._lender is not None
        place, temporary = self.path / name, temporary_of(self.path / name)
        theirs = self._lender.path / name
        known = {item: self.digest(theirs / item) for item in file_digests(theirs, lambda _: "")}
        with writing(place):
            try:
                remove(temporary)
                link(theirs, temporary)
                (self.path / (name + RECORD)).unlink(missing_ok=True)
                take_place(temporary, place)
            finally:
                remove(temporary)
            self._write_record(name, record)
        for item, digest in known.items():
            for each in (theirs, place):
                self._digests.remember(each / item if item else each, digest)
        return record

    def take(self, name: str, stage: str, key: str, written: Written) -> Record:
        """Put a result that was written aside in its place, and record it.

        Raises:
            RunError: the disk is full or not writable.
        """
        place = self.path / name
        with writing(place):
            try:
                (self.path / (name + RECORD)).unlink(missing_ok=True)
                take_place(written.temporary, place)
                sync_folder(place.parent)
            finally:
                remove(written.temporary)
            facts = {name: getattr(written, name) for name in _TOOK}
            whole = {"digest": combined_digest(written.digests), "size": written.size}
            record = Record(key=key, stage=stage, status="done", **whole, **facts)
            self._write_record(name, record)
        for item, known in written.digests.items():
            self._digests.remember(place / item if item else place, known)
        self.made.append(name)
        rounded = {fact: round(value, 3) if isinstance(value, float) else value for fact, value in facts.items()}
        self.log("done", item=name, stage=stage, **rounded)
        return record

    def fail(self, name: str, stage: str, key: str, error: str) -> Record:
        """Record that a result could not be made.

        The next run tries again where the key has changed, where it is asked to, or where the key is "": what failed
        for the machine's sake.
        """
        record = Record(key=key, stage=stage, status="failed", error=error)
        with writing(self.path / name):
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            remove(self.path / name)
            self._write_record(name, record)
        self.log("failed", item=name, stage=stage, error=error, machine=socket.gethostname())
        return record

    def store(self, stage: str, through: Sequence[tuple[str, str, Written | CaseError]]) -> None:
        """Take or fail what is through at a time, several side by side: a disk makes many sure as fast as one.

        Args:
            stage: that made them.
            through: name, key, and what was written aside or went wrong.

        Raises:
            RunError: the disk is full or not writable.
        """

        def one(item: tuple[str, str, Written | CaseError]) -> None:
            name, key, result = item
            if isinstance(result, CaseError):
                self.fail(name, stage, "" if isinstance(result, MachineError) else key, result.message)
            else:
                self.take(name, stage, key, result)

        if len(through) == 1:
            one(through[0])
            return
        with ThreadPoolExecutor(CLERKS) as clerks:
            for _ in clerks.map(one, through):
                pass

    def write_study(self, text: str) -> None:
        """Store the resolved study."""
        with writing(self.path / STUDY):
            write_atomically(self.path / STUDY, text.encode())

    def log(self, event: str, **facts: Any) -> None:
        """Append one line to the log."""
        line = json.dumps({"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **facts})
        with writing(self._log), self._log.open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")

    def close(self) -> None:
        """Store what was learned of input digests, and let others work here."""
        self._digests.close()
        if self._lock is not None:
            self._lock.release()

    def _write_record(self, name: str, record: Record) -> None:
        write_atomically(self.path / (name + RECORD), record.model_dump_json(indent=1).encode())


def occupied(path: Path) -> bool:
    """Return whether a folder holds more than may be there before a run: pages of cases, and hidden files."""
    return path.is_dir() and any(not item.name.startswith(".") and item.name != LOOKS for item in path.iterdir())


def _check_owner(path: Path, study: str) -> None:
    """Refuse a folder that holds something else than a study's results."""
    another = f"choose another folder with {asked('--out')}"
    taken, mark = occupied(path), path / MARK  # in this order, as another process of the study may write the mark now
    if mark.is_file():
        try:
            owner = json.loads(mark.read_text())["study"]
        except (ValueError, KeyError, TypeError):
            raise InputError(f"{mark} is damaged; {another}, or delete this one") from None
        if owner != study:
            raise InputError(
                f"{path} holds the results of study {owner!r}, not of {study!r}; {another}, or give the "
                "study its old name"
            )
    elif taken:
        raise InputError(f"{path} is not empty and is no run folder; {another}")


def put_aside(place: Path, write: Callable[[Path], None], start: float) -> Written:
    """Write a result under a temporary name beside its place; may be called in another process.

    Args:
        place: where it will belong.
        write: writes the whole result, a file or a folder, to the path it is given.
        start: `time.perf_counter()` when its making began.

    Raises:
        RunError: the disk is full or not writable; nothing half-written stays.
    """
    with writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary = temporary_of(place)
        try:
            write(temporary)
            sync(temporary)
        except BaseException:
            remove(temporary)
            raise
        digests, size = file_digests(temporary), size_of(temporary)
    took = {"seconds": time.perf_counter() - start, "machine": socket.gethostname()}
    return Written(temporary=temporary, digests=digests, size=size, **took)


def index_of(log: str) -> str:
    """Return the name of the index of digests of who writes a log: "log.2-of-4.jsonl" has "index.2-of-4.sqlite"."""
    return f"index{log.removeprefix('log').removesuffix('.jsonl')}.sqlite"


def read_json(path: Path) -> Mapping[str, Any]:
    """Read a JSON object that this package wrote."""
    content = json.loads(path.read_bytes())
    assert isinstance(content, dict), path
    return content


def safe_name(name: str) -> str:
    """Return a name fit for a file, different names staying different; a long one keeps its start and a digest."""
    safe = "".join(letter if letter.isalnum() or letter in "-_" else f"%{ord(letter):x}" for letter in name)
    if len(safe.encode()) <= _LONGEST:
        return safe
    return f"{safe.encode()[:_KEPT].decode(errors='ignore')}~{hashlib.sha256(name.encode()).hexdigest()[:24]}"
