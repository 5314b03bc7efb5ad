"""Compiling the engine's kernels before anyone waits for features without knowing why."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from radfuse.radiomics.fast_engine import extract_regions
from radfuse.radiomics.laplacian import _add_along_z
from radfuse.radiomics.ngtdm import _over_pairs
from radfuse.radiomics.regions import Region
from radfuse.radiomics.settings import Plan, make_plan
from radfuse.radiomics.wavelet import _along_rows
from radfuse.volume import Grid

_LAST: dict[str, Any] = {"Original": _over_pairs, "Wavelet": _along_rows, "LoG": _add_along_z}
"""Filter with kernels of its own -> the one compiled last; the features come with the original image."""


def warm_up(plan: Plan, tell: Callable[[str], None] = lambda _: None) -> None:
    """Load the kernels that a plan needs, compiling those that this installation has not yet.

    Args:
        plan: of the extraction to come.
        tell: called with a sentence before compiling.
    """
    needed = {"Original", *plan.filters} & set(_LAST)
    if not compiled(needed):
        tell("compiling the radiomics kernels, once for this installation")
    grid = Grid((6, 6, 6), (1.0, 1.0, 1.0))
    mask = np.zeros(grid.shape, dtype=bool)
    mask[1:5, 1:5, 1:5] = True
    image = 100 * np.random.default_rng(0).random(grid.shape)
    small = make_plan({"imageType": {name: {"sigma": [1.0]} if name == "LoG" else {} for name in needed}}, "warm-up")
    for kind in (np.float32, np.float64):
        extract_regions(image.astype(kind), grid, [Region.of("warm-up", mask, grid)], small)


def compiled(filters: Iterable[str]) -> bool:
    """Return whether the filters' kernels lie compiled on disk, in numba's cache beside the package or the user's."""
    return all(
        any(Path(kernel.stats.cache_path or "").glob(f"*.{kernel.py_func.__name__}-*.nbi"))
        for kernel in (_LAST[name] for name in filters)
    )
