"""Grey level size zone matrix (GLSZM): how many connected zones of a size each level has.

Source: Thibault et al. 2014, doi:10.1109/TBME.2013.2284600; formulas as in PyRadiomics 3.0.1.
"""

from __future__ import annotations

import numpy as np

from radfuse.machine import kernel
from radfuse.radiomics.families.family import Family, Measured
from radfuse.radiomics.settings import Settings

_EPS = np.spacing(1)

NAMES = (
    "GrayLevelNonUniformity",
    "GrayLevelNonUniformityNormalized",
    "GrayLevelVariance",
    "HighGrayLevelZoneEmphasis",
    "LargeAreaEmphasis",
    "LargeAreaHighGrayLevelEmphasis",
    "LargeAreaLowGrayLevelEmphasis",
    "LowGrayLevelZoneEmphasis",
    "SizeZoneNonUniformity",
    "SizeZoneNonUniformityNormalized",
    "SmallAreaEmphasis",
    "SmallAreaHighGrayLevelEmphasis",
    "SmallAreaLowGrayLevelEmphasis",
    "ZoneEntropy",
    "ZonePercentage",
    "ZoneVariance",
)


def features(measured: Measured, _: Settings) -> dict[str, float]:
    """Return the GLSZM features.

    Args:
        measured: levels, and a lattice; zones are connected along its `near` directions.

    Returns:
        Name -> value. With P(i, j) the zones of level i and size j (voxels), N their number:

        - SmallAreaEmphasis: sum P / j^2 / N; LargeAreaEmphasis: sum P j^2 / N
        - LowGrayLevelZoneEmphasis: sum P / i^2 / N; HighGrayLevelZoneEmphasis: sum P i^2 / N; the four products
        - GrayLevelNonUniformity: sum_i (sum_j P)^2 / N, SizeZoneNonUniformity: sum_j (sum_i P)^2 / N; the same
          Normalized: / N^2
        - ZonePercentage: N / number of voxels; GrayLevelVariance, ZoneVariance: variances of i and j
        - ZoneEntropy: -sum p log2(p + eps) with p = P / N
    """
    lattice, levels = measured.lattice, measured.levels
    parent = np.empty(lattice.count, dtype=np.uint32)
    _join(levels.rank, lattice.near.before, *_spared(lattice.near.offsets), parent)
    zone_rank, zone_size = _zones(levels.rank, parent)
    count = len(zone_size)
    keys, counts = np.unique(zone_rank.astype(np.int64) * (lattice.count + 1) + zone_size, return_counts=True)
    i = levels.present[keys // (lattice.count + 1)].astype(np.float64)
    j = (keys % (lattice.count + 1)).astype(np.float64)
    p = counts / count
    i2, j2 = i**2, j**2
    per_level = np.bincount(zone_rank).astype(np.float64)
    p_level = per_level / count
    sizes, per_size = (part.astype(np.float64) for part in np.unique(zone_size, return_counts=True))
    p_size = per_size / count
    gray = levels.present.astype(np.float64)
    return {
        "GrayLevelNonUniformity": float((per_level**2).sum() / count),
        "GrayLevelNonUniformityNormalized": float((per_level**2).sum() / count**2),
        "GrayLevelVariance": float((p_level * (gray - (p_level * gray).sum()) ** 2).sum()),
        "HighGrayLevelZoneEmphasis": float((p * i2).sum()),
        "LargeAreaEmphasis": float((p * j2).sum()),
        "LargeAreaHighGrayLevelEmphasis": float((p * j2 * i2).sum()),
        "LargeAreaLowGrayLevelEmphasis": float((p * j2 / i2).sum()),
        "LowGrayLevelZoneEmphasis": float((p / i2).sum()),
        "SizeZoneNonUniformity": float((per_size**2).sum() / count),
        "SizeZoneNonUniformityNormalized": float((per_size**2).sum() / count**2),
        "SmallAreaEmphasis": float((p / j2).sum()),
        "SmallAreaHighGrayLevelEmphasis": float((p * i2 / j2).sum()),
        "SmallAreaLowGrayLevelEmphasis": float((p / (i2 * j2)).sum()),
        "ZoneEntropy": float(-(p * np.log2(p + _EPS)).sum()),
        "ZonePercentage": count / lattice.count,
        "ZoneVariance": float((p_size * (sizes - (p_size * sizes).sum()) ** 2).sum()),
    }


def _spared(offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return an order of directions, and for each a bit mask of later ones that it spares.

    Two voxels alike that neighbour each other are joined already, so that one of them speaks for both.
    """
    touching = np.abs(offsets[:, None] - offsets[None]).max(axis=2, initial=0) <= 1
    order = np.argsort(-touching.sum(axis=1), kind="stable")
    bits = np.uint64(1) << np.arange(len(offsets), dtype=np.uint64)
    return order.astype(np.uint32), (touching[np.ix_(order, order)] * bits).sum(axis=1, dtype=np.uint64)


@kernel
def _join(rank: np.ndarray, before: np.ndarray, order: np.ndarray, spared: np.ndarray, parent: np.ndarray) -> None:
    """Let each voxel point to an earlier voxel of its zone, the first to itself (union-find)."""
    n = before.shape[1]
    for v in range(n):
        root = np.uint32(v)
        level = rank[v]
        parent[v] = root
        done = np.uint64(0)
        for place in range(order.size):
            if (done >> np.uint64(place)) & np.uint64(1):
                continue
            u = before[order[place], v]
            if rank[u] != level:
                continue
            done |= spared[place]
            while parent[u] != u:
                parent[u] = parent[parent[u]]
                u = parent[u]
            if u < root:
                parent[root] = u
                root = u
            elif u > root:
                parent[u] = root
        parent[v] = root


@kernel
def _zones(rank: np.ndarray, parent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rank of level and number of voxels of each zone."""
    n = parent.size
    size = np.zeros(n, np.int64)
    count = 0
    for v in range(n):
        parent[v] = parent[parent[v]]  # earlier voxels point to their root already
        count += parent[v] == v
        size[parent[v]] += 1
    zone_rank, zone_size = np.empty(count, np.int32), np.empty(count, np.int64)
    count = 0
    for v in range(n):
        if parent[v] == v:
            zone_rank[count], zone_size[count] = rank[v], size[v]
            count += 1
    return zone_rank, zone_size


FAMILY = Family(NAMES, features)
