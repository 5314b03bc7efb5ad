"""Bootstrap: intervals of what has no variance that one could write down, by drawing patients again and again."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from radfuse.statistics.estimate import Estimate

_CELLS = 10**7
"""Counts drawn at once."""


def bootstrap_means(
    values: np.ndarray, patients: ArrayLike, *, seed: int = 0, draws: int = 2000, level: float = 0.95
) -> list[Estimate]:
    """Return the mean of each column with its percentile interval over draws of patients, each with all of its rows.

    Args:
        values: shape (unit, column); what is not finite is left out of its column.
        patients: shape (unit,).
        seed: of the draws; all columns share them.
        draws: how many.
        level: of the interval.

    Returns:
        An estimate a column: NaN without values; no interval where one patient has them all.

    Source:
        Efron 1979, doi:10.1214/aos/1176344552; clusters drawn whole: Davison and Hinkley 1997, section 3.8.
    """
    known = np.isfinite(values)
    who, names = pd.factorize(np.asarray(patients))
    people = len(names)
    sums, sizes = np.zeros((people, values.shape[1])), np.zeros((people, values.shape[1]))
    np.add.at(sums, who, np.where(known, values, 0.0))
    np.add.at(sizes, who, known)
    generator = np.random.default_rng(seed)
    means, left = [], draws if people > 1 else 0
    with np.errstate(invalid="ignore"):
        while left:
            now = min(left, max(1, _CELLS // people))
            drawn = generator.multinomial(people, np.full(people, 1 / people), size=now)
            means.append(drawn @ sums / (drawn @ sizes))
            left -= now
    estimates = []
    for column in range(values.shape[1]):
        own = sizes[:, column] > 0
        mean = float(sums[:, column].sum() / sizes[:, column].sum()) if own.any() else float("nan")
        low = high = float("nan")
        if own.sum() > 1:  # a draw of patients without values has no mean, and is left out
            ends = [0.5 - level / 2, 0.5 + level / 2]
            low, high = np.nanquantile(np.concatenate([part[:, column] for part in means]), ends)
        estimates.append(Estimate(mean, float(low), float(high)))
    return estimates
