"""Otsu's threshold between two tissues, the same for regions and for measures."""

from __future__ import annotations

import numpy as np


def otsu(grey: np.ndarray) -> float:
    """Return the grey value that parts values into two groups most unlike; NaN where all are alike.

    Every gap between values is tried, not bins of a histogram: half way between the two values that it parts.
    """
    ordered = np.sort(grey.astype(np.float64))
    left = np.arange(1, len(ordered))
    sums = np.cumsum(ordered)
    means = sums[:-1] / left - (sums[-1] - sums[:-1]) / (len(ordered) - left)
    between = np.where(ordered[1:] > ordered[:-1], left * (len(ordered) - left) * means**2, -1)
    if not len(between) or between.max() < 0:
        return float("nan")
    best = int(between.argmax())
    return float((ordered[best] + ordered[best + 1]) / 2)
