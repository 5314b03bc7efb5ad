"""What a result depends on as one key, and the digests of files, remembered so that terabytes check in seconds."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import NamedTuple

from radfuse.config import Section, Where
from radfuse.extend import source_digest
from radfuse.run.companions import companions, spacings_of, voxels_of
from radfuse.run.disk import remove, temporary_of

_SHORT = 8
"""Characters of a hash that tells two places apart, and from which nobody learns a name."""
_PATIENCE = 30.0
"""Seconds to wait for the index while another process writes it."""

Known = dict[int, tuple[Section, str]]
"""Settings by identity, which is theirs as long as they are held here, with their text in a key."""


UNSAID = {"unsaid": True}
"""Metadata of a job's field that is left out of its key where it is empty, as a setting with `exclude_if` is: results
from before there was such a field stay."""


def _key(stage: str, version: int, settings: str, inputs: str) -> str:
    content = {"inputs": inputs, "settings": settings, "stage": _json(stage), "version": _json(version)}
    return hashlib.sha256(_object(content).encode()).hexdigest()


def _json(value: object) -> str:
    if type(value) is str:
        return encode_basestring_ascii(value)
    return json.dumps(value, sort_keys=True, default=str)


def _object(texts: Mapping[str, str]) -> str:
    """Return a JSON object of values that are JSON already, keys in order, as `_json` writes one."""
    return "{" + ", ".join(f"{encode_basestring_ascii(name)}: {texts[name]}" for name in sorted(texts)) + "}"


class ReadDigest(NamedTuple):
    """The digest of a file or folder as it was read.

    Attributes:
        name: its path, as `_placed` has it.
        size: bytes; of a folder those of all files.
        changed: when, ns; of a folder a number of its files' names, sizes and times.
        digest: SHA-256.
    """

    name: str
    size: int
    changed: int
    digest: str


def job_key(stage: str, version: int, job: object, digest: Callable[[Path], str], known: Known | None = None) -> str:
    """Return the key of a stage's job: of all its fields, and of the content of every file it names.

    Args:
        stage: name of the stage.
        version: of the stage's code.
        job: a frozen dataclass of settings, paths, texts and numbers.
        digest: of a file or folder.
        known: what jobs of one pass share, looked at once for all of them; changed here.
    """
    return _key(stage, version, "null", _text_of(job, digest, {} if known is None else known))


def _text_of(value: object, digest: Callable[[Path], str], known: Known) -> str:
    """Return a value as JSON: a path is what lies there, a user's own part is its source too, order counts."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return _json(value)
    if isinstance(value, Path):
        found = {"content": _json(digest(value))}
        found |= {item.name: _json(digest(item)) for item in spacings_of(value)}
        if voxels := [_json(digest(item)) for item in voxels_of(value)]:
            found["voxels"] = _list(voxels)
        return _object(found)
    if isinstance(value, Section):
        if id(value) not in known:
            known[id(value)] = (value, _section(value, digest, known))
        return known[id(value)][1]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        said = {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
        unsaid = {item.name for item in dataclasses.fields(value) if item.metadata == UNSAID and not said[item.name]}
        return _object({name: _text_of(own, digest, known) for name, own in said.items() if name not in unsaid})
    if isinstance(value, Mapping):
        return _list(f"[{_text_of(key, digest, known)}, {_text_of(own, digest, known)}]" for key, own in value.items())
    if isinstance(value, (tuple, list)):
        return _list(_text_of(item, digest, known) for item in value)
    if isinstance(value, frozenset):
        return _list(_text_of(item, digest, known) for item in sorted(value))
    raise TypeError(f"a job holds settings, paths, texts and numbers; found {type(value).__name__}")


def files_of(value: object) -> Iterator[Path]:
    """Yield the files and folders that a job names, and what lies beside them and counts with them.

    Settings are left out: what jobs share is read once anyway.
    """
    if isinstance(value, Path):
        yield value
        with contextlib.suppress(OSError):  # told of where the job's key is asked for
            yield from companions(value)
    elif isinstance(value, Mapping):
        for own in value.values():
            yield from files_of(own)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from files_of(item)
    elif dataclasses.is_dataclass(value) and not isinstance(value, (type, Section)):
        for field in dataclasses.fields(value):
            yield from files_of(getattr(value, field.name))


def read_digests(paths: Sequence[Path]) -> list[ReadDigest]:
    """Return the digest of each file or folder; those left out that cannot be read, or change meanwhile.

    Runs in a worker, which sees files under the paths they have here.
    """
    found: list[ReadDigest] = []
    for path in paths:
        with contextlib.suppress(OSError):
            before = _facts(path)
            digest = tree_digest(path)
            if before == _facts(path):
                found.append(ReadDigest(_placed(path, {})[0], *before, digest))
    return found


def _placed(path: Path, folders: dict[str, str]) -> tuple[str, str]:
    """Return the name of a path in an index, without links but its own, and the path without any.

    Its own may be a case's name for a series that lies under a person's. A hash tells where it led: links are renewed.

    Args:
        path: of a file or folder.
        folders: folder -> without links; those on the way to one are followed once.
    """
    folder, name = os.path.split(path)
    if name in ("", ".", ".."):
        return (os.path.realpath(path),) * 2
    if folder not in folders:
        folders[folder] = os.path.realpath(folder)
    place = f"{folders[folder].rstrip(os.sep)}{os.sep}{name}"
    if not os.path.islink(place):  # noqa: PTH114  of a text: a Path is slow
        return place, place
    real = os.path.realpath(place)
    return f"{place}@{hashlib.sha256(os.fsencode(real)).hexdigest()[:_SHORT]}", real


def _facts(path: Path) -> tuple[int, int]:
    """Return the size of a file or folder, and what another number tells that it has changed."""
    return _of_listing(_listing(path)) if path.is_dir() else _of_file(path.stat())


def _of_file(found: os.stat_result) -> tuple[int, int]:
    """Return the size of a file, and when it was changed: who unpacks or copies sets the time of writing back.

    Of a file of several names, as results are that variants share, that is when it was written: each name changes it.
    """
    changed = found.st_mtime_ns if found.st_nlink > 1 else max(found.st_mtime_ns, found.st_ctime_ns)
    return found.st_size, changed


_Listing = dict[str, tuple[int, int]]
"""Size and time of change of each file in a folder, by its name there."""


def _listing(folder: Path) -> _Listing:
    """Look at each file, those of folders below too: a folder's own time does not tell what is written into a file."""
    found, folders = _Listing(), [""]
    while folders:
        below = folders.pop()
        with os.scandir(folder / below) as items:
            for item in items:
                if item.is_dir(follow_symlinks=False):
                    folders.append(f"{below}{item.name}{os.sep}")
                elif item.is_file():
                    facts = os.stat(item.path)  # noqa: PTH116  item.stat() counts no links on Windows; a Path is slow
                    found[f"{below}{item.name}"] = _of_file(facts)
    return found


def _of_listing(listing: _Listing) -> tuple[int, int]:
    """Return the size of a folder, and a number of 63 bits, as the index holds, of all that is known of its files."""
    digest = hashlib.blake2b(repr(sorted(listing.items())).encode(), digest_size=8).digest()
    return sum(size for size, _ in listing.values()), int.from_bytes(digest, "big") >> 1


def _section(value: Section, digest: Callable[[Path], str], known: Known) -> str:
    said = {
        name: getattr(value, name)
        for name, field in type(value).model_fields.items()
        if Where not in map(type, field.metadata)
        and not (field.exclude_if is not None and field.exclude_if(getattr(value, name)))
    }
    settings = _object({name: _text_of(item, digest, known) for name, item in said.items()})
    own = source_digest(type(value))
    if own is None:
        return settings
    return _object({"part": _json(type(value).__qualname__), "source": _json(own), "settings": settings})


def _list(texts: Iterable[str]) -> str:
    return f"[{', '.join(texts)}]"


def tree_digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of a folder's file names and contents."""
    if path.is_file():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    return combined_digest(file_digests(path))


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


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)


