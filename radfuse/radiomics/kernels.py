"""Compiling the engine's kernels before anyone waits for features without knowing why."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from radfuse.radiomics.config import RadiomicsConfig
from radfuse.radiomics.engines.fast import extract_regions
from radfuse.radiomics.filters.filter import filter_of
from radfuse.radiomics.plan import plan_of
from radfuse.radiomics.settings import Plan
from radfuse.volume.grid import Grid
from radfuse.volume.region import Region

_PATIENCE_S = 2.0
"""Kernels found in numba's cache are loaded sooner than this."""


def warm_up(plan: Plan, tell: Callable[[str], None] = lambda _: None, patience_s: float = _PATIENCE_S) -> None:
    """Load the kernels that a plan needs, compiling those that this installation has not yet.

    Args:
        plan: of the extraction to come.
        tell: called with a sentence, from another thread, where it takes long.
        patience_s: how long that is, in seconds.
    """
    grid = Grid((6, 6, 6), (1.0, 1.0, 1.0))
    mask = np.zeros(grid.shape, dtype=bool)
    mask[1:5, 1:5, 1:5] = True
    image = 100 * np.random.default_rng(0).random(grid.shape)
    needed = ("original", *(name for name in plan.filters if filter_of(name).compiled))  # features' come with original
    small = plan_of(RadiomicsConfig(filters=needed, log_sigma_mm=(1.0,), crop_first=False))
    later = threading.Timer(patience_s, tell, ["compiling the radiomics kernels, once for this installation"])
    later.start()
    try:
        for kind in (np.float32, np.float64):
            extract_regions(image.astype(kind), grid, [Region.of("warm-up", mask, grid)], small)
    finally:
        later.cancel()
