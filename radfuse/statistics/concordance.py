"""How well risk scores rank survival times: Harrell's C, Uno's C, cumulative/dynamic AUC, with variances by patient.

All are shares of pairs: of units that can be compared, in how many the one with the earlier event has the larger
score. Their variance is the infinitesimal jackknife over patients, who may have several units.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from radfuse.statistics.auc import AucSet
from radfuse.statistics.stratified import Groups, grouped
from radfuse.statistics.survival import Curve, censoring

_SLAB = 256
"""Units compared with all others at once."""


class Rivals(NamedTuple):
    """Units with a competing event, which stay free of the event for good.

    Attributes:
        of: what a pair with each is worth, 0 of all other units, shape (unit,).
        own: the same of the unit with the event, shape (unit,).
    """

    of: np.ndarray
    own: np.ndarray


def harrell(
    time: np.ndarray, event: np.ndarray, scores: np.ndarray, patients: np.ndarray, rival: np.ndarray | None = None
) -> AucSet:
    """Return Harrell's C of several scores and their covariance; NaN where no two units can be compared.

    Args:
        time: shape (unit,).
        event: 1 or 0, shape (unit,).
        scores: larger means an earlier event, shape (unit, score).
        patients: whose units are, shape (unit,).
        rival: 1 where a competing event came: the unit is compared with every event, before it or after; None: none.

    Source:
        Harrell et al. 1996, doi:10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4; with rivals: Wolbers
        et al. 2009, doi:10.1097/EDE.0b013e3181a39056.
    """
    one = np.ones(len(time))
    return _share(time, event, scores, patients, one, rivals=None if rival is None else Rivals(rival, one))


def uno(
    time: np.ndarray,
    event: np.ndarray,
    scores: np.ndarray,
    patients: np.ndarray,
    until: float,
    known: Curve,
    rival: np.ndarray | None = None,
) -> AucSet:
    """Return Uno's C up to a time: pairs weighted by the inverse squared chance of being uncensored.

    Args:
        time: shape (unit,).
        event: shape (unit,).
        scores: shape (unit, score).
        patients: shape (unit,).
        until: events after it do not count.
        known: curve of not being censored, taken as known.
        rival: as of `harrell`.

    Source:
        Uno et al. 2011, doi:10.1002/sim.4154; with rivals: Wolbers et al. 2014, doi:10.1093/biostatistics/kxt059.
    """
    seen = 1 / np.maximum(known.before(time), 1e-9)
    own = np.where(time <= until, seen, 0.0)
    rivals = None if rival is None else Rivals(rival * seen, own)
    return _share(time, event, scores, patients, own * seen, rivals=rivals)


def auc_at(
    time: np.ndarray,
    event: np.ndarray,
    scores: np.ndarray,
    patients: np.ndarray,
    when: float,
    known: Curve | None,
    rival: np.ndarray | None = None,
) -> AucSet:
    """Return the AUC of events by a time against units free of it then, weighted for censoring.

    Args:
        time: shape (unit,).
        event: shape (unit,).
        scores: shape (unit, score).
        patients: shape (unit,).
        when: the time.
        known: curve of not being censored; None: of these units, who have no rivals.
        rival: 1 where a competing event came; by `when` it is one more way to be free of the event; None: none.

    Source:
        Hung and Chiang 2010, doi:10.1002/cjs.10046; Blanche et al. 2013, doi:10.1002/bimj.201200045; with
        rivals: Blanche et al. 2013, doi:10.1002/sim.5958.
    """
    curve = known or censoring(time, event)
    seen = 1 / np.maximum(curve.before(time), 1e-9)
    weight = np.where(time <= when, seen, 0.0)
    still = max(float(curve.at(np.array(when))), 1e-9)  # those who are seen beyond count one, not one over this
    rivals = None if rival is None else Rivals(rival * weight * still, weight)
    return _share(time, event, scores, patients, weight, after=when, rivals=rivals)


def _share(
    time: np.ndarray,
    event: np.ndarray,
    scores: np.ndarray,
    patients: np.ndarray,
    weight: np.ndarray,
    after: float | None = None,
    rivals: Rivals | None = None,
) -> AucSet:
    """Return the share of pairs ranked right, ties one half, and its covariance.

    A pair is a unit with an event and one still free of it: later, or censored at that time; with `after`, beyond it.
    """
    right, all_pairs = _pairs(time, event, scores, weight, after, rivals)
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


def grouped_harrell(
    time: np.ndarray, event: np.ndarray, score: np.ndarray, groups: Groups, rival: np.ndarray | None = None
) -> AucSet:
    """Return Harrell's C of each group of units over all its pairs within a fold; see `stratified.grouped`.

    Args:
        time: shape (unit,).
        event: 1 or 0, shape (unit,).
        score: larger means an earlier event, shape (unit,).
        groups: of the units.
        rival: as of `harrell`.
    """

    def contest(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        one = np.ones(len(rows))
        rivals = None if rival is None else Rivals(rival[rows], one)
        won, pairs = _pairs(time[rows], event[rows], score[rows, None], one, rivals=rivals)
        return won[:, 0], pairs

    return grouped([contest], groups, event == 1)


def _pairs(
    time: np.ndarray,
    event: np.ndarray,
    scores: np.ndarray,
    weight: np.ndarray,
    after: float | None = None,
    rivals: Rivals | None = None,
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
        if rivals is not None:
            worth += ~pair * rivals.own[own, None] * rivals.of
        all_pairs[own] += worth.sum(axis=1)
        all_pairs += worth.sum(axis=0)
        for column in range(count):
            score = scores[:, column]
            won = worth * ((score[own, None] > score) + 0.5 * (score[own, None] == score))
            right[own, column] += won.sum(axis=1)
            right[:, column] += won.sum(axis=0)
    return right, all_pairs
