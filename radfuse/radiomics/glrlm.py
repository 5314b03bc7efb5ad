"""Grey level run length matrix (GLRLM): how many runs of a length each level has along a direction.

Source: Galloway 1975, doi:10.1016/S0146-664X(75)80008-6; formulas as in PyRadiomics 3.0.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numba import njit

from radfuse.radiomics.discretise import Levels
from radfuse.radiomics.lattice import Lattice

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
DEPRECATED: tuple[str, ...] = ()


def glrlm_features(
    lattice: Lattice, levels: Levels, spacing_zyx_mm: Sequence[float], *, weighting: str | None = None
) -> dict[str, float]:
    """Return the GLRLM features, averaged over directions; a direction without two voxels in one line is left out.

    Args:
        lattice: the region's voxels; runs follow its `near` directions.
        levels: of the voxels.
        spacing_zyx_mm: voxel size, for the weights.
        weighting: None averages features over directions; a norm sums up the matrices, each weighted by the offset's
            length in mm: "infinity", "euclidean", "manhattan", or "no_weighting".

    Returns:
        Name -> value; NaN where no direction is left. With P(i, j) the runs of level i and length j, N their number:

        - ShortRunEmphasis: sum P / j^2 / N; LongRunEmphasis: sum P j^2 / N
        - LowGrayLevelRunEmphasis: sum P / i^2 / N; HighGrayLevelRunEmphasis: sum P i^2 / N; the four products
        - GrayLevelNonUniformity: sum_i (sum_j P)^2 / N, RunLengthNonUniformity: sum_j (sum_i P)^2 / N; the same
          Normalized: / N^2
        - RunPercentage: N / number of voxels; GrayLevelVariance, RunVariance: variances of i and j
        - RunEntropy: -sum p log2(p + eps) with p = P / N
    """
    gray = levels.present.astype(np.float64)
    rows = []
    total = np.zeros((len(gray), max(lattice.shape)))
    for offset, pairs, matrix in zip(lattice.near.offsets, lattice.near.pairs, _matrices(lattice, levels), strict=True):
        if not pairs and not _in_line(lattice.voxels, offset):
            continue
        if weighting is None:
            rows.append(_features(matrix, gray))
        else:
            total += matrix * _weight(offset, spacing_zyx_mm, weighting)
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
        run = np.zeros((lattice.count + 1, len(few)), dtype=np.min_scalar_type(longest))
        _count_reached(levels.rank, few, run, reached)
        for counts in reached:
            yield (counts[:, 1:-1] - counts[:, 2:]).astype(np.float64)


@njit(nogil=True, cache=True)
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


def _features(matrix: np.ndarray, gray: np.ndarray) -> tuple[float, ...]:
    matrix = matrix[:, : int(np.flatnonzero(matrix.any(axis=0))[-1]) + 1]
    lengths = np.arange(1, matrix.shape[1] + 1, dtype=np.float64)
    per_level, per_length = matrix.sum(axis=1), matrix.sum(axis=0)
    count = per_level.sum()
    i2, j2 = gray**2, lengths**2
    p_level, p_length = per_level / count, per_length / count
    p = matrix[matrix > 0] / count
    long, short = matrix @ j2, matrix @ (1 / j2)
    return (
        float((per_level**2).sum() / count),
        float((per_level**2).sum() / count**2),
        float((p_level * (gray - (p_level * gray).sum()) ** 2).sum()),
        float((per_level * i2).sum() / count),
        float(long.sum() / count),
        float((long * i2).sum() / count),
        float((long / i2).sum() / count),
        float((per_level / i2).sum() / count),
        float(-(p * np.log2(p + _EPS)).sum()),
        float((per_length**2).sum() / count),
        float((per_length**2).sum() / count**2),
        float(count / (per_length * lengths).sum()),
        float((p_length * (lengths - (p_length * lengths).sum()) ** 2).sum()),
        float(short.sum() / count),
        float((short * i2).sum() / count),
        float((short / i2).sum() / count),
    )
