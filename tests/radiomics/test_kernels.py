"""Compiling ahead says so where it takes long, and leaves the plan's kernels ready; without a cache it goes on."""

from __future__ import annotations

import subprocess
import sys

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


NO_PLACE = """
from numba.core import caching
caching.CacheImpl._locator_classes = []  # as on a read-only installation without a home
import numpy as np
from radfuse.radiomics.families.firstorder import _moments
import radfuse.radiomics.families.glszm
print(_moments(np.array([1.0, 3.0]), 2.0, 0.0)[1])
"""


def test_without_a_place_for_the_cache_kernels_compile_with_one_remark() -> None:
    ran = subprocess.run([sys.executable, "-c", NO_PLACE], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == ["1.0"]
    assert ran.stderr.count("RuntimeWarning") == 1
    assert "set NUMBA_CACHE_DIR to a folder of your own" in ran.stderr
