"""Histogram features: percentiles beside those of `firstorder`, as studies of parameter maps report them."""

from __future__ import annotations

import numpy as np

from radfuse.radiomics.families.family import Family, Measured
from radfuse.radiomics.settings import Settings

_PERCENT = (1, 5, 25, 75, 95, 99)
"""What `firstorder` lacks: it has 10, 50 as Median, and 90."""
NAMES = (*(f"{percent}Percentile" for percent in _PERCENT), "ExcessKurtosis")


def features(measured: Measured, _: Settings) -> dict[str, float]:
    """Return the histogram features.

    Args:
        measured: grey values X, no levels: bins play no part.

    Returns:
        Name -> value: percentiles, linear between neighbouring values, and ExcessKurtosis, m_4 / m_2^2 - 3 with m_k the
        k-th central moment, so that it is 0 of a normal distribution (`firstorder` does not subtract 3); -3 where all
        values are alike.
    """
    x = np.sort(measured.values.astype(np.float64))
    away = x - x.mean()
    m2, m4 = float(np.mean(away**2)), float(np.mean(away**4))
    found = dict(zip(NAMES, np.percentile(x, _PERCENT).tolist(), strict=False))
    return found | {"ExcessKurtosis": (0.0 if x[0] == x[-1] else m4 / m2**2) - 3}


FAMILY = Family(NAMES, features, sees="values", without_levels=frozenset(NAMES))
