"""A run folder is one process's at a time, or that of several who share it; a kill releases it."""

from __future__ import annotations

import os
import socket
import time
from datetime import UTC, datetime
from pathlib import Path

from radfuse.errors import InputError, asked

try:
    import fcntl
except ImportError:  # Windows has no such locks; several runs in one folder are the user's care there
    fcntl = None  # type: ignore[assignment]

_ATTEMPTS, _MOMENT = 3, 0.02


class Lock:
    """A lock held as long as its file is open: until it is released, forgotten, or the process dies."""

    def __init__(self, file: int) -> None:
        self._file = file

    def release(self) -> None:
        """Let others have it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __del__(self) -> None:
        self.release()


def take_lock(path: Path, *, shared: bool = False) -> Lock | None:
    """Take the lock of a folder.

    Args:
        path: of the lock file; stays, and says who held the lock last.
        shared: with others who share it.

    Returns:
        The lock; None where the file system has none, so that all goes on as without.

    Raises:
        InputError: another process holds it.
    """
    if fcntl is None:
        return None
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    lock = Lock(file)
    try:
        _flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
    except BlockingIOError as error:
        holder = os.read(file, 200).decode(errors="replace").strip() or "another process"
        lock.release()
        raise InputError(
            f"{path.parent} is in use: {holder} works there. Wait until it ends, or choose another folder with "
            f"{asked('--out')}; jobs of an array share one folder with {asked('--shard I/N')}"
        ) from error
    except OSError:  # no locks on this file system
        lock.release()
        return None
    since = datetime.now(UTC).isoformat(timespec="seconds")
    holder = "a job of an array" if shared else f"process {os.getpid()} on {socket.gethostname()} since {since}"
    os.ftruncate(file, 0)
    os.pwrite(file, holder.encode(), 0)
    return lock


def _flock(file: int, kind: int) -> None:
    """Lock a file; somebody who only looks who holds it is gone in a moment."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_MOMENT)
    return fcntl.flock(file, kind | fcntl.LOCK_NB)


def holder_of(path: Path) -> str | None:
    """Return who holds the lock of a folder; None where nobody does, or the file system does not tell."""
    if fcntl is None or not path.is_file():
        return None
    try:
        file = os.open(path, os.O_RDWR if os.access(path, os.W_OK) else os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # let go at once; who starts meanwhile waits for it
    except BlockingIOError:
        return os.pread(file, 200, 0).decode(errors="replace").strip() or "another process"
    except OSError:
        return None
    finally:
        os.close(file)
    return None
