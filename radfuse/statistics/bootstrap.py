"""Bootstrap: intervals of what has no variance that one could write down, by drawing patients again and again."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from radfuse.statistics.estimate import Estimate

_CELLS = 10**7
"""Counts drawn at once."""


def bootstrap_mean(
    values: ArrayLike, patients: ArrayLike, *, seed: int = 0, draws: int = 2000, level: float = 0.95
) -> Estimate:
    """Return a mean with the percentile interval over draws of patients, each with all of its values.

    Args:
        values: shape (unit,), finite.
        patients: shape (unit,).
        seed: of the draws.
        draws: how many.
        level: of the interval.

    Returns:
        NaN without units; no interval with one patient.

    Source:
        Efron 1979, doi:10.1214/aos/1176344552; clusters drawn whole: Davison and Hinkley 1997, section 3.8.
    """
    v = np.asarray(values, dtype=float)
    if len(v) == 0:
        return Estimate(float("nan"), float("nan"), float("nan"))
    who = pd.factorize(np.asarray(patients))[0]
    sums, sizes = np.bincount(who, v), np.bincount(who)
    mean, people = float(v.mean()), len(sizes)
    if people < 2:
        return Estimate(mean, float("nan"), float("nan"))
    generator = np.random.default_rng(seed)
    means = []
    left = draws
    while left:
        now = min(left, max(1, _CELLS // people))
        drawn = generator.multinomial(people, np.full(people, 1 / people), size=now)
        means.append(drawn @ sums / (drawn @ sizes))
        left -= now
    low, high = np.quantile(np.concatenate(means), [0.5 - level / 2, 0.5 + level / 2])
    return Estimate(mean, float(low), float(high))
