"""Compiling the engine's kernels before anyone waits for features without knowing why."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from radfuse.radiomics.fast_engine import extract_regions
from radfuse.radiomics.settings import Plan, make_plan
from radfuse.volume.grid import Grid
from radfuse.volume.region import Region

_COMPILED = ("Wavelet", "LoG")
"""Filters with kernels of their own; those of the features come with the original image."""
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
    needed = {"Original", *(name for name in plan.filters if name in _COMPILED)}
    small = make_plan({"imageType": {name: {"sigma": [1.0]} if name == "LoG" else {} for name in needed}}, "warm-up")
    later = threading.Timer(patience_s, tell, ["compiling the radiomics kernels, once for this installation"])
    later.start()
    try:
        for kind in (np.float32, np.float64):
            extract_regions(image.astype(kind), grid, [Region.of("warm-up", mask, grid)], small)
    finally:
        later.cancel()
