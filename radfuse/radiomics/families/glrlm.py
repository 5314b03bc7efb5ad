"""Grey level run length matrix (GLRLM): how many runs of a length each level has along a direction.

Source: Galloway 1975, doi:10.1016/S0146-664X(75)80008-6; formulas as in PyRadiomics 3.0.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from radfuse.machine import kernel
from radfuse.radiomics.discretise import Levels
from radfuse.radiomics.families.family import Family, Measured
from radfuse.radiomics.lattice import Lattice
from radfuse.radiomics.settings import Settings

_EPS = np.spacing(1)
_TOGETHER = 7
"""Directions counted side by side: the processor waits less for one after another."""

NAMES = (
    "GrayLevelNonUniformity",
    "GrayLevelNonUniformityNormalized",
    "GrayLevelVariance",
    "HighGrayLevelRunEmphasis",
    "LongRunEmphasis",
    "LongRunHighGrayLevelEmphasis",
    "LongRunLowGrayLevelEmphasis",
    "LowGrayLevelRunEmphasis",
    "RunEntropy",
    "RunLengthNonUniformity",
    "RunLengthNonUniformityNormalized",
    "RunPercentage",
    "RunVariance",
    "ShortRunEmphasis",
    "ShortRunHighGrayLevelEmphasis",
    "ShortRunLowGrayLevelEmphasis",
)


def features(measured: Measured, settings: Settings) -> dict[str, float]:
    """Return the GLRLM features, averaged over directions; a direction without two voxels in one line is left out.

    Args:
        measured: levels, and a lattice; runs follow its `near` directions.
        settings: `weighting` None averages features over directions; a norm sums up the matrices, each weighted by the
            offset's length in mm: "infinity", "euclidean", "manhattan", or "no_weighting".

    Returns:
        Name -> value; NaN where no direction is left. With P(i, j) the runs of level i and length j, N their number:

        - ShortRunEmphasis: sum P / j^2 / N; LongRunEmphasis: sum P j^2 / N
        - LowGrayLevelRunEmphasis: sum P / i^2 / N; HighGrayLevelRunEmphasis: sum P i^2 / N; the four products
        - GrayLevelNonUniformity: sum_i (sum_j P)^2 / N, RunLengthNonUniformity: sum_j (sum_i P)^2 / N; the same
          Normalized: / N^2
        - RunPercentage: N / number of voxels; GrayLevelVariance, RunVariance: variances of i and j
        - RunEntropy: -sum p log2(p + eps) with p = P / N
    """
    lattice, levels, weighting = measured.lattice, measured.levels, settings.weighting
    gray = levels.present.astype(np.float64)
    rows = []
    total = np.zeros((len(gray), max(lattice.shape)))
    for offset, pairs, matrix in zip(lattice.near.offsets, lattice.near.pairs, _matrices(lattice, levels), strict=True):
        if not pairs and not _in_line(lattice.voxels, offset):
            continue
        if weighting is None:
            rows.append(_features(matrix, gray))
        else:
            total += matrix * _weight(offset, measured.region.spacing_zyx_mm, weighting)
    if weighting is not None and total.any():
        rows.append(_features(total, gray))
    if not rows:
        single = weighting is not None or len(lattice.near.offsets) == 1
        # PyRadiomics drops directions only where there are several; of one without runs a part is defined
        defined = ("RunEntropy", "RunVariance") if single else ()
        return {name: 0.0 if name in defined else float("nan") for name in NAMES}
    return dict(zip(NAMES, map(float, np.mean(rows, axis=0)), strict=True))


def _weight(offset: np.ndarray, spacing_zyx_mm: Sequence[float], norm: str) -> float:
    apart = np.abs(offset) * np.array(spacing_zyx_mm)
    return {
        "infinity": float(apart.max()),
        "euclidean": float(np.sqrt((apart**2).sum())),
        "manhattan": float(apart.sum()),
        "no_weighting": 1.0,
    }[norm]


def _in_line(voxels: np.ndarray, offset: np.ndarray) -> bool:
    """Return whether two voxels lie on one line of a direction, neighbours or not."""
    axis = int(np.flatnonzero(offset)[0])
    steps = voxels[:, axis] * offset[axis]
    return len(np.unique(voxels - steps[:, None] * offset[None, :], axis=0)) < len(voxels)


def _matrices(lattice: Lattice, levels: Levels) -> Iterator[np.ndarray]:
    """Yield each direction's matrix, float64 of shape (level, length)."""
    before, longest = lattice.near.before, max(lattice.shape)
    for first in range(0, len(before), _TOGETHER):
        few = before[first : first + _TOGETHER]
        reached = np.zeros((len(few), len(levels.present), longest + 2), dtype=np.int32)
        run = np.zeros((lattice.count + 1, len(few)), dtype=np.uint16)
        _count_reached(levels.rank, few, run, reached)
        for counts in reached:
            yield (counts[:, 1:-1] - counts[:, 2:]).astype(np.float64)


@kernel
def _count_reached(rank: np.ndarray, before: np.ndarray, run: np.ndarray, reached: np.ndarray) -> None:
    """Count (direction, level, length) how many runs reach a length; those that end there are that less the next."""
    directions, n = before.shape
    for v in range(n):
        level = rank[v]
        for a in range(directions):
            u = before[a, v]
            length = np.uint32(run[u, a]) * np.uint32(rank[u] == level) + np.uint32(1)
            run[v, a] = length
            reached[a, level, length] += 1


@kernel
def _features(matrix: np.ndarray, gray: np.ndarray) -> tuple[float, ...]:
    """Return the features of a matrix (level, length), in the order of NAMES."""
    levels, longest = matrix.shape
    per_level, per_length = np.zeros(levels), np.zeros(longest)
    count = voxels = 0.0
    long = long_high = long_low = short = short_high = short_low = high = low = 0.0
    for i in range(levels):
        i2 = gray[i] ** 2
        for j in range(longest):
            runs = matrix[i, j]
            if runs > 0:
                j2 = (j + 1.0) ** 2
                count += runs
                voxels += runs * (j + 1)
                per_level[i] += runs
                per_length[j] += runs
                long += runs * j2
                long_high += runs * j2 * i2
                long_low += runs * j2 / i2
                short += runs / j2
                short_high += runs / j2 * i2
                short_low += runs / j2 / i2
        high += per_level[i] * i2
        low += per_level[i] / i2
    mean_level = 0.0
    for i in range(levels):
        mean_level += per_level[i] / count * gray[i]
    mean_length = voxels / count
    unlike_levels = unlike_lengths = variance_level = variance_length = entropy = 0.0
    for i in range(levels):
        unlike_levels += per_level[i] ** 2
        variance_level += per_level[i] / count * (gray[i] - mean_level) ** 2
        for j in range(longest):
            if matrix[i, j] > 0:
                p = matrix[i, j] / count
                entropy -= p * np.log2(p + _EPS)
    for j in range(longest):
        unlike_lengths += per_length[j] ** 2
        variance_length += per_length[j] / count * (j + 1 - mean_length) ** 2
    return (
        unlike_levels / count,
        unlike_levels / count**2,
        variance_level,
        high / count,
        long / count,
        long_high / count,
        long_low / count,
        low / count,
        entropy,
        unlike_lengths / count,
        unlike_lengths / count**2,
        count / voxels,
        variance_length,
        short / count,
        short_high / count,
        short_low / count,
    )


FAMILY = Family(NAMES, features, missing="no line along any direction holds two voxels of the region")
