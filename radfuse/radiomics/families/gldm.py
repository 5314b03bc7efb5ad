"""Grey level dependence matrix (GLDM): how many voxels of each level have how many neighbours like themselves.

Source: Sun and Wee 1983, doi:10.1016/0734-189X(83)90032-4; formulas as in PyRadiomics 3.0.1.
"""

from __future__ import annotations

import numpy as np

from radfuse.machine import kernel
from radfuse.radiomics.families.family import Family, Measured
from radfuse.radiomics.settings import Settings

_EPS = np.spacing(1)

NAMES = (
    "DependenceEntropy",
    "DependenceNonUniformity",
    "DependenceNonUniformityNormalized",
    "DependenceVariance",
    "GrayLevelNonUniformity",
    "GrayLevelVariance",
    "HighGrayLevelEmphasis",
    "LargeDependenceEmphasis",
    "LargeDependenceHighGrayLevelEmphasis",
    "LargeDependenceLowGrayLevelEmphasis",
    "LowGrayLevelEmphasis",
    "SmallDependenceEmphasis",
    "SmallDependenceHighGrayLevelEmphasis",
    "SmallDependenceLowGrayLevelEmphasis",
)


def features(measured: Measured, settings: Settings) -> dict[str, float]:
    """Return the GLDM features.

    Args:
        measured: levels, and a lattice; neighbours are those of its `far` directions.
        settings: a neighbour whose level differs by at most `gldm_alpha` is alike.

    Returns:
        Name -> value. With P(i, j) the voxels of level i that have j - 1 neighbours alike, N the number of voxels:

        - SmallDependenceEmphasis: sum P / j^2 / N; LargeDependenceEmphasis: sum P j^2 / N
        - LowGrayLevelEmphasis: sum P / i^2 / N; HighGrayLevelEmphasis: sum P i^2 / N; the four products
        - GrayLevelNonUniformity: sum_i (sum_j P)^2 / N, DependenceNonUniformity: sum_j (sum_i P)^2 / N; the same
          Normalized: / N^2
        - GrayLevelVariance, DependenceVariance: variances of i and j; DependenceEntropy: -sum p log2(p + eps)
    """
    lattice, levels = measured.lattice, measured.levels
    alike = np.ones(lattice.count + 1, dtype=np.int32)
    for before in lattice.far.groups():
        _count_alike(levels.level, before, settings.gldm_alpha, alike)
    matrix = np.zeros((len(levels.present), 2 * len(lattice.far.offsets) + 1))
    _tabulate(levels.rank, alike, matrix)
    i = levels.present.astype(np.float64)
    j = np.arange(1, matrix.shape[1] + 1, dtype=np.float64)
    count = lattice.count
    i2, j2 = i**2, j**2
    per_level, per_size = matrix.sum(axis=1), matrix.sum(axis=0)
    p_level, p_size = per_level / count, per_size / count
    p = matrix[matrix > 0] / count
    large, small = matrix @ j2, matrix @ (1 / j2)
    return {
        "DependenceEntropy": float(-(p * np.log2(p + _EPS)).sum()),
        "DependenceNonUniformity": float((per_size**2).sum() / count),
        "DependenceNonUniformityNormalized": float((per_size**2).sum() / count**2),
        "DependenceVariance": float((p_size * (j - (p_size * j).sum()) ** 2).sum()),
        "GrayLevelNonUniformity": float((per_level**2).sum() / count),
        "GrayLevelVariance": float((p_level * (i - (p_level * i).sum()) ** 2).sum()),
        "HighGrayLevelEmphasis": float((per_level * i2).sum() / count),
        "LargeDependenceEmphasis": float(large.sum() / count),
        "LargeDependenceHighGrayLevelEmphasis": float((large * i2).sum() / count),
        "LargeDependenceLowGrayLevelEmphasis": float((large / i2).sum() / count),
        "LowGrayLevelEmphasis": float((per_level / i2).sum() / count),
        "SmallDependenceEmphasis": float(small.sum() / count),
        "SmallDependenceHighGrayLevelEmphasis": float((small * i2).sum() / count),
        "SmallDependenceLowGrayLevelEmphasis": float((small / i2).sum() / count),
    }


@kernel
def _count_alike(level: np.ndarray, before: np.ndarray, alpha: int, alike: np.ndarray) -> None:
    """Add to each voxel's count the neighbours alike; both ends of a pair count each other."""
    directions, n = before.shape
    for a in range(directions):
        for v in range(n):
            u = before[a, v]
            same = np.int32(abs(level[u] - level[v]) <= alpha)
            alike[u] += same
            alike[v] += same


@kernel
def _tabulate(rank: np.ndarray, alike: np.ndarray, matrix: np.ndarray) -> None:
    for v in range(alike.size - 1):
        matrix[rank[v], alike[v] - 1] += 1


FAMILY = Family(NAMES, features, removed=("DependencePercentage", "GrayLevelNonUniformityNormalized"))
