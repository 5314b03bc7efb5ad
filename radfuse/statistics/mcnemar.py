"""McNemar's test: are two ways of calling the same units right equally often?"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

_FEW = 25
"""Patients that the two differ in, below which p is exact."""


def mcnemar(first: ArrayLike, second: ArrayLike, patients: ArrayLike | None = None) -> tuple[float, float]:
    """Return the statistic, chi-squared of one degree of freedom without continuity correction, and p.

    With several units a patient it is Obuchowski's, which sums the discordant units of a patient first. Where the two
    differ in fewer than 25 patients, p is exact: that of the difference over all ways in which the two could be
    exchanged within patients, which is the binomial test where each patient has one unit.

    Args:
        first: right or not, bool, shape (unit,).
        second: the same of the other way.
        patients: shape (unit,); None: each unit is one.

    Returns:
        (0, 1) where the two never differ.

    Raises:
        ValueError: shapes differ.

    Source:
        McNemar 1947, doi:10.1007/BF02295996; Obuchowski 1998, as simplified by Yang et al. 2010,
        doi:10.1002/bimj.201000035.
    """
    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"calls must have one shape (unit,); found {a.shape} and {b.shape}")
    who = np.arange(len(a)) if patients is None else pd.factorize(np.asarray(patients))[0]
    apart = np.bincount(who, a.astype(float) - b)
    below = float((apart**2).sum())
    if below == 0:
        return 0.0, 1.0
    people = len(apart)
    share = (people - 1) / people if people < len(a) else 1.0
    statistic = share * float(apart.sum() ** 2 / below)
    differ = np.abs(apart[apart != 0]).astype(int)
    p = _exact(differ, round(abs(apart.sum()))) if len(differ) < _FEW else float(stats.chi2.sf(statistic, 1))
    return statistic, p


def _exact(sizes: np.ndarray, found: int) -> float:
    """Return the share of all signs of these numbers whose sum is at least as far from 0."""
    whole = int(sizes.sum())
    ways = np.zeros(2 * whole + 1)  # of each sum from -whole to whole
    ways[whole] = 1.0
    for size in sizes:
        ways = (np.roll(ways, size) + np.roll(ways, -size)) / 2
    return float(min(ways[np.abs(np.arange(-whole, whole + 1)) >= found].sum(), 1.0))
