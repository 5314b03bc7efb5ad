"""Reclassification: whom a new model moves the right way beside an old one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from radfuse.statistics.estimate import Estimate, normal_quantile
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
    outcome: ArrayLike,
    old: ArrayLike,
    new: ArrayLike,
    patients: ArrayLike,
    cuts: Sequence[float] = (),
    overlap: float = 1.0,
) -> Reclassification:
    """Return the net reclassification improvement, by risk categories or, without cuts, by any change at all.

    Args:
        outcome: 0 or 1, shape (unit,).
        old: probabilities of the model known before, shape (unit,).
        new: of the new one, shape (unit,).
        patients: whose unit it is, shape (unit,); intervals sum over patients first.
        cuts: borders between categories, rising; a probability at a border is above it.
        overlap: of the training sets of out-of-fold probabilities, by which variances grow; see `training_overlap`.

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
    nri, events, others = _of_both(y, moved, patients, overlap)
    spread = sum(_moved_variance(moved[part]) for part in (y, ~y))
    z = nri.value / np.sqrt(spread) if spread > 0 else float("nan")
    return Reclassification(nri, events, others, float(z), float(2 * stats.norm.sf(abs(z))))


def discrimination_improvement(
    outcome: ArrayLike, old: ArrayLike, new: ArrayLike, patients: ArrayLike, overlap: float = 1.0
) -> tuple[Estimate, float]:
    """Return the integrated discrimination improvement with its interval and two-sided p, variances by patient.

    The gap between the mean probabilities of events and of others, of the new model less that of the old.

    Source:
        Pencina et al. 2008, doi:10.1002/sim.2929.
    """
    y, before = checked(outcome, old)
    _, after = checked(outcome, new)
    found, _, _ = _of_both(y, after - before, patients, overlap)
    error = (found.high - found.value) / normal_quantile(0.95)
    z = found.value / error if error > 0 else float("nan")
    return found, float(2 * stats.norm.sf(abs(z)))


def _moved_variance(moved: NDArray[np.float64]) -> float:
    """Return the variance of a share moved up less that moved down, where none moves on the whole."""
    return float((moved != 0).mean() / len(moved)) if len(moved) else float("nan")


def _of_both(
    y: NDArray[np.bool_], change: Array, patients: ArrayLike, overlap: float
) -> tuple[Estimate, Estimate, Estimate]:
    """Return the mean change of events less that of others, and the two parts, with variances that sum over patients.

    A patient may have units of both.
    """
    who = pd.factorize(np.asarray(patients))[0]
    people = int(who.max()) + 1
    signs = np.where(y, 1.0, -1.0)
    parts = []
    shares = np.zeros((people, 2))
    for column, part in enumerate((y, ~y)):
        mean = float((signs * change)[part].mean()) if part.any() else float("nan")
        np.add.at(shares[:, column], who[part], ((signs * change)[part] - mean) / max(int(part.sum()), 1))
        parts.append(mean)
    grown = overlap * people / (people - 1) if people > 1 else float("nan")
    half = normal_quantile(0.95) * np.sqrt(grown)

    def estimate(value: float, each: Array) -> Estimate:
        reach = half * float(np.sqrt((each**2).sum()))
        return Estimate(value, value - reach, value + reach)

    both = estimate(parts[0] + parts[1], shares.sum(axis=1))
    return both, estimate(parts[0], shares[:, 0]), estimate(parts[1], shares[:, 1])
