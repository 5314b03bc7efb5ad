"""Shares of pairs of one test fold: what small groups are measured by, whose folds may lack a class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from radfuse.statistics.auc import AucSet
from radfuse.statistics.scores import Array, checked

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Groups:
    """Groups of units, within which units of one fold are ranked.

    Attributes:
        folds: of each unit, shape (unit,).
        patients: shape (unit,); one may have units in several groups.
        of: the group of each unit, shape (unit,).
        names: the groups wanted.
        overlap: of training sets, by which variances grow; see `training_overlap`.
    """

    folds: ArrayLike
    patients: ArrayLike
    of: ArrayLike
    names: Sequence[Any]
    overlap: float = 1.0


Contest = Callable[[Rows], tuple[Array, Array]]
"""Rows of one fold -> the pairs that each wins, and those that it is in, both of shape (row,)."""


def grouped(contests: Sequence[Contest], groups: Groups, *classes: NDArray[np.bool_]) -> AucSet:
    """Return the share of pairs won, over all pairs of a group within a fold, and its covariance, by patient.

    Only units of one fold are ranked against each other, as the models of two folds may be on other scales. Of several
    contests it is the mean over those that the group has pairs for.

    Args:
        contests: of the units: one a class, where there are several.
        groups: of the units.
        classes: which units they are, shape (unit,) each; the smallest, of the first group, is told.

    Returns:
        Values and covariance in the order of the names, NaN for a group without pairs.

    Source:
        As `radfuse.statistics.auc.auc_covariance`: Obuchowski 1997, doi:10.2307/2533958, by each unit's share in the
        pairs.
    """
    who = pd.factorize(np.asarray(groups.patients))[0]
    people = int(who.max()) + 1
    of, fold = np.asarray(groups.of), np.asarray(groups.folds)
    values, sums = np.full(len(groups.names), np.nan), np.zeros((people, len(groups.names)))
    for place, name in enumerate(groups.names):
        here = np.flatnonzero(of == name)
        inside = [here[fold[here] == each] for each in pd.unique(fold[here])]
        found = [one for one in (_share(contest, inside, who, people) for contest in contests) if one is not None]
        if found:
            values[place] = np.mean([value for value, _ in found])
            sums[:, place] = np.mean([moved for _, moved in found], axis=0)
    covariance = groups.overlap * people / max(people - 1, 1) * sums.T @ sums
    covariance[np.isnan(values)] = np.nan
    covariance[:, np.isnan(values)] = np.nan
    first = of == groups.names[0] if len(groups.names) else np.zeros(len(of), dtype=bool)
    return AucSet(values, covariance, min(len(set(who[first & own])) for own in classes))


def _share(contest: Contest, inside: Sequence[Rows], who: Rows, people: int) -> tuple[float, Array] | None:
    """Return the share of pairs won, and what each person moves it; None without a pair."""
    parts = [(rows, *contest(rows)) for rows in inside]
    total = sum(float(pairs.sum()) for _, _, pairs in parts) / 2
    if not total:
        return None
    value = sum(float(won.sum()) for _, won, _ in parts) / 2 / total
    moved = np.zeros(people)
    for rows, won, pairs in parts:
        np.add.at(moved, who[rows], (won - value * pairs) / total)
    return value, moved


def grouped_auc(outcome: ArrayLike, score: ArrayLike, groups: Groups) -> AucSet:
    """Return the AUC of each group of units within folds; with one fold and group, that with its clustered variance.

    Args:
        outcome: 0 or 1, shape (unit,).
        score: shape (unit,).
        groups: of the units.

    Returns:
        As `grouped`.

    Raises:
        ValueError: shapes differ, or an outcome is neither 0 nor 1.
    """
    y, s = checked(outcome, score)
    return grouped([_against(y, s)], groups, y, ~y)


def grouped_macro(classes: ArrayLike, probabilities: ArrayLike, groups: Groups) -> AucSet:
    """Return the mean over classes of the AUC of each against the rest, of each group within folds.

    A class that a group lacks, or that is all of it, takes no part in its mean.

    Args:
        classes: place of each unit's class, shape (unit,).
        probabilities: shape (unit, class).
        groups: of the units.

    Returns:
        As `grouped`.
    """
    y, p = np.asarray(classes), np.asarray(probabilities, dtype=float)
    contests = [_against(y == place, p[:, place]) for place in range(p.shape[1])]
    return grouped(contests, groups, np.ones(len(y), dtype=bool))


def _against(y: NDArray[np.bool_], score: Array) -> Contest:
    """Return the contest of events against others: a pair is one of each."""

    def contest(rows: Rows) -> tuple[Array, Array]:
        has = y[rows]
        won, pairs = np.zeros(len(rows)), np.where(has, (~has).sum(), has.sum()).astype(float)
        if has.any() and not has.all():
            s = score[rows]
            both = stats.rankdata(s)
            won[has] = both[has] - stats.rankdata(s[has])
            won[~has] = has.sum() - (both[~has] - stats.rankdata(s[~has]))
        return won, pairs

    return contest


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
