"""Change of a value between two visits, over units, with intervals by patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radfuse.statistics.estimate import Estimate, clustered_mean

_FEWEST = 3
"""Units that a spread, and what is divided by it, needs."""


@dataclass(frozen=True)
class Change:
    """What became of one value between two visits, over the units that have it at both.

    Attributes:
        units: that have it at both.
        patients: whose they are.
        before: its mean at baseline; NaN without units.
        difference: follow-up minus baseline.
        percent: the same in per cent of each unit's own baseline; NaN where baselines are not all of one sign, since a
            value that passes through 0 has no size to take a share of.
        rate: the difference a year; NaN without dates.
        response: mean difference over its standard deviation (standardised response mean); NaN of less than 3 units,
            or where all changed alike.
        spread: minimum, quartiles and maximum of the change in per cent; empty where there is none.
    """

    units: int
    patients: int
    before: float
    difference: Estimate
    percent: Estimate
    rate: Estimate
    response: float
    spread: tuple[float, ...] = ()


def change(before: np.ndarray, after: np.ndarray, years: np.ndarray, patients: np.ndarray) -> Change:
    """Return how a value changed.

    Args:
        before: at baseline, shape (unit,), NaN where a unit lacks it.
        after: at follow-up, the same.
        years: from baseline to follow-up, the same; NaN without dates.
        patients: of each unit, shape (unit,).

    Source:
        Liang, Fossel and Larson 1990, doi:10.1097/00005650-199007000-00008 (standardised response mean).
    """
    there = np.isfinite(before) & np.isfinite(after)
    first, who = before[there], patients[there]
    moved = after[there] - first
    share = np.full(0, np.nan)
    known = before[np.isfinite(before)]  # of all units: one follow-up has a per cent where another has
    if np.all(known > 0) or np.all(known < 0):
        share = 100 * moved / np.abs(first)
    dated = np.isfinite(years[there]) & (years[there] != 0)
    away = float(moved.std(ddof=1)) if len(moved) >= _FEWEST else 0.0
    alike = away <= 1e-12 * float(np.abs(first).max(initial=0.0))
    return Change(
        units=len(first),
        patients=len(set(who)),
        before=float(first.mean()) if len(first) else float("nan"),
        difference=clustered_mean(moved, who),
        percent=clustered_mean(share, who[: len(share)]),
        rate=clustered_mean(moved[dated] / years[there][dated], who[dated]),
        response=float("nan") if alike else float(moved.mean()) / away,
        spread=tuple(float(q) for q in np.quantile(share, [0, 0.25, 0.5, 0.75, 1])) if len(share) else (),
    )
