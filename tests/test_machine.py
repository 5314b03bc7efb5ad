"""The machine: limits of threads as the environment states them."""

from __future__ import annotations

import os

import pytest

from radfuse.machine import mend_limits


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
