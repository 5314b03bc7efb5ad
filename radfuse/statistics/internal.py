"""Internal validation: Harrell's optimism, and how often shuffled outcomes are predicted as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Corrected:
    """A measure corrected for its optimism.

    Attributes:
        apparent: on the units that the model was fitted to.
        optimism: mean over draws of how much better a model is on the units drawn, that it was fitted to, than on all.
        low: 2.5th percentile of that over draws.
        high: 97.5th.
        corrected: apparent less optimism.
        draws: that could be used.
    """

    apparent: float
    optimism: float
    low: float
    high: float
    corrected: float
    draws: int


def corrected(apparent: float, drawn: Sequence[tuple[float, float]]) -> Corrected:
    """Return a measure less its optimism.

    Args:
        apparent: of the model of all units on all units.
        drawn: of the model of each bootstrap sample: on the sample, and on all units; NaN where it could not be had.

    Returns:
        NaN without draws.

    Source:
        Harrell et al. 1996, doi:10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4.
    """
    gaps = np.array([first - second for first, second in drawn], dtype=float)
    gaps = gaps[np.isfinite(gaps)]
    if not len(gaps):
        nan = float("nan")
        return Corrected(apparent, nan, nan, nan, nan, 0)
    low, high = np.quantile(gaps, [0.025, 0.975])
    optimism = float(gaps.mean())
    return Corrected(apparent, optimism, float(low), float(high), apparent - optimism, len(gaps))


def permutation_p(observed: float, shuffled: Sequence[float]) -> float:
    """Return the share of shuffles, the data themselves among them, that come out as high: never 0.

    Source:
        Phipson and Smyth 2010, doi:10.2202/1544-6115.1585.
    """
    null = np.asarray(shuffled, dtype=float)
    null = null[np.isfinite(null)]
    if not len(null) or not np.isfinite(observed):
        return float("nan")
    return float((1 + (null >= observed - 1e-12).sum()) / (1 + len(null)))


def highest_p(observed: Mapping[str, float], shuffled: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Return p of each family beside the best of all families in each shuffle, which corrects for picking the best.

    Args:
        observed: family -> value.
        shuffled: family -> value in each shuffle, the shuffles in one order; NaN where it could not be had.

    Source:
        Westfall and Young 1993, single-step maxT.
    """
    table = np.array([list(shuffled[family]) for family in observed], dtype=float)
    known = table[:, np.isfinite(table).any(axis=0)] if table.size else table.reshape(len(observed), 0)
    best = np.nanmax(known, axis=0) if known.size else np.array([])
    return {family: permutation_p(value, list(best)) for family, value in observed.items()}
