"""What lies in a run folder beside results, between a copy and the store: whose it is, logs, indices of digests."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

from radfuse.errors import InputError, asked
from radfuse.run.disk import remove, temporary_of, write_atomically, writing
from radfuse.run.folder import LOG, MARK, STUDY, index_of, occupied
from radfuse.run.push import Pusher
from radfuse.run.store import Store

_TIME = 40
"""Letters of a line of a log that hold its time."""

Stamp = tuple[int, int]
"""Size and time of change of a file, ns."""


class Loose:
    """The files of a copy that are no results.

    Args:
        store: the run folder.
        root: of the copy.
        log: that this process writes.
        pusher: asks patiently.
    """

    def __init__(self, store: Store, root: Path, log: str, pusher: Pusher) -> None:
        self._store, self._root, self._pusher = store, root, pusher
        self._log = log
        self._own = (MARK, STUDY, log, index_of(log))
        self._joined: dict[str, dict[str, Stamp]] = {}

    def bring(self, inside: str, there: Mapping[str, int | None]) -> None:
        """Have here what a run folder of the store has and the copy lacks, and both logs as one.

        Args:
            inside: name of the run folder, "" for the outermost.
            there: its files and their sizes.

        Raises:
            InputError: store or copy hold something else.
            StoreError: the store does not answer.
        """
        folder, known = self._root / inside, dict[str, Stamp]()
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            if not inside:
                self._check_owner(there)
            for name, size in sorted(there.items(), key=lambda item: item[0] != MARK):
                place = folder / name
                if size is None or not self._wanted(name):
                    continue
                here = place.stat().st_size if place.is_file() else None
                if here is None or (here != size and name not in self._own):
                    self._fetch(place)
                elif here != size and name == self._log:
                    join_logs(place, self._store.read(self._name(place)) or b"")
                if place.stat().st_size == size:
                    known[name] = stamp_of(place)
        self._joined[inside] = known

    def push(self) -> None:
        """Write into the store what has changed of this process's own.

        Raises:
            StoreError: the store does not answer.
        """
        for inside, known in list(self._joined.items()):
            for name in self._own:
                place = self._root / inside / name
                with suppress(FileNotFoundError):
                    if known.get(name) != (stamp := stamp_of(place)):
                        self._store.send(place, self._name(place))
                        known[name] = stamp

    def _wanted(self, name: str) -> bool:
        """Return whether a file is one of those; a job of an array needs none of the other jobs."""
        loose = name in self._own or fnmatch(name, "log*.jsonl") or fnmatch(name, "index*.sqlite")
        return loose and (self._log == LOG or "-of-" not in name or name in self._own)

    def _check_owner(self, there: Mapping[str, int | None]) -> None:
        mark = self._root / MARK
        if occupied(self._root) and not mark.is_file():
            raise InputError(
                f"{self._root} is not empty and is no run folder; choose another folder with {asked('--work')}"
            )
        strange = [name for name in there if not name.startswith((".", "run."))]
        if strange and MARK not in there:
            raise InputError(
                f"{self._store.url} holds {strange[0]} and is no run folder; choose another folder with "
                f"{asked('--out')}"
            )
        if MARK in there and mark.is_file() and mark.read_bytes() != self._store.read(MARK):
            raise InputError(
                f"{self._store.url} and its copy {self._root} are not of one study; choose another folder with "
                f"{asked('--work')}"
            )

    def _fetch(self, place: Path) -> None:
        temporary = temporary_of(place)
        try:
            self._pusher.patiently(partial(self._store.fetch, self._name(place), temporary))
            temporary.replace(place)
        finally:
            remove(temporary)

    def _name(self, place: Path) -> str:
        return place.relative_to(self._root).as_posix()


def stamp_of(path: Path) -> Stamp:
    """Return what tells that a file has changed."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def join_logs(place: Path, theirs: bytes) -> None:
    """Have in a log here what another machine wrote since into that of the store, in the order of time."""
    here = place.read_bytes()
    if here.startswith(theirs):
        return
    lines = dict.fromkeys([*theirs.splitlines(), *here.splitlines()])
    write_atomically(place, b"".join(line + b"\n" for line in sorted(lines, key=lambda line: line[:_TIME])))
