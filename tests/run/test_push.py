"""Handing on in the background: order, patience, and an end."""

from __future__ import annotations

import threading

import pytest

from radfuse.errors import RunError
from radfuse.run import push
from radfuse.run.push import Pusher
from radfuse.run.store import StoreError


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push, "_PAUSE_S", 0.001)


def silent(done: int, total: int) -> None:
    pass


def test_one_that_fails_is_tried_again_and_all_are_through_at_the_end() -> None:
    pusher, tries, sent = Pusher(), iter([1, 2]), []

    def send() -> None:
        if next(tries, None):
            raise StoreError("away", lasting=False)
        sent.append("a")

    pusher.push("a", send)
    for number in range(200):  # more than may wait
        pusher.push("b" if number % 2 else f"c{number}", lambda number=number: sent.append(number))
    pusher.finish(silent)
    assert pusher.failed == {}
    assert len(sent) == 201
    assert [number for number in sent if number != "a" and number % 2] == list(range(1, 200, 2)), "one name, one order"


@pytest.mark.parametrize("lasting", [True, False])
def test_a_store_that_stays_away_stops_the_work(monkeypatch: pytest.MonkeyPatch, lasting: bool) -> None:
    monkeypatch.setattr(push, "PATIENCE_S", 0.02)
    pusher, gone = Pusher(), threading.Event()

    def send() -> None:
        gone.set()
        raise StoreError("cannot write it; mend", lasting=lasting)

    pusher.push("a", send)
    assert gone.wait(5)

    def go_on() -> None:
        for _ in range(1000):
            pusher.push("b", send)

    with pytest.raises(RunError, match="cannot write it; mend"):
        go_on()
    pusher.finish(silent)
    assert "a" in pusher.failed


def test_what_nobody_foresaw_is_told_as_well() -> None:
    pusher = Pusher()
    pusher.push("a", lambda: {}["b"])
    pusher.finish(silent)
    assert str(pusher.failed["a"]) == "a cannot be handed on: KeyError: 'b'"
