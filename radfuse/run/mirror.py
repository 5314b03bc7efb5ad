"""A run folder in a store: the work is done in a copy of it here, which brings what it needs and hands on what it made.

A result is handed on in the order in which it is written here: its old record goes first, the new one comes last. So a
record in the store speaks of a result that is there, whenever this machine is lost.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from radfuse.errors import InputError, RadfuseError, RunError, asked
from radfuse.run.digests import file_digests
from radfuse.run.disk import check_folder, remove, size_of, take_place, temporary_of, write_atomically, writing
from radfuse.run.folder import LOG, MARK, RECORD, Progress, Record
from radfuse.run.lease import BEAT_S, Lease, holder_there, take_lease
from radfuse.run.ledger import Ledger, read_ledger
from radfuse.run.loose import Loose, Stamp, stamp_of
from radfuse.run.push import Pusher
from radfuse.run.store import Store, StoreError

_JOURNAL = ".pushed"
"""Name of the journal of a copy, but for its job of an array."""
_LOG_SHARE = 0.05
"""Of the time, that may go into writing the log anew, which grows."""


def working_copy(url: str, work: Path | None = None) -> Path:
    """Return where the copy of a run folder in a store lies: where it is asked for, or in the user's cache."""
    if work is not None:
        return work
    url = url.rstrip("/")
    name = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in url.rpartition("/")[2])[:60]
    try:
        home = Path.home()
    except RuntimeError as error:
        raise InputError(
            f"there is no home folder for a copy of the run; say where it goes with {asked('--work')}"
        ) from error
    return home / ".cache" / "radfuse" / f"{name}-{hashlib.sha256(url.encode()).hexdigest()[:12]}"


@contextmanager
def mirrored(url: str, work: Path, log: str, progress: Progress) -> Iterator[Mirror]:
    """Work in a copy of a run folder in a store; at the end all is there, whatever happened meanwhile.

    Args:
        url: of the run folder.
        work: the copy.
        log: that this process writes.
        progress: told of what is brought and handed on.

    Raises:
        InputError: the store cannot be used, or another process works there.
        RunError: not all is there at the end.
    """
    check_folder(work, asked("--work"))
    store = Store.open(url)
    journal = Journal(work, log, store.url)
    waited: list[str] = []

    def wait_for(who: str) -> None:
        waited.append(f"waiting for {who}, if it is still there")
        progress(waited[-1], 0, 1)

    try:
        lease = take_lease(store, log, wait_for)
        for what in waited[-1:]:
            progress(what, 1, 1)
    except StoreError as error:
        raise InputError(str(error)) from error
    mirror = Mirror(store, work, log, lease, journal)
    try:
        yield mirror
    except BaseException as error:
        try:
            mirror.close(progress)
        except RadfuseError as unfinished:
            if isinstance(error, RadfuseError) and str(error) not in str(unfinished):
                raise RunError(f"{error}\n{unfinished}") from error
            raise
        raise
    mirror.close(progress)


def read_ledger_there(url: str) -> Ledger:
    """Return what the logs of a run folder in a store tell; nothing else is brought.

    Raises:
        InputError: the store cannot be used, or there is no run folder.
    """
    store = Store.open(url)
    try:
        logs = [name for name in store.names() if fnmatch(name, "log*.jsonl")]
        if not logs:
            raise InputError(
                f"{store.url} is no run folder: it has no {LOG}; give the URL that `radfuse run` wrote to, or "
                "wait: a run that has just begun writes it within half a minute"
            )
        with tempfile.TemporaryDirectory() as folder:
            for name in logs:
                store.fetch(name, Path(folder) / name)
            return read_ledger(Path(folder), holder_there(store))
    except StoreError as error:
        raise InputError(str(error)) from error


