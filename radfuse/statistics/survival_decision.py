"""Decision curves where times are censored: what acting on probabilities of an event by a horizon is worth."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from radfuse.statistics.decision import DecisionCurve
from radfuse.statistics.survival import Curve


def survival_decision_curve(
    time: np.ndarray,
    event: np.ndarray,
    probability: np.ndarray,
    horizon: float,
    thresholds: np.ndarray,
    patients: np.ndarray,
    known: Curve,
    overlap: float = 1.0,
    rival: np.ndarray | None = None,
) -> DecisionCurve:
    """Return the net benefit of acting where the probability reaches a threshold, with 95 % intervals by patient.

    Units with the event by the horizon and units still free of it then are weighted by the inverse of their chance to
    be seen so; whoever was censored before counts by those weights alone.

    Args:
        time: shape (unit,).
        event: 1 or 0, shape (unit,).
        probability: of the event by the horizon, shape (unit,).
        horizon: the time.
        thresholds: in (0, 1), shape (threshold,).
        patients: whose unit it is, shape (unit,).
        known: curve of not being censored.
        overlap: of training sets, by which variances grow.
        rival: 1 where a competing event came: by the horizon, the unit stays free of the event; None: none.

    Source:
        Vickers et al. 2008, doi:10.1186/1472-6947-8-53, weighted as Graf et al. 1999 weight the Brier score.
    """
    odds = thresholds / (1 - thresholds)
    case = np.where((time <= horizon) & (event == 1), 1 / np.maximum(known.before(time), 1e-9), 0.0)
    free = np.where(time > horizon, 1 / max(float(known.at(np.array(horizon))), 1e-9), 0.0)
    if rival is not None:
        free += np.where((time <= horizon) & (rival == 1), 1 / np.maximum(known.before(time), 1e-9), 0.0)
    worth = case[:, None] - free[:, None] * odds
    gains = worth * (probability[:, None] >= thresholds)
    net, everyone = gains.mean(axis=0), worth.mean(axis=0)
    who, names = pd.factorize(np.asarray(patients))
    half = np.full(len(thresholds), np.nan)
    people = len(names)
    if people > 1:
        sums = np.zeros((people, len(thresholds)))
        np.add.at(sums, who, gains - net)
        variance = overlap * people / (people - 1) * (sums**2).sum(axis=0) / len(time) ** 2
        half = stats.t.ppf(0.975, people - 1) * np.sqrt(variance)
    return DecisionCurve(thresholds, net, net - half, net + half, everyone, 100 * (net - everyone) / odds)
