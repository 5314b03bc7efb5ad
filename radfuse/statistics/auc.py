"""The area under the ROC curve, its covariance and its intervals; the best threshold on the curve.

With one unit a patient the variance is DeLong's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from radfuse.statistics.estimate import Estimate, normal_quantile, wilson
from radfuse.statistics.scores import Array, checked, expit


@dataclass(frozen=True)
class AucSet:
    """AUCs of several scores on the same units.

    Attributes:
        values: shape (score,).
        covariance: shape (score, score); NaN where a class has fewer than two patients.
        smaller_class: number of patients with the rarer outcome.
    """

    values: Array
    covariance: Array
    smaller_class: int


def auc(outcome: ArrayLike, score: ArrayLike) -> float:
    """Return the area under the ROC curve; ties count one half.

    Args:
        outcome: 0 or 1, shape (unit,).
        score: larger means more likely 1, shape (unit,).

    Returns:
        Fraction in [0, 1]; NaN when one outcome is absent.

    Source:
        Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747.
    """
    y, s = checked(outcome, score)
    events = int(y.sum())
    if events in (0, len(y)):
        return float("nan")
    ranks = stats.rankdata(s)
    return float((ranks[y].sum() - events * (events + 1) / 2) / (events * (len(y) - events)))


def auc_covariance(outcome: ArrayLike, scores: ArrayLike, patients: ArrayLike | None = None) -> AucSet:
    """Return AUCs and their covariance, units of one patient being correlated.

    Args:
        outcome: 0 or 1, shape (unit,).
        scores: shape (unit,) or (unit, score).
        patients: who each unit belongs to, shape (unit,); None takes each unit as a patient of its own, which gives
            DeLong's covariance.

    Raises:
        ValueError: shapes differ, or a score is not finite.

    Source:
        Obuchowski 1997, doi:10.2307/2533958; DeLong et al. 1988, doi:10.2307/2531595.
    """
    table = np.asarray(scores, dtype=float)
    table = table[:, None] if table.ndim == 1 else table
    y, _ = checked(outcome, table[:, 0])
    if not np.isfinite(table).all():
        raise ValueError("scores must be finite")
    who = np.arange(len(y)) if patients is None else pd.factorize(np.asarray(patients))[0]
    n_events, n_others = int(y.sum()), int((~y).sum())
    count = table.shape[1]
    if n_events == 0 or n_others == 0:
        return AucSet(np.full(count, np.nan), np.full((count, count), np.nan), 0)
    of_events = np.empty((n_events, count))
    of_others = np.empty((n_others, count))
    for column in range(count):
        score = table[:, column]
        ranks = stats.rankdata(score)
        of_events[:, column] = (ranks[y] - stats.rankdata(score[y])) / n_others
        of_others[:, column] = 1 - (ranks[~y] - stats.rankdata(score[~y])) / n_events
    values = of_events.mean(axis=0)
    people = int(who.max()) + 1
    event_sums = np.zeros((people, count))
    other_sums = np.zeros((people, count))
    np.add.at(event_sums, who[y], of_events - values)
    np.add.at(other_sums, who[~y], of_others - values)
    with_event, with_other = len(set(who[y])), len(set(who[~y]))
    rarer = min(with_event, with_other)
    if rarer < 2:
        return AucSet(values, np.full((count, count), np.nan), rarer)
    s10 = with_event / (with_event - 1) / n_events * event_sums.T @ event_sums
    s01 = with_other / (with_other - 1) / n_others * other_sums.T @ other_sums
    cross = event_sums.T @ other_sums
    s11 = people / (people - 1) * (cross + cross.T)
    covariance = s10 / n_events + s01 / n_others + s11 / (n_events * n_others)
    return AucSet(values, covariance, rarer)


def fold_averaged(parts: Sequence[AucSet], overlap: float = 1.0) -> AucSet:
    """Return the mean AUC over test folds; folds with one outcome only do not count.

    Folds of one deal share no patient, so the covariance of their mean is the sum of theirs over the squared number of
    folds, times what the overlap of their training sets adds; of several deals, that is what `training_overlap` says.
    A fold with one patient of a class has no covariance of its own; it is given the mean of the others'.

    Args:
        parts: of each test fold.
        overlap: from `training_overlap`.

    Source:
        LeDell et al. 2015, doi:10.1214/15-EJS1035.
    """
    used = [part for part in parts if not np.isnan(part.values).any()]
    if not used:
        return parts[0]
    values = np.mean([part.values for part in used], axis=0)
    known = [part.covariance for part in used if not np.isnan(part.covariance).any()]
    covariance = np.mean(known, axis=0) / len(used) * overlap if known else np.full_like(used[0].covariance, np.nan)
    return AucSet(values, covariance, sum(part.smaller_class for part in used))


def training_overlap(test_sizes: Sequence[int], patients: int) -> float:
    """Return by how much the variance of a mean over test folds grows because their training sets overlap.

    1 + folds * (size of a test set) / (size of its training set), each training set being all but its test set; 1 for
    one test set. Folds of several deals count all: what more of them cannot make smaller is in here. Without it
    intervals of 95 % cover in 80 to 88 % at 100 patients (`scripts/interval_coverage.py`).

    Args:
        test_sizes: patients in each test fold, of all deals.
        patients: in all folds together.

    Source:
        Nadeau and Bengio 2003, doi:10.1023/A:1024068626366.
    """
    if len(test_sizes) < 2:
        return 1.0
    return 1.0 + float(sum(size / max(patients - size, 1) for size in test_sizes))


def overlap_of(predictions: pd.DataFrame) -> float:
    """Return what the overlap of training sets adds to the variance of a mean over test folds.

    Args:
        predictions: out of fold, columns fold and patient.
    """
    sizes = [int(count) for count in predictions.groupby("fold")["patient"].nunique()]
    return training_overlap(sizes, int(predictions["patient"].nunique()))


def overlap_of_one_deal(predictions: pd.DataFrame) -> float:
    """Return the same for variances that sum over patients first: theirs does not fall with the number of repeats.

    Args:
        predictions: out of fold, columns fold, repeat and patient.
    """
    return 1 + (overlap_of(predictions) - 1) / int(predictions["repeat"].nunique())


def auc_interval(part: AucSet, position: int = 0, level: float = 0.95) -> Estimate:
    """Return one AUC with an interval on the logit scale; Wilson's on the rarer class where the AUC is 0 or 1."""
    value, variance = float(part.values[position]), float(part.covariance[position, position])
    if np.isnan(value) or np.isnan(variance):
        return Estimate(value, float("nan"), float("nan"))
    if value in (0.0, 1.0) or variance <= 0:
        return wilson(value, max(part.smaller_class, 1), level)
    half = normal_quantile(level) * np.sqrt(variance) / (value * (1 - value))
    centre = np.log(value / (1 - value))
    return Estimate(value, float(expit(centre - half)), float(expit(centre + half)))


