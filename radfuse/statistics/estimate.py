"""Estimate: a value with its interval; of a mean, and of a share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Estimate:
    """A value with its confidence interval; low and high are NaN where no variance can be had."""

    value: float
    low: float
    high: float


def clustered_mean(values: ArrayLike, patients: ArrayLike, level: float = 0.95, share: bool = False) -> Estimate:
    """Return a mean over units with an interval whose variance sums over patients first.

    Args:
        values: shape (unit,).
        patients: shape (unit,).
        level: of the interval.
        share: True for values of 0 and 1: Wilson's interval at the effective sample size.

    Returns:
        NaN without units; no interval with one patient.
    """
    from scipy import stats

    v = np.asarray(values, dtype=float)
    if len(v) == 0:
        return Estimate(float("nan"), float("nan"), float("nan"))
    who = pd.factorize(np.asarray(patients))[0]
    mean, people = float(v.mean()), int(who.max()) + 1
    if people < 2:
        return Estimate(mean, float("nan"), float("nan"))
    sums = np.zeros(people)
    np.add.at(sums, who, v - mean)
    variance = float(people / (people - 1) * (sums**2).sum() / len(v) ** 2)
    if share:
        unbiased = people / (people - 1)  # so that independent units count as many as they are
        effective = mean * (1 - mean) * unbiased / variance if variance > 0 else people
        return wilson(mean, min(effective, len(v)), level)
    half = float(stats.t.ppf(0.5 + level / 2, people - 1) * np.sqrt(variance))
    return Estimate(mean, mean - half, mean + half)


def wilson(share: float, size: float, level: float) -> Estimate:
    """Return a share of so many independent units with Wilson's interval.

    Source:
        Wilson 1927, doi:10.2307/2276774.
    """
    z = normal_quantile(level)
    centre = (share + z**2 / (2 * size)) / (1 + z**2 / size)
    half = z / (1 + z**2 / size) * np.sqrt(share * (1 - share) / size + z**2 / (4 * size**2))
    return Estimate(share, float(max(0.0, centre - half)), float(min(1.0, centre + half)))


def normal_quantile(level: float) -> float:
    """Return how many standard errors an interval reaches to either side."""
    from scipy import stats

    return float(stats.norm.ppf(0.5 + level / 2))
