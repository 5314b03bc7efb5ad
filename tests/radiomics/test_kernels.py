"""Compiling ahead says so, once, and only what the plan needs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from radfuse.radiomics import kernels
from radfuse.radiomics.settings import make_plan

LOG = make_plan({"imageType": {"LoG": {"sigma": [2.0]}}}, "test")


def test_after_a_warm_up_the_kernels_are_found_compiled_and_nothing_more_is_said() -> None:
    kernels.warm_up(LOG)
    told: list[str] = []
    kernels.warm_up(LOG, told.append)
    assert told == []
    assert kernels.compiled(["Original", "LoG"])


def test_a_filter_whose_kernels_are_not_on_disk_is_announced_where_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = SimpleNamespace(stats=SimpleNamespace(cache_path=str(tmp_path)), py_func=kernels.warm_up)
    monkeypatch.setitem(kernels._LAST, "LoG", elsewhere)
    kernels.warm_up(LOG)
    told: list[str] = []
    kernels.warm_up(LOG, told.append)
    assert told == ["compiling the radiomics kernels, once for this installation"]
    kernels.warm_up(make_plan({"imageType": {"Original": {}}}, "test"), told.append)
    assert len(told) == 1
