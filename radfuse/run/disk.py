"""Writing so that a kill, a full disk or another process leaves old or new results, never half ones."""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import os
import re
import shutil
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

from radfuse.errors import InputError, RunError, asked, short

_ATTEMPTS = 20
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What a full disk says; only writing can."""
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_LONGEST_NAME, _LONGEST_PATH = 255, 4000
"""Bytes that file systems take, with room for what lies inside."""
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:|(s3a?|gs|gcs|azure?|abfss?|adl|hdfs|oci):.*", re.IGNORECASE)
"""Begins what was a URL before it was a path, or lacks the slashes of one."""
"""What a path made of a URL begins with; one letter is a drive."""


def check_folder(path: Path, option: str = "") -> None:
    """Refuse a place where no folder of results can be, before anything is computed; makes nothing.

    Args:
        path: of the folder.
        option: by which it was given; empty: `out`, or --out.

    Raises:
        InputError: a name on the way is too long, or is that of a file, or of a link that leads nowhere.
        RunError: the system does not let us look.
    """
    option = option or asked("--out")
    if path.parts and _SCHEME.fullmatch(path.parts[0]):
        scheme, _, place = path.as_posix().partition(":")
        raise InputError(
            f"{short(path)} is neither a folder here nor a URL. Only the run folder of a study may be in a store: give "
            f"it as the text {scheme.lower()}://{short(place.lstrip('/'))} to "
            f"{asked('--out of `radfuse run` and its stages', '`out` of run_study')}"
        )
    too_long = [part for part in path.parts if len(os.fsencode(part)) > _LONGEST_NAME]
    if too_long or len(os.fsencode(path)) > _LONGEST_PATH:
        found = f"the name {short(too_long[0])!r}" if too_long else f"the path {short(path)!r}"
        raise InputError(f"{found} is longer than a disk takes; choose a shorter one with {option}")
    with writing(path):
        for item in (path, *path.absolute().parents):
            if item.is_dir():
                return
            lies = "is" if item == path else f"lies under {item}, which is"
            if item.exists():
                raise InputError(f"{path} {lies} a file, not a folder; choose another folder with {option}")
            if item.is_symlink():
                raise InputError(f"{path} {lies} a link that leads nowhere; mend it, or choose another with {option}")


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that it is either the old one or the whole new one."""
    temporary = temporary_of(path)
    try:
        temporary.write_bytes(content)
        sync(temporary)
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_folder(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files, each whole or not at all; the page comes last, so that it never shows what is not there.

    Raises:
        RunError: the disk is full, or the place may not be written to.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        for name, content in sorted(files.items(), key=lambda item: item[0] == "index.html"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / name, content.encode() if isinstance(content, str) else content)


def temporary_of(path: Path) -> Path:
    """Return the name a result has until it is whole: of this machine and process, so that a kill can be told."""
    return path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.tmp")


def sweep(path: Path) -> None:
    """Remove what killed processes of this machine left half-written."""
    pattern = f".*.{socket.gethostname()}.*.tmp"
    for folder, folders, files in os.walk(path):  # passes over what another process removes meanwhile
        for name in fnmatch.filter([*folders, *files], pattern):
            process = name.split(".")[-2]
            if process.isdigit() and int(process) != os.getpid() and not alive(int(process)):
                remove(Path(folder) / name)
        folders[:] = [name for name in folders if not fnmatch.fnmatch(name, pattern)]


def alive(process: int) -> bool:
    """Return whether a process may still write; a killed one whose parent died too may wait forever to be buried."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (OSError, IndexError):  # no such file on this system
        return True


def take_place(temporary: Path, place: Path) -> None:
    """Rename over a file or folder, also where another process puts its own there at the same time."""
    for left in reversed(range(_ATTEMPTS)):
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place, ignore_errors=True)
        elif temporary.is_dir():
            place.unlink(missing_ok=True)  # a folder takes no file's place
        try:
            temporary.replace(place)
        except OSError as error:
            if left == 0 or error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.EISDIR, errno.ENOTDIR):
                raise
        else:
            return


def remove(path: Path) -> None:
    """Remove a file, a link or a folder, there or not."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def link(source: Path, target: Path) -> None:
    """Have a file, or a folder's files, at a second place too: by hard links, by copies where the disk has none.

    A finished result is replaced, never written into, so that the two places part when one of them is made anew.
    """

    def place(origin: str, copy: str) -> None:
        try:
            os.link(origin, copy)
        except OSError:
            shutil.copy2(origin, copy)

    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, copy_function=place)
    else:
        place(str(source), str(target))


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    files = [path] if path.is_file() else [item for item in path.rglob("*") if item.is_file()]
    return sum(item.stat().st_size for item in files)


def sync(path: Path) -> None:
    """Have a file, or all files in a folder, on the disk for good."""
    for item in [path] if path.is_file() else [item for item in path.rglob("*") if item.is_file()]:
        with item.open("rb") as stream:
            os.fsync(stream.fileno())


def sync_folder(path: Path) -> None:
    """Have a folder's names on the disk for good."""
    if os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn whatever the system says of our own writing into one clear error.

    Raises:
        RunError: in the place of an OSError; says how to mend it.
    """
    try:
        yield
    except OSError as error:
        another = f"choose another folder with {asked('--out')}"
        if error.errno in FULL:
            mend = f"free some space, or {another}"
        elif error.errno in _FORBIDDEN:
            mend = f"choose a folder you may write to with {asked('--out')}"
        elif error.errno == errno.ENAMETOOLONG:
            mend = f"choose a shorter name with {asked('--out')}"
        elif error.errno in (errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOENT, errno.ELOOP):
            mend = f"look at what lies there and move it, or {another}"
        else:
            mend = f"look after the disk, or {another}"
        raise RunError(
            f"cannot write {short(path, 160)}: {error.strerror or error}; {mend}, and run again. What was finished is "
            "kept"
        ) from error
