"""First-order features: statistics of a region's grey values.

Source: van Griethuysen et al. 2017, doi:10.1158/0008-5472.CAN-17-0339; formulas as in PyRadiomics 3.0.1 (kurtosis
without subtracting 3, entropy and uniformity over grey levels, the rest over grey values).
"""

from __future__ import annotations

import numpy as np

from radfuse.machine import kernel
from radfuse.radiomics.families.family import Family, Measured
from radfuse.radiomics.settings import Settings

_EPS = np.spacing(1)

NAMES = (
    "10Percentile",
    "90Percentile",
    "Energy",
    "Entropy",
    "InterquartileRange",
    "Kurtosis",
    "Maximum",
    "MeanAbsoluteDeviation",
    "Mean",
    "Median",
    "Minimum",
    "Range",
    "RobustMeanAbsoluteDeviation",
    "RootMeanSquared",
    "Skewness",
    "TotalEnergy",
    "Uniformity",
    "Variance",
)
DEPRECATED = ("StandardDeviation",)
"""Computed when asked for by name."""
_OF_LEVELS = ("Entropy", "Uniformity")
_OF_MOMENTS = (
    "Energy",
    "Kurtosis",
    "MeanAbsoluteDeviation",
    "RootMeanSquared",
    "Skewness",
    "StandardDeviation",
    "TotalEnergy",
    "Variance",
)
_OF_ORDER = tuple(name for name in NAMES if name not in ("Mean", *_OF_LEVELS, *_OF_MOMENTS))


def features(measured: Measured, settings: Settings) -> dict[str, float]:
    """Return the first-order features.

    Args:
        measured: grey values X and their levels.
        settings: `shift` is c, added to each value before squaring.

    Returns:
        Name -> value. With p(i) the share of grey level i, m_k the k-th central moment, and X_10-90 the values
        between the 10th and the 90th percentile:

        - Energy: sum (X + c)^2; TotalEnergy: times the voxel volume; RootMeanSquared: sqrt(Energy / n)
        - Entropy: -sum p log2(p + eps); Uniformity: sum p^2
        - Minimum, 10Percentile, Median, 90Percentile, Maximum, Range, InterquartileRange, Mean
        - MeanAbsoluteDeviation: mean |X - mean|; RobustMeanAbsoluteDeviation: the same over X_10-90
        - Variance: m_2; Skewness: m_3 / m_2^1.5; Kurtosis: m_4 / m_2^2 (0 where m_2 is 0)
        - StandardDeviation (deprecated): sqrt(Variance)
    """
    x = measured.values.astype(np.float64)
    mean = float(x.mean())  # in the voxels' order: on flat regions the moments are rounding noise
    found = {"Mean": mean}
    if measured.asks(*_OF_LEVELS):
        p = measured.levels.counts / len(x)
        found |= {"Entropy": float(-np.sum(p * np.log2(p + _EPS))), "Uniformity": float(np.sum(p**2))}
    if measured.asks(*_OF_ORDER, *_OF_MOMENTS):
        x.sort()
    if measured.asks(*_OF_ORDER):
        found |= _of_order(x)
    if measured.asks(*_OF_MOMENTS):
        found |= _of_moments(x, mean, settings.shift, float(np.prod(measured.region.spacing_zyx_mm)))
    return found


def _of_order(x: np.ndarray) -> dict[str, float]:
    """Return what follows from sorted values."""
    low, high = _percentile(x, 10), _percentile(x, 90)
    inner = x[np.searchsorted(x, low, "left") : np.searchsorted(x, high, "right")]
    return {
        "10Percentile": low,
        "90Percentile": high,
        "InterquartileRange": _percentile(x, 75) - _percentile(x, 25),
        "Maximum": float(x[-1]),
        "Median": _percentile(x, 50),
        "Minimum": float(x[0]),
        "Range": float(x[-1] - x[0]),
        "RobustMeanAbsoluteDeviation": float(np.abs(inner - inner.mean()).mean()) if len(inner) else float("nan"),
    }


def _of_moments(x: np.ndarray, mean: float, shift: float, voxel_mm3: float) -> dict[str, float]:
    """Return what follows from sums over sorted values."""
    absolute, m2, m3, m4, energy = _moments(x, mean, float(shift))
    flat = m2 == 0
    return {
        "Energy": energy,
        "Kurtosis": 0.0 if flat else m4 / m2**2,
        "MeanAbsoluteDeviation": absolute,
        "RootMeanSquared": float(np.sqrt(energy / len(x))),
        "Skewness": 0.0 if flat else m3 / m2**1.5,
        "StandardDeviation": float(np.sqrt(m2)),
        "TotalEnergy": energy * voxel_mm3,
        "Variance": m2,
    }


def _percentile(x: np.ndarray, percent: float) -> float:
    """Return a percentile of sorted values, linear between neighbours."""
    place = percent / 100 * (len(x) - 1)
    lower = int(place)
    upper = min(lower + 1, len(x) - 1)
    share = place - lower
    step = x[upper] - x[lower]
    return float(x[upper] - step * (1 - share) if share >= 0.5 else x[lower] + step * share)


@kernel
def _moments(x: np.ndarray, mean: float, shift: float) -> tuple[float, float, float, float, float]:
    """Return mean |X - mean|, the 2nd to 4th central moments, and sum (X + c)^2, summed up in blocks."""
    n = x.size
    block = 128
    absolute = m2 = m3 = m4 = energy = 0.0
    for low in range(0, n, block):
        a = b2 = b3 = b4 = e = 0.0
        for v in range(low, min(low + block, n)):
            d = x[v] - mean
            square = d * d
            a += abs(d)
            b2 += square
            b3 += square * d
            b4 += square * square
            e += (x[v] + shift) * (x[v] + shift)
        absolute += a
        m2 += b2
        m3 += b3
        m4 += b4
        energy += e
    return absolute / n, m2 / n, m3 / n, m4 / n, energy


FAMILY = Family(
    NAMES,
    features,
    sees="values",
    deprecated=DEPRECATED,
    without_levels=frozenset((*NAMES, *DEPRECATED)) - set(_OF_LEVELS),
    missing="no grey value lies between the 10th and the 90th percentile",
)
