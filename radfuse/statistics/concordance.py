"""How well risk scores rank survival times: Harrell's C, Uno's C, cumulative/dynamic AUC, with variances by patient.

All are shares of pairs: of units that can be compared, in how many the one with the earlier event has the larger
score. Their variance is the infinitesimal jackknife over patients, who may have several units.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from radfuse.statistics.auc import AucSet
from radfuse.statistics.stratified import Groups, grouped
from radfuse.statistics.survival import Curve, censoring

_SLAB = 256
"""Units compared with all others at once."""


def harrell(time: np.ndarray, event: np.ndarray, scores: np.ndarray, patients: np.ndarray) -> AucSet:
    """Return Harrell's C of several scores and their covariance; NaN where no two units can be compared.

    Args:
        time: shape (unit,).
        event: 1 or 0, shape (unit,).
        scores: larger means an earlier event, shape (unit, score).
        patients: whose units are, shape (unit,).

    Source:
        Harrell et al. 1996, doi:10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4.
    """
    return _share(time, event, scores, patients, np.ones(len(time)))


def uno(
    time: np.ndarray, event: np.ndarray, scores: np.ndarray, patients: np.ndarray, until: float, known: Curve
) -> AucSet:
    """Return Uno's C up to a time: pairs weighted by the inverse squared chance of being uncensored.

    Args:
        time: shape (unit,).
        event: shape (unit,).
        scores: shape (unit, score).
        patients: shape (unit,).
        until: events after it do not count.
        known: curve of not being censored, taken as known.

    Source:
        Uno et al. 2011, doi:10.1002/sim.4154.
    """
    weight = np.where(time <= until, 1 / np.maximum(known.before(time), 1e-9) ** 2, 0.0)
    return _share(time, event, scores, patients, weight)


def auc_at(
    time: np.ndarray, event: np.ndarray, scores: np.ndarray, patients: np.ndarray, when: float, known: Curve | None
) -> AucSet:
    """Return the AUC of events by a time against units free of it then, weighted for censoring.

    Args:
        time: shape (unit,).
        event: shape (unit,).
        scores: shape (unit, score).
        patients: shape (unit,).
        when: the time.
        known: curve of not being censored; None: of these units.

    Source:
        Hung and Chiang 2010, doi:10.1002/cjs.10046; Blanche et al. 2013, doi:10.1002/bimj.201200045.
    """
    curve = known or censoring(time, event)
    weight = np.where(time <= when, 1 / np.maximum(curve.before(time), 1e-9), 0.0)
    return _share(time, event, scores, patients, weight, after=when)


def _share(
    time: np.ndarray,
    event: np.ndarray,
    scores: np.ndarray,
    patients: np.ndarray,
    weight: np.ndarray,
    after: float | None = None,
) -> AucSet:
    """Return the share of pairs ranked right, ties one half, and its covariance.

    A pair is a unit with an event and one still free of it: later, or censored at that time; with `after`, beyond it.
    """
    right, all_pairs = _pairs(time, event, scores, weight, after)
    count, total = scores.shape[1], all_pairs.sum() / 2
    if total <= 0:
        return AucSet(np.full(count, np.nan), np.full((count, count), np.nan), 0)
    values = right.sum(axis=0) / 2 / total
    who, people = pd.factorize(np.asarray(patients))
    moved = np.zeros((len(people), count))
    np.add.at(moved, who, (right - values * all_pairs[:, None]) / total)
    with_event = len(set(who[(event == 1) & (weight > 0)]))
    if with_event < 2:
        return AucSet(values, np.full((count, count), np.nan), with_event)
    return AucSet(values, moved.T @ moved * len(people) / (len(people) - 1), with_event)


def grouped_harrell(time: np.ndarray, event: np.ndarray, score: np.ndarray, groups: Groups) -> AucSet:
    """Return Harrell's C of each group of units over all its pairs within a fold; see `stratified.grouped`.

    Args:
        time: shape (unit,).
        event: 1 or 0, shape (unit,).
        score: larger means an earlier event, shape (unit,).
        groups: of the units.
    """

    def contest(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        won, pairs = _pairs(time[rows], event[rows], score[rows, None], np.ones(len(rows)))
        return won[:, 0], pairs

    return grouped([contest], groups, event == 1)


def _pairs(
    time: np.ndarray, event: np.ndarray, scores: np.ndarray, weight: np.ndarray, after: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return what each unit wins in its pairs, shape (unit, score), and what its pairs are worth, shape (unit,)."""
    count = scores.shape[1]
    right, all_pairs = np.zeros((len(time), count)), np.zeros(len(time))
    cases = np.flatnonzero((event == 1) & (weight > 0))
    for start in range(0, len(cases), _SLAB):
        own = cases[start : start + _SLAB]
        if after is None:
            pair = (time[None, :] > time[own, None]) | ((time[None, :] == time[own, None]) & (event[None, :] == 0))
        else:
            pair = np.broadcast_to(time[None, :] > after, (len(own), len(time)))
        worth = pair * weight[own, None]
        all_pairs[own] += worth.sum(axis=1)
        all_pairs += worth.sum(axis=0)
        for column in range(count):
            score = scores[:, column]
            won = worth * ((score[own, None] > score) + 0.5 * (score[own, None] == score))
            right[own, column] += won.sum(axis=1)
            right[:, column] += won.sum(axis=0)
    return right, all_pairs