def auc_difference(part: AucSet, first: int, second: int, level: float = 0.95) -> tuple[Estimate, float, float]:
    """Return first minus second with its interval, z and the two-sided p; NaN where no variance can be had.

    The interval is Wald's, cut where a difference of two shares ends, at -1 and 1.
    """
    difference = float(part.values[first] - part.values[second])
    contrast = np.zeros(len(part.values))
    contrast[first], contrast[second] = 1, -1
    variance = float(contrast @ part.covariance @ contrast)
    if np.isnan(variance):
        return Estimate(difference, float("nan"), float("nan")), float("nan"), float("nan")
    if variance <= 1e-18:
        if abs(difference) < 1e-12:
            return Estimate(difference, difference, difference), 0.0, 1.0
        return Estimate(difference, float("nan"), float("nan")), float("nan"), float("nan")
    error = float(np.sqrt(variance))
    z = difference / error
    half = normal_quantile(level) * error
    return (
        Estimate(difference, max(-1.0, difference - half), min(1.0, difference + half)),
        z,
        float(2 * stats.norm.sf(abs(z))),
    )


def auc_p(part: AucSet, position: int = 0) -> float:
    """Return the two-sided p value of an AUC against 0.5 on the logit scale; NaN where no variance can be had.

    An AUC of 0 or 1 has no such variance; it is held against that of a coin thrown once a patient of the rarer class.
    """
    value, variance = float(part.values[position]), float(part.covariance[position, position])
    if np.isnan(value) or np.isnan(variance):
        return float("nan")
    if value in (0.0, 1.0) or variance <= 0:
        z = (value - 0.5) * 2 * np.sqrt(max(part.smaller_class, 1))
    else:
        z = np.log(value / (1 - value)) * value * (1 - value) / np.sqrt(variance)
    return float(2 * stats.norm.sf(abs(z)))


def youden_threshold(outcome: ArrayLike, probability: ArrayLike) -> float:
    """Return the threshold of the largest sensitivity + specificity - 1, midway between two neighbouring values.

    Source:
        Youden 1950, doi:10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3.
    """
    y, p = checked(outcome, probability)
    order = np.argsort(p, kind="stable")
    values, starts = np.unique(p[order], return_index=True)
    if len(values) < 2 or y.all() or not y.any():
        return 0.5
    events_below = np.concatenate([[0], np.cumsum(y[order])])[starts]
    others_below = starts - events_below
    index = others_below / (~y).sum() - events_below / y.sum()
    best = int(np.argmax(index[1:])) + 1
    return float((values[best - 1] + values[best]) / 2)
