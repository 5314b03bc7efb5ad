"""Compiling ahead says so where it takes long, and leaves the plan's kernels ready."""

from __future__ import annotations

from radfuse.radiomics import kernels
from radfuse.radiomics.config import RadiomicsConfig
from radfuse.radiomics.filters import log
from radfuse.radiomics.plan import plan_of

LOG = plan_of(RadiomicsConfig(filters=("log",), log_sigma_mm=(2.0,)))


def test_after_a_warm_up_nothing_is_compiled_any_more_and_nothing_is_said() -> None:
    kernels.warm_up(LOG)
    ready = set(log._add_along_z.signatures)
    told: list[str] = []
    kernels.warm_up(LOG, told.append)
    assert told == []
    assert ready
    assert set(log._add_along_z.signatures) == ready


def test_a_long_wait_is_explained_once() -> None:
    told: list[str] = []
    kernels.warm_up(LOG, told.append, patience_s=0)
    assert told == ["compiling the radiomics kernels, once for this installation"]