class Mirror:
    """A copy of a run folder in a store.

    Args:
        store: the run folder.
        root: of the copy.
        log: that this process writes.
        lease: of the store.
        journal: of the copy.
    """

    def __init__(self, store: Store, root: Path, log: str, lease: Lease, journal: Journal) -> None:
        self._store = store
        self._root, self._lease, self._journal = root, lease, journal
        self._pusher = Pusher()
        self._loose = Loose(store, root, log, self._pusher)
        self._guard = threading.RLock()
        self._there: dict[str, dict[str, int | None]] = {}
        self._ended = threading.Event()
        self._beats = threading.Thread(target=self._beat, name="lease", daemon=True)

    def join(self, folder: Path) -> None:
        """Bring what lies in a run folder beside its results, before it is opened.

        Raises:
            InputError: store or copy hold something else there.
        """
        inside = self._name(folder)
        there = self._listed(inside)
        if not inside and MARK not in there:
            self._journal.forget()
        self._loose.bring(inside, there)

    def begin(self) -> None:
        """Say in the store whose folder it is, and from now on that somebody works there.

        Raises:
            RunError: another process took it meanwhile, or nothing can be written there.
        """
        self._lease.renew()
        self._loose.push()
        self._journal.begin()
        self._beats.start()

    def bring(self, place: Path, key: str | None, *, whole: bool = True) -> None:
        """Have a result here that the store has under a key; one that is here already is handed on if it is not there.

        Args:
            place: of the result.
            key: what it depends on; None: whatever the store has.
            whole: with what it holds; else its record alone.

        Raises:
            RunError: the store does not answer.
        """
        self._pusher.check()
        name, mark = self._name(place), place.with_name(place.name + RECORD)
        here = _record(mark)
        if here is not None and here.key == key and _is_whole(place, here):
            if not self._journal.holds(name, stamp_of(mark)):
                self.push(place)
            return
        if mark.name not in self._listed(_parent(name)):
            return
        content = self._pusher.patiently(partial(self._store.read, name + RECORD))
        there = _parsed(content) if content is not None else None
        if content is None or there is None or key not in (None, there.key):
            return
        if here == there and (not whole or _is_whole(place, here)):
            return
        with writing(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            mark.unlink(missing_ok=True)
            if not whole or there.status == "failed":
                remove(place)
            elif not self._fetch_result(name, place):
                return
            write_atomically(mark, content)
        self.settle(place)

    def push(self, place: Path) -> None:
        """Hand a result on, in the background.

        Raises:
            RunError: the store was away for too long.
        """
        self._pusher.push(self._name(place), partial(self._send, self._name(place)))

    def settle(self, place: Path) -> None:
        """Note that the store has a result, or need not have it."""
        mark = place.with_name(place.name + RECORD)
        self._journal.note(self._name(place), stamp_of(mark))

    def close(self, progress: Progress) -> None:
        """Hand on what is left, and let others work there.

        Raises:
            RunError: not all of it could be.
        """
        lost: RadfuseError | None = None
        try:
            self._pusher.finish(lambda done, total: progress("writing to the store", done, total))
            begun = self._beats.is_alive()  # not so where nothing was begun, or another process works there now
            self._ended.set()
            if begun:
                self._beats.join()
                self._pusher.patiently(self._loose.push)
            self._lease.release()
        except StoreError as error:
            lost = error
        finally:
            self._ended.set()
        failed = self._pusher.failed
        if failed or lost is not None:
            first = next(iter(failed.values()), lost)
            what = f"{len(failed)} result{'s are' if len(failed) != 1 else ' is'}" if failed else "the log is"
            given = ["--out", *([] if self._root == working_copy(self._store.url) else ["--work"])]
            raise RunError(
                f"{what} not in {self._store.url}: {first}. All of it is in {self._root}; run again with the same "
                f"{' and '.join(asked(option) for option in given)}, and it is written there, not made again"
            )

    def _beat(self) -> None:
        """Say that somebody works here, and how far it is."""
        next_log = 0.0
        while not self._ended.wait(BEAT_S):
            try:
                self._lease.renew()
                began = time.monotonic()
                if began >= next_log:
                    self._loose.push()
                    next_log = time.monotonic() + (time.monotonic() - began) / _LOG_SHARE
            except (StoreError, OSError):  # that is for those to tell who hand on results
                continue
            except RunError as error:
                self._pusher.stop(error)
                return

    def _send(self, name: str) -> None:
        """Hand a result on: no record without it, no file of an older one beside it."""
        place = self._root / name
        mark = place.with_name(place.name + RECORD)
        try:
            stamp, content = stamp_of(mark), mark.read_bytes()
            files = {f"{name}/{item}" if item else name: place / item for item in _files(place)}
        except FileNotFoundError:  # made anew at this moment, and handed on after that
            return
        there = self._listed(_parent(name))
        if mark.name in there:
            self._store.remove(name + RECORD)
        if place.name in there:
            old = [f"{name}/{item}" for item in self._store.below(name)] if there[place.name] is None else [name]
            for item in set(old) - set(files):
                self._store.remove(item)
        try:
            for item, source in files.items():
                self._store.send(source, item)
        except StoreError:
            if all(source.exists() for source in files.values()):
                raise
            return
        self._store.write(name + RECORD, content)
        there |= {mark.name: len(content), **({place.name: None if place.is_dir() else 0} if files else {})}
        self._journal.note(name, stamp)

    def _fetch_result(self, name: str, place: Path) -> bool:
        """Have what a result holds here, and return whether it was there; if it is whole, its record tells."""
        temporary, there = temporary_of(place), self._listed(_parent(name))
        try:
            if there.get(place.name) is not None:
                items = {name: temporary}
            else:  # a folder, which an object store does not have where it is empty
                inside = self._pusher.patiently(partial(self._store.below, name)) if place.name in there else []
                items = {f"{name}/{item}": temporary / item for item in inside}
                temporary.mkdir(parents=True, exist_ok=True)
            for item, target in items.items():
                target.parent.mkdir(parents=True, exist_ok=True)
                if not self._pusher.patiently(partial(self._store.fetch, item, target)):
                    return False
            take_place(temporary, place)
            return True
        finally:
            remove(temporary)

    def _listed(self, folder: str) -> dict[str, int | None]:
        """Return what lay in a folder of the store when it was first asked for, and what was handed on since."""
        with self._guard:
            if folder not in self._there:
                self._there[folder] = self._pusher.patiently(partial(self._store.names, folder))
            return self._there[folder]

    def _name(self, place: Path) -> str:
        name = place.relative_to(self._root).as_posix()
        return "" if name == "." else name


class Journal:
    """What of a copy is in the store: of each result, as size and time of its record here.

    Args:
        root: of the copy.
        log: of this process; each job of an array has a journal of its own.
        url: of the store.

    Raises:
        InputError: it is a copy of another one.
    """

    def __init__(self, root: Path, log: str, url: str) -> None:
        self._file = root / f"{_JOURNAL}{log.removeprefix('log')}"
        self._url = url
        self._guard = threading.Lock()
        self._stamps: dict[str, Stamp] = {}
        for each in root.glob(f"{_JOURNAL}*.jsonl"):
            for line in each.read_text(encoding="utf-8").splitlines():
                with suppress(ValueError):  # cut off by a kill
                    said = json.loads(line)
                    if isinstance(said, list) and len(said) == 3:
                        self._stamps[said[0]] = (said[1], said[2])
                    elif isinstance(said, dict) and said.get("store") != url:
                        raise InputError(
                            f"{root} is a copy of {said.get('store')}, not of {url}; choose another folder with "
                            f"{asked('--work')}"
                        )

    def forget(self) -> None:
        """Begin anew, as the store has nothing."""
        self._stamps.clear()
        for each in self._file.parent.glob(f"{_JOURNAL}*.jsonl"):
            each.unlink(missing_ok=True)

    def begin(self) -> None:
        """Say of which store it is."""
        self._write("\n" + json.dumps({"store": self._url}))

    def note(self, name: str, stamp: Stamp) -> None:
        """Write down that the store has a result."""
        with self._guard:
            self._stamps[name] = stamp
            self._write(json.dumps([name, *stamp]))

    def holds(self, name: str, stamp: Stamp) -> bool:
        """Return whether the store has a result as it is here."""
        return self._stamps.get(name) == stamp

    def _write(self, line: str) -> None:
        with self._file.open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")


def _parent(name: str) -> str:
    return name.rpartition("/")[0]


def _parsed(content: bytes) -> Record | None:
    try:
        return Record.model_validate_json(content)
    except ValidationError:
        return None


def _record(mark: Path) -> Record | None:
    try:
        return _parsed(mark.read_bytes())
    except OSError:
        return None


def _is_whole(place: Path, record: Record) -> bool:
    """Return whether a result looks as its record says, at a glance."""
    return record.status == "failed" or (place.exists() and size_of(place) == record.size)


def _files(place: Path) -> list[str]:
    """Return the files of a result, "" for a single one; none where there is no result."""
    return list(file_digests(place, lambda _: "")) if place.exists() else []
