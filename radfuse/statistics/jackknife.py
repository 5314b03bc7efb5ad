"""The jackknife over patients: intervals of statistics that are no means of units."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import stats

from radfuse.statistics.estimate import Estimate

_MOST = 200
"""Groups that patients are left out in: more bring nothing but time."""


def jackknifed(
    statistics: Callable[[np.ndarray], np.ndarray], patients: np.ndarray, level: float = 0.95, wider: float = 1.0
) -> list[Estimate]:
    """Return statistics of units, with intervals from leaving out each patient, or group of patients, in turn.

    Args:
        statistics: of the rows at some positions: shape (statistic,), NaN where one cannot be computed.
        patients: of each unit, shape (unit,).
        level: of the intervals.
        wider: factor of the variance, 1 or more.

    Returns:
        An estimate each; no interval with one patient, or where a statistic cannot be computed without some.

    Source:
        Busing, Meijer and van der Leeden 1999, doi:10.1023/A:1008800423698 (delete-m jackknife).
    """
    rows = np.arange(len(patients))
    whole = np.asarray(statistics(rows), dtype=float)
    who = pd.factorize(np.asarray(patients))[0]
    groups = min(int(who.max()) + 1, _MOST)
    if groups < 2:
        return [Estimate(float(value), float("nan"), float("nan")) for value in whole]
    group = who % groups
    without = np.array([statistics(rows[group != number]) for number in range(groups)])
    spread = (groups - 1) / groups * ((without - without.mean(axis=0)) ** 2).sum(axis=0)
    half = float(stats.t.ppf(0.5 + level / 2, groups - 1)) * np.sqrt(wider * spread)
    return [
        Estimate(float(value), float(value - away), float(value + away))
        for value, away in zip(whole, half, strict=True)
    ]
