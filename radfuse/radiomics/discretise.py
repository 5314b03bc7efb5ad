"""From grey values to grey levels, exactly as PyRadiomics bins them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from radfuse.errors import InputError
from radfuse.machine import kernel

_NOBODY = -(2**30)


@dataclass(frozen=True)
class Levels:
    """Grey levels of a region's voxels.

    Attributes:
        level: (n + 1,) int32, from 1; far below behind the last voxel, so that nobody is like what is not there.
        rank: (n + 1,) uint32, place of each voxel's level in `present`; their number behind the last voxel.
        present: (k,) levels that occur, ascending.
        counts: (k,) voxels of each.
    """

    level: np.ndarray
    rank: np.ndarray
    present: np.ndarray
    counts: np.ndarray

    @property
    def highest(self) -> int:
        """The highest level, PyRadiomics' Ng."""
        return int(self.present[-1])


NO_LEVELS = Levels(*(np.empty(0, dtype=np.int32),) * 4)
"""Of no voxels."""


def discretise(
    values: np.ndarray,
    bin_width: float = 25,
    bin_count: int | None = None,
    bin_range: tuple[float, float] | None = None,
    most: int = 10_000,
) -> Levels:
    """Return the grey levels of a region.

    Bins of a fixed width start at the multiple of the width at or below the smallest value. A fixed number of bins
    spans the values. With a range, values are clipped to it and bins start at its lower end.

    Args:
        values: (n,) grey values in the filtered image's own type.
        bin_width: of a bin.
        bin_count: number of bins; takes the place of the width.
        bin_range: lower and upper end; None: those of the values.
        most: number of bins beyond which nothing is computed.

    Raises:
        InputError: the width would make more bins than `most`; says how many, and a width that would fit; or the
            values lie too close together for so many bins.

    Source:
        PyRadiomics 3.0.1, imageoperations.getBinEdges. For 8 and 16 bit integers that span nearly their whole range
        PyRadiomics overflows; here edges are 64 bit.
    """
    if bin_range is not None:
        values = np.clip(values.astype(np.float64), *bin_range)
    edges = bin_edges(values, bin_width, bin_count, bin_range, most)
    level = np.full(len(values) + 1, _NOBODY, dtype=np.int32)
    _digitize(np.asarray(values, dtype=np.float64), edges, level)
    per_level = np.bincount(level[:-1])
    present = np.flatnonzero(per_level)
    places = np.zeros(len(per_level), dtype=np.uint32)
    places[present] = np.arange(len(present))
    rank = np.append(places[level[:-1]], np.uint32(len(present)))
    return Levels(level, rank, present, per_level[present])


def bin_edges(
    values: np.ndarray,
    bin_width: float,
    bin_count: int | None,
    bin_range: tuple[float, float] | None = None,
    most: int = 10_000,
) -> np.ndarray:
    """Return the lower edges of the bins, float64, the last one above every value; see `discretise`."""
    if bin_count is not None:
        if bin_count > most:
            raise InputError(f"{bin_count:,} bins are asked for, allowed are {most:,}; take fewer, or raise `max_bins`")
        with suppress(ValueError):  # of NumPy from 2.2 on, for the same reason
            edges = np.histogram(values, bin_count, range=bin_range)[1]
            if (np.diff(edges) > 0).all():
                edges[-1] += 1
                return edges.astype(np.float64)
        raise InputError(
            f"values from {values.min():g} to {values.max():g} lie too close together for {bin_count} bins; take "
            "fewer (`bin_count`), or a `bin_width`"
        )
    smallest, largest = values.min(), values.max()
    if np.issubdtype(values.dtype, np.integer):
        smallest, largest = np.int64(smallest), np.int64(largest)
    needed = (float(largest) - float(smallest if bin_range is None else bin_range[0])) / bin_width
    if not needed <= most:
        fits = (float(largest) - float(smallest)) / min(most, 64)
        raise InputError(
            f"values from {smallest:g} to {largest:g} make {needed:,.0f} bins of width {bin_width:g}, allowed are "
            f"{most:,}; a width of {fits:.2g} makes {min(most, 64)}, or raise `max_bins`"
        )
    if not np.isfinite(float(largest) + 2 * bin_width):
        raise InputError(f"bins of width {bin_width:g} end beyond the largest number; take a smaller `bin_width`")
    low = smallest - (smallest % bin_width) if bin_range is None else bin_range[0]
    edges = np.arange(low, largest + 2 * bin_width, bin_width)
    if len(edges) == 1:
        edges = np.array([edges[0] - 0.5, edges[0] + 0.5])
    return edges.astype(np.float64)


@kernel
def _digitize(values: np.ndarray, edges: np.ndarray, level: np.ndarray) -> None:
    """Return how many edges lie at or below each value; edges are nearly evenly spaced."""
    last = edges.size - 1
    scale = last / (edges[last] - edges[0])
    for v in range(values.size):
        value = values[v]
        guess = min(max(int((value - edges[0]) * scale), 0), last)
        while guess < last and edges[guess + 1] <= value:
            guess += 1
        while guess >= 0 and edges[guess] > value:
            guess -= 1
        level[v] = guess + 1
