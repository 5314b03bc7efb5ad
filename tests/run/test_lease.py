"""Who works in a folder of a store: found by what is written anew, not by clocks."""

from __future__ import annotations

import json
import os
import socket

import pytest
from stores import URL, NoRename

from radfuse.errors import InputError, RunError
from radfuse.run import lease
from radfuse.run.lease import holder_there, lock_of, take_lease
from radfuse.run.store import Store

OTHER = {"holder": "process 3 on node7", "host": "node7", "process": 3, "token": "other", "beat": 1}
told: list[str] = []


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_LOOK_S", 0.001)
    monkeypatch.setattr(lease, "_SILENT_S", 0.01)


def left(store: Store, name: str = "run.lock", **says: object) -> None:
    store.write(name, json.dumps({**OTHER, "time": lease._now(), **says}).encode())


def test_names_of_leases_are_those_of_logs() -> None:
    assert (lock_of("log.jsonl"), lock_of("log.2-of-4.jsonl")) == ("run.lock", "run.2-of-4.lock")


def test_a_lease_is_told_of_renewed_and_let_go(bucket: type[NoRename], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_SILENT_S", 60.0)
    store = Store.open(URL)
    mine = take_lease(store, "log.jsonl", told.append)
    before = json.loads(store.read("run.lock") or b"")
    assert before["holder"].startswith(f"process {os.getpid()} on {socket.gethostname()} since ")
    mine.renew()
    assert json.loads(store.read("run.lock") or b"")["beat"] == before["beat"] + 1
    mine.release()
    assert store.names() == {}
    left(store)
    assert holder_there(store) == "process 3 on node7"
    left(store, "run.1-of-2.lock")
    assert holder_there(store) == "2 jobs of an array"


@pytest.mark.parametrize(
    "says",
    [
        {"host": socket.gethostname(), "process": 2**22 + 1},  # of this machine, and gone
        {"time": "2020-01-01T00:00:00+00:00"},
        {"time": "nonsense"},
        {"token": None},  # silent
    ],
)
def test_one_that_nobody_renews_is_taken_over_and_its_holder_learns_of_it(
    bucket: type[NoRename], says: dict[str, object]
) -> None:
    store = Store.open(URL)
    left(store)
    theirs = lease.Lease(store, "run.lock", dict(OTHER))
    left(store, **says)
    mine = take_lease(store, "log.jsonl", told.append)
    with pytest.raises(RunError, match=f"was taken over by process {os.getpid()}"):
        theirs.renew()
    theirs.release()
    mine.renew()


@pytest.mark.parametrize(
    ("theirs", "log"),
    [("run.lock", "log.jsonl"), ("run.lock", "log.1-of-2.jsonl"), ("run.1-of-2.lock", "log.1-of-2.jsonl")],
)
def test_one_that_is_renewed_is_respected(
    bucket: type[NoRename], monkeypatch: pytest.MonkeyPatch, theirs: str, log: str
) -> None:
    store, beats = Store.open(URL), iter(range(100))
    left(store, theirs)
    monkeypatch.setattr(lease.time, "sleep", lambda _: left(store, theirs, beat=next(beats)))
    with pytest.raises(InputError, match=r"is in use: process 3 on node7 works there\. Wait until it ends"):
        take_lease(store, log, told.append)
    assert told[-1] == "process 3 on node7"
    take_lease(store, "log.2-of-2.jsonl", told.append) if "1-of-2" in theirs else None


@pytest.mark.parametrize(
    ("claim", "says", "then", "refused"),
    [
        ("run.0.claim", {}, "stays", True),  # by its name it comes first
        ("run.z.claim", {}, "goes", False),
        ("run.z.claim", {}, "takes", True),  # it had looked before this one's claim was there
        ("run.0.claim", {"lock": "run.1-of-2.lock"}, "stays", True),
        ("run.0.claim", {"time": "2020-01-01T00:00:00+00:00"}, "stays", False),
        ("run.0.claim", {"host": socket.gethostname(), "process": 2**22 + 1}, "stays", False),
    ],
)
def test_of_two_that_start_together_one_works(
    bucket: type[NoRename],
    monkeypatch: pytest.MonkeyPatch,
    claim: str,
    says: dict[str, object],
    then: str,
    refused: bool,
) -> None:
    monkeypatch.setattr(lease, "_SILENT_S", 60.0)
    store = Store.open(URL)
    left(store, claim, **{"lock": "run.lock", **says})

    def later(_: float) -> None:
        left(store) if then == "takes" else None
        store.remove(claim)

    monkeypatch.setattr(lease.time, "sleep", later)
    if refused:
        with pytest.raises(InputError, match="is in use: process 3 on node7 works there"):
            take_lease(store, "log.jsonl", told.append)
    else:
        take_lease(store, "log.jsonl", told.append)
    there = {"run.lock": not refused or then == "takes", claim: refused and then == "stays"}
    assert set(store.names()) == {name for name, kept in there.items() if kept}


def test_jobs_of_an_array_start_together(bucket: type[NoRename]) -> None:
    store = Store.open(URL)
    left(store, "run.0.claim", lock="run.1-of-2.lock")
    take_lease(store, "log.2-of-2.jsonl", told.append)
    assert set(store.names()) == {"run.0.claim", "run.2-of-2.lock"}
