"""Several classes without an order: how well they are told apart, and shares of them, with intervals by patient.

Each number comes with what every row adds to its error (its influence), so that numbers which are means of others, and
differences of families, have a variance: that of influences summed over the rows of a patient. With one unit a patient
and one class against the rest it is DeLong's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from radfuse.statistics.auc import AucSet, auc_interval
from radfuse.statistics.estimate import Estimate


@dataclass(frozen=True)
class Influenced:
    """A number, and what each row adds to its error.

    Attributes:
        value: NaN where it cannot be computed.
        rows: float64, shape (row,); NaN where nothing can be said of the error.
    """

    value: float
    rows: np.ndarray


@dataclass(frozen=True)
class Told:
    """How well classes are told apart.

    Attributes:
        each: of every class, its AUC against the rest, averaged over the folds that hold it and others.
        macro: the mean over classes that occur.
        weighted: the same, each as often as it occurs.
        hand_till: Hand and Till's M.
        folds: mean over classes of each fold.
    """

    each: tuple[Influenced, ...]
    macro: Influenced
    weighted: Influenced
    hand_till: Influenced
    folds: dict[str, float]


def told_apart(classes: np.ndarray, probabilities: np.ndarray, patients: np.ndarray, folds: np.ndarray) -> Told:
    """Return how well classes are told apart inside folds, averaged over these.

    Args:
        classes: place of each row's class, shape (row,).
        probabilities: shape (row, class).
        patients: shape (row,).
        folds: name of each row's fold, shape (row,).

    Source:
        Hand and Till 2001, doi:10.1023/A:1010920819831; LeDell et al. 2015, doi:10.1214/15-EJS1035.
    """
    count, who = probabilities.shape[1], pd.factorize(np.asarray(patients))[0]
    parts = {str(fold): np.flatnonzero(folds == fold) for fold in dict.fromkeys(folds)}
    against = [
        [_area(classes == one, probabilities[:, one], who, rows) for rows in parts.values()] for one in range(count)
    ]
    each = tuple(mean(own) for own in against)
    of_folds = {name: mean(own).value for name, own in zip(parts, zip(*against, strict=True), strict=True)}
    pairs = []
    for one in range(count):
        for other in range(one + 1, count):
            within = [rows[np.isin(classes[rows], (one, other))] for rows in parts.values()]
            first = [_area(classes == one, probabilities[:, one], who, rows) for rows in within]
            second = [_area(classes == other, probabilities[:, other], who, rows) for rows in within]
            pairs.append(mean([mean(first), mean(second)]))
    return Told(each, mean(each), _weighed(each, classes), mean(pairs), of_folds)


def mean(parts: Iterable[Influenced]) -> Influenced:
    """Return the mean of those numbers that could be computed; unknown errors are taken to be like the known ones."""
    used = [part for part in parts if not np.isnan(part.value)]
    if not used:
        return Influenced(float("nan"), np.array(np.nan))
    known = [part.rows for part in used if not np.isnan(part.rows).any()]
    value = float(np.mean([part.value for part in used]))
    if not known:
        return Influenced(value, np.full_like(used[0].rows, np.nan))
    return Influenced(value, np.sum(known, axis=0) / np.sqrt(len(known) * len(used)))


def share(hits: np.ndarray, of: np.ndarray, patients: np.ndarray) -> Influenced:
    """Return the sum of hits over that of what they are of, as a sensitivity, a predictive value or F1.

    Args:
        hits: float64, shape (row,).
        of: float64, shape (row,).
        patients: shape (row,).
    """
    if of.sum() <= 0:
        return Influenced(float("nan"), np.full(len(of), np.nan))
    value, people = float(hits.sum() / of.sum()), len(set(patients[of > 0]))
    if people < 2:
        return Influenced(value, np.full(len(of), np.nan))
    return Influenced(value, np.sqrt(people / (people - 1)) * (hits - value * of) / of.sum())


def interval(found: Influenced, groups: np.ndarray, people: int, overlap: float = 1.0) -> Estimate:
    """Return a number between 0 and 1 with its interval on the logit scale, Wilson's where it is 0 or 1.

    Args:
        found: the number.
        groups: of rows whose errors go together: the patient, or the patient in a fold, shape (row,).
        people: of the rarest class, for Wilson's interval.
        overlap: of training sets, from `auc.training_overlap`.
    """
    return auc_interval(together([found], groups, people, overlap))


def together(found: Iterable[Influenced], groups: np.ndarray, people: int, overlap: float = 1.0) -> AucSet:
    """Return several numbers with their covariance; arguments as of `interval`."""
    each = list(found)
    values = np.array([one.value for one in each])
    if any(np.isnan(one.rows).any() for one in each):
        return AucSet(values, np.full((len(each), len(each)), np.nan), people)
    who = pd.factorize(groups)[0]
    sums = np.column_stack([np.bincount(who, one.rows) for one in each])
    return AucSet(values, overlap * sums.T @ sums, people)


def _area(member: np.ndarray, score: np.ndarray, who: np.ndarray, rows: np.ndarray) -> Influenced:
    """Return the AUC of some rows; NaN where members or others lack, no influence where either are one patient."""
    y, s, people = member[rows], score[rows], who[rows]
    nothing = np.full(len(member), np.nan)
    inside, outside = int(y.sum()), int((~y).sum())
    if not inside or not outside:
        return Influenced(float("nan"), nothing)
    ranks = stats.rankdata(s)
    above = (ranks[y] - stats.rankdata(s[y])) / outside  # share of others that each member lies above
    below = 1 - (ranks[~y] - stats.rankdata(s[~y])) / inside
    value = float(above.mean())
    counts = len(set(people[y])), len(set(people[~y]))
    if min(counts) < 2:
        return Influenced(value, nothing)
    found = np.zeros(len(member))
    first, second = (np.sqrt(count / (count - 1)) for count in counts)
    found[rows[y]], found[rows[~y]] = first * (above - value) / inside, second * (below - value) / outside
    return Influenced(value, found)


def _weighed(each: Iterable[Influenced], classes: np.ndarray) -> Influenced:
    """Return the mean of numbers of classes, each as often as it occurs, which is not known for sure either."""
    parts = [(place, part) for place, part in enumerate(each) if not np.isnan(part.value)]
    if not parts:
        return Influenced(float("nan"), np.full(len(classes), np.nan))
    is_of = np.column_stack([classes == place for place, _ in parts]).astype(float)
    shares, values = is_of.mean(axis=0), np.array([part.value for _, part in parts])
    value = float(shares @ values / shares.sum())
    rows = sum(weight * part.rows for weight, (_, part) in zip(shares, parts, strict=True))
    return Influenced(value, rows / shares.sum() + is_of @ (values - value) / is_of.sum())
