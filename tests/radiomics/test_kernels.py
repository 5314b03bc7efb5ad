"""Compiling ahead says so where it takes long, and leaves the plan's kernels ready."""

from __future__ import annotations

from radfuse.radiomics import kernels, laplacian
from radfuse.radiomics.pyradiomics_params import make_plan

LOG = make_plan({"imageType": {"LoG": {"sigma": [2.0]}}}, "test")


def test_after_a_warm_up_nothing_is_compiled_any_more_and_nothing_is_said() -> None:
    kernels.warm_up(LOG)
    ready = set(laplacian._add_along_z.signatures)
    told: list[str] = []
    kernels.warm_up(LOG, told.append)
    assert told == []
    assert ready
    assert set(laplacian._add_along_z.signatures) == ready


def test_a_long_wait_is_explained_once() -> None:
    told: list[str] = []
    kernels.warm_up(LOG, told.append, patience_s=0)
    assert told == ["compiling the radiomics kernels, once for this installation"]
