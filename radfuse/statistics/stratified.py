"""AUC over pairs of units of one test fold: what small groups are measured by, whose folds may lack a class."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from radfuse.statistics.auc import AucSet
from radfuse.statistics.scores import Array, checked


def grouped_auc(
    outcome: ArrayLike,
    score: ArrayLike,
    folds: ArrayLike,
    patients: ArrayLike,
    groups: ArrayLike,
    names: ArrayLike,
    overlap: float = 1.0,
) -> AucSet:
    """Return the AUC of each group of units over all its pairs within a fold, and their covariance, by patient.

    Only units of one fold are ranked against each other, as the models of two folds may be on other scales; with one
    fold and one group it is the AUC with its clustered variance. A patient may have units in several groups.

    Args:
        outcome: 0 or 1, shape (unit,).
        score: shape (unit,).
        folds: shape (unit,).
        patients: shape (unit,).
        groups: shape (unit,).
        names: the groups wanted, shape (group,).
        overlap: of training sets, by which variances grow; see `training_overlap`.

    Returns:
        Values and covariance in the order of the names, NaN for a group without pairs; the smaller class is of the
        first.

    Raises:
        ValueError: shapes differ, or an outcome is neither 0 nor 1.

    Source:
        As `radfuse.statistics.auc.auc_covariance`: Obuchowski 1997, doi:10.2307/2533958, by each unit's share in the
        pairs.
    """
    y, s = checked(outcome, score)
    who = pd.factorize(np.asarray(patients))[0]
    people = int(who.max()) + 1
    wanted, of, fold = np.asarray(names), np.asarray(groups), np.asarray(folds)
    values, sums = np.full(len(wanted), np.nan), np.zeros((people, len(wanted)))
    for place, name in enumerate(wanted):
        here = np.flatnonzero(of == name)
        parts = [part for each in pd.unique(fold[here]) for part in _shares(y, s, here[fold[here] == each])]
        pairs = sum(len(rows) * against for rows, _, against in parts) / 2
        if pairs:
            values[place] = sum(float(gained.sum()) for _, gained, _ in parts) / 2 / pairs
        for rows, gained, against in parts:
            np.add.at(sums[:, place], who[rows], (gained - values[place] * against) / pairs)
    covariance = overlap * people / max(people - 1, 1) * sums.T @ sums
    covariance[np.isnan(values)] = np.nan
    covariance[:, np.isnan(values)] = np.nan
    first = of == wanted[0] if len(wanted) else np.zeros(len(y), dtype=bool)
    smaller = min(len(set(who[first & y])), len(set(who[first & ~y])))
    return AucSet(values, covariance, smaller)


def _shares(y: NDArray[np.bool_], score: Array, rows: NDArray[np.intp]) -> list[tuple[NDArray[np.intp], Array, int]]:
    """Return for events and for others of one fold: which they are, the pairs each wins, and how many it is in."""
    events, others = rows[y[rows]], rows[~y[rows]]
    if not len(events) or not len(others):
        return []
    both = stats.rankdata(score[np.concatenate([events, others])])
    wins = both[: len(events)] - stats.rankdata(score[events])
    spared = len(events) - (both[len(events) :] - stats.rankdata(score[others]))
    return [(events, wins, len(others)), (others, spared, len(events))]


def alike(part: AucSet) -> tuple[float, int, float]:
    """Return Wald's test that all AUCs are one: chi-squared, degrees of freedom, p; NaN where it cannot be had."""
    known = np.flatnonzero(~np.isnan(part.values) & (np.diag(part.covariance) > 0))
    if len(known) < 2:
        return float("nan"), 0, float("nan")
    values: Array = part.values[known]
    contrast = np.column_stack([np.ones(len(known) - 1), -np.eye(len(known) - 1)])
    spread = contrast @ part.covariance[np.ix_(known, known)] @ contrast.T
    difference = contrast @ values
    statistic = float(difference @ np.linalg.pinv(spread) @ difference)
    return statistic, len(known) - 1, float(stats.chi2.sf(statistic, len(known) - 1))
