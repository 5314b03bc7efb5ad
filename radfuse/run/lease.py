"""Who works in a folder of a store, which has no locks: an object says so, written anew as long as somebody does."""

from __future__ import annotations

import json
import os
import socket
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from radfuse.errors import InputError, RunError, asked
from radfuse.run.disk import alive
from radfuse.run.folder import LOCK, LOG
from radfuse.run.store import Store

BEAT_S = 20.0
"""Seconds after which a lease is written anew."""
_SILENT_S = 75.0
"""Seconds without that, after which nobody works there any more."""
_LONG_AGO = timedelta(minutes=15)
"""By two clocks, which need not be right."""
_LOOK_S = 5.0
_CLAIM = ".claim"
"""Ends the name of an object that is there for the moment in which a lease is taken."""
_BRIEF = timedelta(minutes=1)
"""Longer than that moment, by two clocks."""


class Lease:
    """A folder of a store, held by this process.

    Args:
        store: the folder.
        name: of the object.
        says: what it holds.
    """

    def __init__(self, store: Store, name: str, says: dict[str, Any]) -> None:
        self._store, self._name, self._says = store, name, says

    def renew(self) -> None:
        """Say that somebody still works there.

        Raises:
            RunError: another process took the folder over.
            StoreError: the store does not answer.
        """
        found = _read(self._store, self._name)
        if found is not None and found.get("token") != self._says["token"]:
            raise RunError(
                f"{self._store.url} was taken over by {found.get('holder')}, as nothing was heard from here for "
                f"{_SILENT_S:.0f} s; what was finished is kept. Let one of them work there, or use "
                f"{asked('--shard I/N')}"
            )
        self.write()

    def write(self) -> None:
        """Say it, whoever else does."""
        self._says |= {"beat": self._says.get("beat", 0) + 1, "time": _now()}
        self._store.write(self._name, json.dumps(self._says).encode())

    def release(self) -> None:
        """Let others have it."""
        found = _read(self._store, self._name)
        if found is not None and found.get("token") == self._says["token"]:
            self._store.remove(self._name)


def take_lease(store: Store, log: str, tell: Callable[[str], None]) -> Lease:
    """Take a folder for this process; jobs of an array share it.

    A process that was killed left its lease: nobody writes it anew, which takes a minute to see from another machine.

    Args:
        store: the folder.
        log: name of the log, which each job of an array has of its own.
        tell: called with whom is waited for.

    Raises:
        InputError: another process works there.
        StoreError: the store does not answer.
    """
    name, token = lock_of(log), uuid.uuid4().hex
    process = f"process {os.getpid()} on {socket.gethostname()}"
    holder = f"{process} since {datetime.now(UTC).isoformat(timespec='seconds')}"
    says = {"holder": holder, "host": socket.gethostname(), "process": os.getpid(), "token": token}
    lease, claim = Lease(store, name, says), f"run.{token}{_CLAIM}"
    outlived = _outlived(store, name, tell)
    store.write(claim, json.dumps({**says, "lock": name, "time": _now()}).encode())
    try:
        _come_first(store, name, claim, tell)
        for each, found in _rivals(store, name).items():
            if found != outlived.get(each):
                raise _in_use(store, found)
        lease.write()
    finally:
        store.remove(claim)
    return lease


def _outlived(store: Store, name: str, tell: Callable[[str], None]) -> dict[str, dict[str, Any]]:
    """Return the leases of others, which nobody renews.

    Raises:
        InputError: somebody does.
    """
    seen = _rivals(store, name)
    end = time.monotonic() + _SILENT_S
    while seen and time.monotonic() < end:
        tell(next(iter(seen.values())).get("holder", "another process"))
        time.sleep(_LOOK_S)
        now = {each: _read(store, each) for each in seen}
        for each, found in now.items():
            if found is not None and found != seen[each]:
                raise _in_use(store, found)
        seen = {each: found for each, found in now.items() if found is not None}
    return seen


def _come_first(store: Store, name: str, claim: str, tell: Callable[[str], None]) -> None:
    """Return once nobody else is about to take the folder: of two that are, one at least sees the other's claim.

    Raises:
        InputError: somebody is whose claim comes first by its name; this process gives way.
    """
    there = {each: said for each in _called(store, _CLAIM) if each != claim and (said := _read(store, each))}
    fresh = {each: said for each, said in there.items() if not _dead(said) and abs(_age(said)) < _BRIEF}
    for each in there.keys() - fresh.keys():
        store.remove(each)
    others = {each: said for each, said in fresh.items() if _excludes(name, str(said.get("lock")))}
    if others and min(others) < claim:
        raise _in_use(store, others[min(others)])
    end = time.monotonic() + _SILENT_S
    while others and time.monotonic() < end:  # they give way, or hold the folder before their claim is gone
        tell(next(iter(others.values())).get("holder", "another process"))
        time.sleep(_LOOK_S)
        others = {each: said for each in others if (said := _read(store, each)) is not None}


def _in_use(store: Store, found: dict[str, Any]) -> InputError:
    return InputError(
        f"{store.url} is in use: {found.get('holder')} works there. Wait until it ends, or choose another "
        f"folder with {asked('--out')}; jobs of an array share one folder with "
        f"{asked('--shard I/N')}"
    )


def holder_there(store: Store) -> str | None:
    """Return who works in a folder of a store; None: nobody, as far as clocks tell."""
    found = [said for name in _called(store, ".lock") if (said := _read(store, name)) is not None and not _dead(said)]
    silent = timedelta(seconds=2 * _SILENT_S)
    here = [str(said.get("holder")) for said in found if _age(said) < silent]
    if not here:
        return None
    return here[0] if len(here) == 1 else f"{len(here)} jobs of an array"


def lock_of(log: str) -> str:
    """Return the name of the lease of who writes a log: "log.2-of-4.jsonl" has "run.2-of-4.lock"."""
    return LOCK if log == LOG else f"run{log.removeprefix('log').removesuffix('.jsonl')}.lock"


def _excludes(name: str, other: str) -> bool:
    """Return whether two locks exclude each other; jobs of an array share a folder."""
    return LOCK in (name, other) or name == other


def _rivals(store: Store, name: str) -> dict[str, dict[str, Any]]:
    """Return the leases that exclude one, of processes that may be there."""
    names = [each for each in _called(store, ".lock") if _excludes(name, each)]
    return {each: found for each in names if (found := _read(store, each)) is not None and not _dead(found)}


def _called(store: Store, ending: str) -> list[str]:
    return [name for name in store.names() if name.startswith("run.") and name.endswith(ending)]


def _read(store: Store, name: str) -> dict[str, Any] | None:
    """Return what a lease says; None where there is none, or no lease of ours."""
    content = store.read(name)
    try:
        found = json.loads(content) if content else None
    except ValueError:
        return None
    return found if isinstance(found, dict) and "token" in found else None


def _dead(said: dict[str, Any]) -> bool:
    """Return whether nobody can be there: a process of this machine that is gone, or one that is silent for long."""
    process = said.get("process")
    here = said.get("host") == socket.gethostname()
    gone = here and isinstance(process, int) and (process == os.getpid() or not alive(process))
    return gone or _age(said) > _LONG_AGO


def _age(said: dict[str, Any]) -> timedelta:
    try:
        return datetime.now(UTC) - datetime.fromisoformat(str(said.get("time")))
    except (ValueError, TypeError):
        return timedelta.max


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
