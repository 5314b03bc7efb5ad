"""The machine: limits of threads as the environment states them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from radfuse import machine
from radfuse.machine import by_parts, mend_limits


@pytest.mark.parametrize(
    ("stated", "read"),
    [("4", "4"), (" 2 ", "2"), ("4,2", "4"), ("08", "8"), ("many", None), ("0", None), ("-1", None), ("2x", None)],
)
def test_a_limit_of_threads_is_a_number_or_none(stated: str, read: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", stated)
    mend_limits()
    assert os.environ.get("OMP_NUM_THREADS") == read


@pytest.mark.parametrize(("stated", "read"), [(None, "20000"), ("5", "5")])
def test_idle_threads_sleep_soon_unless_told_otherwise(
    stated: str | None, read: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    if stated:
        monkeypatch.setenv("GOMP_SPINCOUNT", stated)
    mend_limits()
    assert os.environ["GOMP_SPINCOUNT"] == read


@pytest.mark.skipif(not Path("/proc/meminfo").is_file(), reason="memory is told otherwise here")
def test_free_memory_is_part_of_what_is_there() -> None:
    assert 2**24 < machine.free_bytes() <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_threads_are_given_for_a_while() -> None:
    before = machine.threads()
    with machine.given_threads(before + 3):
        assert machine.threads() == before + 3
    assert machine.threads() == before


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(("count", "most"), [(0, 4), (1, 4), (10, 4), (10, 100), (7, 0)])
def test_parts_are_a_range_done_once(threads: int, count: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "threads", lambda: threads)
    done: list[slice] = []
    by_parts(done.append, count, most)
    assert sorted(number for part in done for number in range(part.start, part.stop)) == list(range(count))
    assert all(part.stop - part.start <= max(most, 1) for part in done)


def test_what_fails_in_a_part_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "threads", lambda: 2)
    with pytest.raises(ZeroDivisionError):
        by_parts(lambda part: 1 // part.start, 6, 2)
