"""Decision curves: what acting on a model's probabilities is worth, at every threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from radfuse.statistics.scores import Array, checked


@dataclass(frozen=True)
class DecisionCurve:
    """Net benefit over thresholds, each of shape (threshold,).

    Attributes:
        thresholds: probabilities from which one acts, in (0, 1).
        net_benefit: true positives minus weighed false positives, per unit.
        low: of its 95 % interval; NaN with one patient.
        high: of the same.
        treat_all: net benefit of acting on everyone; acting on nobody has 0.
        avoided: units per 100 that are spared an action beside acting on everyone, at no loss.
    """

    thresholds: Array
    net_benefit: Array
    low: Array
    high: Array
    treat_all: Array
    avoided: Array


def decision_curve(
    outcome: ArrayLike,
    probability: ArrayLike,
    thresholds: ArrayLike,
    patients: ArrayLike,
    level: float = 0.95,
    overlap: float = 1.0,
) -> DecisionCurve:
    """Return the net benefit of acting where the probability reaches a threshold, with an interval by patient.

    Args:
        outcome: 0 or 1, shape (unit,).
        probability: shape (unit,).
        thresholds: in (0, 1), shape (threshold,).
        patients: whose unit it is, shape (unit,).
        level: of the intervals.
        overlap: of the training sets of out-of-fold probabilities, by which variances grow; see `training_overlap`.

    Raises:
        ValueError: shapes differ, or a threshold lies outside (0, 1).

    Source:
        Vickers and Elkin 2006, doi:10.1177/0272989X06295361; interventions avoided as in Vickers et al. 2008,
        doi:10.1186/1472-6947-8-53. Variances sum over patients first.
    """
    y, p = checked(outcome, probability)
    at = np.asarray(thresholds, dtype=float)
    if at.ndim != 1 or not ((at > 0) & (at < 1)).all():
        raise ValueError("thresholds must lie between 0 and 1, both left out")
    odds = at / (1 - at)
    acts = (p[:, None] >= at).astype(float)
    gains = np.where(y[:, None], acts, -acts * odds)
    net = gains.mean(axis=0)
    everyone = y.mean() - (1 - y.mean()) * odds
    half = np.full(len(at), np.nan)
    who = pd.factorize(np.asarray(patients))[0]
    people = int(who.max()) + 1
    if people > 1:
        sums = np.zeros((people, len(at)))
        np.add.at(sums, who, gains - net)
        variance = overlap * people / (people - 1) * (sums**2).sum(axis=0) / len(y) ** 2
        half = stats.t.ppf(0.5 + level / 2, people - 1) * np.sqrt(variance)
    return DecisionCurve(at, net, net - half, net + half, everyone, 100 * (net - everyone) / odds)
