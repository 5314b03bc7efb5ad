"""Neighbouring grey tone difference matrix (NGTDM): how far each level lies from the mean of its neighbours.

Source: Amadasun and King 1989, doi:10.1109/21.44046; formulas as in PyRadiomics 3.0.1, which also counts voxels
without a neighbour.
"""

from __future__ import annotations

import numpy as np

from radfuse.machine import kernel
from radfuse.radiomics.families.family import Family, Measured
from radfuse.radiomics.settings import Settings

NAMES = ("Busyness", "Coarseness", "Complexity", "Contrast", "Strength")


def features(measured: Measured, _: Settings) -> dict[str, float]:
    """Return the NGTDM features.

    Args:
        measured: levels, and a lattice; neighbours are those of its `far` directions.

    Returns:
        Name -> value. With p_i the share of level i, s_i the sum over its voxels of |i - mean of the neighbours|,
        N the number of voxels, G the number of levels:

        - Coarseness: 1 / sum p s, 10^6 where that sum is 0
        - Contrast: sum_ij p_i p_j (i - j)^2 / (G (G - 1)) * sum s / N, 0 with one level
        - Busyness: sum p s / sum_ij |i p_i - j p_j|, 0 with one level
        - Complexity: sum_ij |i - j| (p_i s_i + p_j s_j) / (p_i + p_j) / N
        - Strength: sum_ij (p_i + p_j) (i - j)^2 / sum s, 0 where that sum is 0
    """
    lattice, levels = measured.lattice, measured.levels
    total = np.zeros(lattice.count + 1, dtype=np.int64)
    level = levels.level.copy()
    level[-1] = 0  # who is not there adds nothing
    for before in lattice.far.groups():
        _sum_neighbours(level, before, total)
    s = np.zeros(len(levels.present))
    _sum_differences(levels.rank, level, total, lattice.far.neighbours, s)
    p = levels.counts / lattice.count
    i = levels.present.astype(np.float64)
    squares, differences, complexity, strength = _over_pairs(p, s, i)
    coarse, all_s, g = float((p * s).sum()), float(s.sum()), len(i)
    return {
        "Busyness": coarse / differences if differences != 0 else 0.0,
        "Coarseness": 1 / coarse if coarse != 0 else 1e6,
        "Complexity": complexity / lattice.count,
        "Contrast": squares * all_s / lattice.count / (g * (g - 1)) if g > 1 else 0.0,
        "Strength": strength / all_s if all_s != 0 else 0.0,
    }


@kernel
def _sum_neighbours(level: np.ndarray, before: np.ndarray, total: np.ndarray) -> None:
    directions, n = before.shape
    for a in range(directions):
        for v in range(n):
            u = before[a, v]
            total[u] += level[v]
            total[v] += level[u]


@kernel
def _sum_differences(
    rank: np.ndarray, level: np.ndarray, total: np.ndarray, neighbours: np.ndarray, s: np.ndarray
) -> None:
    for v in range(total.size - 1):
        if neighbours[v] > 0:
            s[rank[v]] += abs(level[v] - total[v] / neighbours[v])


@kernel
def _over_pairs(p: np.ndarray, s: np.ndarray, i: np.ndarray) -> tuple[float, float, float, float]:
    """Return the sums over pairs of levels of contrast, busyness, complexity and strength."""
    squares = differences = complexity = strength = 0.0
    for a in range(p.size):
        for b in range(p.size):
            d = i[a] - i[b]
            squares += p[a] * p[b] * d * d
            differences += abs(i[a] * p[a] - i[b] * p[b])
            complexity += abs(d) * (p[a] * s[a] + p[b] * s[b]) / (p[a] + p[b])
            strength += (p[a] + p[b]) * d * d
    return squares, differences, complexity, strength


FAMILY = Family(NAMES, features)
