"""Reclassification: whom a new model moves the right way beside an old one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from radfuse.statistics.estimate import Estimate, clustered_mean
from radfuse.statistics.scores import Array, checked


@dataclass(frozen=True)
class Reclassification:
    """How a new model reclassifies beside an old one.

    Attributes:
        nri: net reclassification improvement, events plus others, in [-2, 2].
        events: share of events moved up less those moved down.
        others: share of others moved down less those moved up.
        z: of `nri` against 0.
        p: two-sided.
    """

    nri: Estimate
    events: Estimate
    others: Estimate
    z: float
    p: float


def reclassification(
    outcome: ArrayLike, old: ArrayLike, new: ArrayLike, patients: ArrayLike, cuts: Sequence[float] = ()
) -> Reclassification:
    """Return the net reclassification improvement, by risk categories or, without cuts, by any change at all.

    Args:
        outcome: 0 or 1, shape (unit,).
        old: probabilities of the model known before, shape (unit,).
        new: of the new one, shape (unit,).
        patients: whose unit it is, shape (unit,); intervals sum over patients first.
        cuts: borders between categories, rising; a probability at a border is above it.

    Returns:
        NaN where a class is absent. `z` and `p` are those of the source, units taken as independent.

    Source:
        Pencina et al. 2008, doi:10.1002/sim.2929; without categories: Pencina et al. 2011, doi:10.1002/sim.4085.
    """
    y, before = checked(outcome, old)
    _, after = checked(outcome, new)
    if list(cuts) != sorted(set(cuts)):
        raise ValueError(f"cuts between risk categories must rise; found {list(cuts)}")
    if len(cuts):
        before, after = (np.searchsorted(cuts, values, side="right").astype(float) for values in (before, after))
    moved = np.sign(after - before)
    who = np.asarray(patients)
    events, others = clustered_mean(moved[y], who[y]), clustered_mean(-moved[~y], who[~y])
    value = events.value + others.value
    spread = sum(_moved_variance(moved[part]) for part in (y, ~y))
    z = value / np.sqrt(spread) if spread > 0 else float("nan")
    nri = _sum(events, others)
    return Reclassification(nri, events, others, float(z), float(2 * stats.norm.sf(abs(z))))


def discrimination_improvement(
    outcome: ArrayLike, old: ArrayLike, new: ArrayLike, patients: ArrayLike
) -> tuple[Estimate, float]:
    """Return the integrated discrimination improvement with its interval by patient, and the two-sided p of the source.

    The gap between the mean probabilities of events and of others, of the new model less that of the old.

    Source:
        Pencina et al. 2008, doi:10.1002/sim.2929.
    """
    y, before = checked(outcome, old)
    _, after = checked(outcome, new)
    change, who = after - before, np.asarray(patients)
    events, others = clustered_mean(change[y], who[y]), clustered_mean(-change[~y], who[~y])
    spread = sum(float(np.var(change[part], ddof=1)) / part.sum() for part in (y, ~y) if part.sum() > 1)
    z = (events.value + others.value) / np.sqrt(spread) if spread > 0 else float("nan")
    return _sum(events, others), float(2 * stats.norm.sf(abs(z)))


def _moved_variance(moved: NDArray[np.float64]) -> float:
    """Return the variance of a share moved up less that moved down, where none moves on the whole."""
    return float((moved != 0).mean() / len(moved)) if len(moved) else float("nan")


def _sum(first: Estimate, second: Estimate) -> Estimate:
    """Return the sum of two estimates of other patients, their half widths added in squares."""
    value = first.value + second.value
    half: Array = np.hypot(first.high - first.value, second.high - second.value)
    return Estimate(value, float(value - half), float(value + half))
