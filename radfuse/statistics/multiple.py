"""P values of many comparisons."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from radfuse.statistics.scores import Array


def holm(p_values: ArrayLike) -> Array:
    """Return p values adjusted for the family-wise error rate; NaN stays NaN and does not count.

    Source:
        Holm 1979, https://www.jstor.org/stable/4615733.
    """
    p = np.asarray(p_values, dtype=float)
    adjusted = np.full(p.shape, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    running = 0.0
    for rank, position in enumerate(order):
        running = max(running, min(1.0, (len(order) - rank) * p[position]))
        adjusted[position] = running
    return adjusted
