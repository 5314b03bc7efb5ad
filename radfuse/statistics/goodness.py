"""Goodness of fit: do groups of like probability have as many events as they should?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from radfuse.statistics.scores import checked


@dataclass(frozen=True)
class HosmerLemeshow:
    """The test's statistic, its degrees of freedom, p, and the groups it was computed on."""

    statistic: float
    degrees: int
    p: float
    groups: int


def hosmer_lemeshow(
    outcome: ArrayLike, probability: ArrayLike, groups: int = 10, *, held_out: bool
) -> HosmerLemeshow | None:
    """Return the Hosmer-Lemeshow test on groups cut at quantiles of the probability.

    It takes units as independent, and says little of small and everything of large samples: look at the curve too.

    Args:
        outcome: 0 or 1, shape (unit,).
        probability: shape (unit,).
        groups: wanted; ties may leave fewer.
        held_out: the probabilities are of units that the model did not see: groups degrees of freedom, else groups - 2.

    Returns:
        None where fewer than three groups can be cut.

    Source:
        Hosmer and Lemeshow 1980, doi:10.1080/03610928008827941; groups as R's ResourceSelection::hoslem.test cuts them.
    """
    y, p = checked(outcome, probability)
    if groups < 3:
        raise ValueError(f"three groups at least are needed; found {groups}")
    edges = np.unique(np.quantile(p, np.linspace(0, 1, groups + 1)))
    if len(edges) < 4:
        return None
    places = pd.cut(p, edges, include_lowest=True, labels=False)
    sizes = np.bincount(places, minlength=len(edges) - 1)
    seen, expected = (np.bincount(places, weights=values, minlength=len(sizes)) for values in (y, p))
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = (seen - expected) ** 2 / (expected * (1 - expected / sizes))
    statistic = float(np.where(seen == expected, 0.0, apart)[sizes > 0].sum())
    count = int((sizes > 0).sum())
    if count < 3:
        return None
    degrees = count if held_out else count - 2
    return HosmerLemeshow(statistic, degrees, float(stats.chi2.sf(statistic, degrees)), count)
