"""Percentiles of millions of voxels, exact, by counting instead of sorting: two or three readings of the image."""

from __future__ import annotations

import math

import numpy as np

from radfuse.machine import kernel

_HALF = 16
"""Bits counted at once; a float32 has two such halves."""


def percentiles(values: np.ndarray, *wanted: float) -> list[float]:
    """Return percentiles as `numpy.percentile` has them, a neighbour's value and the next weighted by where it falls.

    Args:
        values: float32, finite, of any shape, at least one.
        wanted: in [0, 100].
    """
    keys = np.ascontiguousarray(values, dtype=np.float32).reshape(-1).view(np.uint32)
    first = np.cumsum(_counted(keys))
    found = []
    for percent in wanted:
        place = (len(keys) - 1) * percent / 100
        low, high = (_ranked(keys, first, rank) for rank in (math.floor(place), math.ceil(place)))
        found.append(low + (high - low) * (place - math.floor(place)))
    return found


def _ranked(keys: np.ndarray, first: np.ndarray, rank: int) -> float:
    """Return the value of a rank, counted from 0, in rising order."""
    upper = int(np.searchsorted(first, rank, side="right"))
    before = int(first[upper - 1]) if upper else 0
    lower = int(np.searchsorted(np.cumsum(_counted_within(keys, upper)), rank - before, side="right"))
    ordered = upper << _HALF | lower
    bits = ordered & 0x7FFFFFFF if ordered >> 31 else ~ordered & 0xFFFFFFFF
    return float(np.array(bits, dtype=np.uint32).view(np.float32))


@kernel
def _rising(key: int) -> int:
    """Return the bits of a float32 as a whole number of 32 bits that rises with it."""
    return key | 0x80000000 if key >> 31 == 0 else ~key & 0xFFFFFFFF


@kernel
def _counted(keys: np.ndarray) -> np.ndarray:
    counts = np.zeros(1 << 16, dtype=np.int64)
    for key in keys:
        counts[_rising(key) >> 16] += 1
    return counts


@kernel
def _counted_within(keys: np.ndarray, upper: int) -> np.ndarray:
    counts = np.zeros(1 << 16, dtype=np.int64)
    for key in keys:
        ordered = _rising(key)
        if ordered >> 16 == upper:
            counts[ordered & 0xFFFF] += 1
    return counts