class DigestCache:
    """SHA-256 of files by path, size and time of change; losing it costs time only.

    A folder that was read, such as a series of 160 slices, is one entry, by what is known of its files.

    Args:
        path: of the index that takes what is new, "index.sqlite" or that of a job of an array; all beside it are read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, tuple[int, int, str]] = {}
        self._new: dict[str, tuple[int, int, str]] = {}
        self._folders: dict[str, str] = {}
        self._left: set[str] = set()
        for each in sorted(path.parent.glob("index*.sqlite")):
            with contextlib.suppress(sqlite3.Error), contextlib.closing(_open(each)) as index:
                for name, size, changed, digest in index.execute("SELECT path, size, changed, digest FROM digests"):
                    self._known[name] = (size, changed, digest)

    def of(self, path: Path) -> str:
        """Return the digest of a file, or of a folder by those of its files."""
        name, listing = self._name(path), _listing(path) if path.is_dir() else None
        facts = _of_file(path.stat()) if listing is None else _of_listing(listing)
        known = self._known.get(name)
        if known is not None and known[:2] == facts:
            return known[2]
        if listing is not None and (parts := self._parts(name, listing)) is not None:
            return combined_digest(parts)
        digest = tree_digest(path)
        self._known[name] = self._new[name] = (*facts, digest)
        return digest

    def _name(self, path: Path) -> str:
        """Return the name of a path in the index; an older one had the path that a link leads to, and its person's."""
        name, real = _placed(path, self._folders)
        if real != name and real in self._known:
            self._new[name] = self._known.setdefault(name, self._known[real])
            self._left.add(real)
        return name

    def _parts(self, name: str, listing: _Listing) -> dict[str, str] | None:
        """Return the digests of a folder's files where all are known, as those of results are, one by one."""
        parts: dict[str, str] = {}
        for item, facts in listing.items():
            known = self._known.get(f"{name}{os.sep}{item}")
            if known is None or known[:2] != facts:
                return None
            parts[item] = known[2]
        return parts

    def unread(self, path: Path) -> int:
        """Return the bytes to read for a digest; 0 of what cannot be looked at.

        Folders are judged at a glance, known or not, or by their first file: whoever asks for the digest looks closer.
        """
        with contextlib.suppress(OSError):
            if not path.is_dir():
                facts, known = _of_file(path.stat()), self._known.get(self._name(path))
                return facts[0] if known is None or known[:2] != facts else 0
            if self._name(path) not in self._known:
                files = _listing(path)
                return sum(size for size, _ in files.values()) if files and self.unread(path / next(iter(files))) else 0
        return 0

    def learn(self, found: Iterable[ReadDigest]) -> None:
        """Take over digests that others read."""
        for each in found:
            self._known[each.name] = self._new[each.name] = (each.size, each.changed, each.digest)

    def remember(self, path: Path, digest: str) -> None:
        """Take over the digest of a file that was just written."""
        name = self._name(path)
        self._known[name] = self._new[name] = (*_of_file(path.stat()), digest)

    def close(self) -> None:
        """Store what is new."""
        if not self._new:
            return
        for name in self._left - self._new.keys():
            self._known.pop(name, None)
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
        self._forget()
        self._new.clear()
        self._left.clear()

    def _forget(self) -> None:
        """Take out of each index beside this one what is said of links under where they lead, on the disk, too."""
        left = [(name,) for name in self._left - self._new.keys()]
        for each in self._path.parent.glob("index*.sqlite") if left else ():
            with contextlib.suppress(sqlite3.Error), contextlib.closing(_open(each)) as index:
                index.execute("PRAGMA secure_delete = ON")
                index.execute("BEGIN IMMEDIATE")
                index.executemany("DELETE FROM digests WHERE path = ?", left)
                index.execute("COMMIT")

    @staticmethod
    def _store(path: Path, digests: Mapping[str, tuple[int, int, str]]) -> None:
        rows = [(name, *facts) for name, facts in digests.items()]
        with contextlib.closing(_open(path)) as index:
            index.execute("BEGIN IMMEDIATE")  # one lock from the start: two writers cannot wait for each other
            index.execute(
                "CREATE TABLE IF NOT EXISTS digests (path TEXT PRIMARY KEY, size INTEGER, changed INTEGER, digest TEXT)"
            )
            index.executemany("INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?)", rows)
            index.execute("COMMIT")
