"""What more than one wing measures with: AUC, proportions and calibration with intervals that respect patients.

Units of one patient (two knees, several lesions) are correlated; every variance here sums over patients first. With
one unit a patient the AUC's variance is DeLong's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

Array = NDArray[np.float64]
_LIMIT = 30.0  # linear predictors beyond this are probabilities of 0 or 1 to double precision's use


@dataclass(frozen=True)
class Estimate:
    """A value with its confidence interval; low and high are NaN where no variance can be had."""

    value: float
    low: float
    high: float


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
    y, s = _checked(outcome, score)
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
    y, _ = _checked(outcome, table[:, 0])
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


def fold_averaged(parts: Sequence[AucSet]) -> AucSet:
    """Return the mean AUC over test folds; folds with one outcome only do not count.

    Folds share no patient, so the covariance of the mean is the sum of theirs over the squared number of folds. A fold
    with one patient of a class has no covariance of its own; it is given the mean of the others'.

    Source:
        LeDell et al. 2015, doi:10.1214/15-EJS1035.
    """
    used = [part for part in parts if not np.isnan(part.values).any()]
    if not used:
        return parts[0]
    values = np.mean([part.values for part in used], axis=0)
    known = [part.covariance for part in used if not np.isnan(part.covariance).any()]
    covariance = np.mean(known, axis=0) / len(used) if known else np.full_like(used[0].covariance, np.nan)
    return AucSet(values, covariance, sum(part.smaller_class for part in used))


def auc_interval(part: AucSet, position: int = 0, level: float = 0.95) -> Estimate:
    """Return one AUC with an interval on the logit scale; Wilson's on the rarer class where the AUC is 0 or 1."""
    value, variance = float(part.values[position]), float(part.covariance[position, position])
    if np.isnan(value) or np.isnan(variance):
        return Estimate(value, float("nan"), float("nan"))
    if value in (0.0, 1.0) or variance <= 0:
        return _wilson(value, max(part.smaller_class, 1), level)
    half = _normal(level) * np.sqrt(variance) / (value * (1 - value))
    centre = np.log(value / (1 - value))
    return Estimate(value, float(expit(centre - half)), float(expit(centre + half)))


def auc_difference(part: AucSet, first: int, second: int, level: float = 0.95) -> tuple[Estimate, float, float]:
    """Return first minus second with its interval, z and the two-sided p; NaN where no variance can be had."""
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
    half = _normal(level) * error
    return Estimate(difference, difference - half, difference + half), z, float(2 * stats.norm.sf(abs(z)))


def holm(p_values: ArrayLike) -> Array:
    """Return p values adjusted for the family-wise error rate; NaN stays NaN and does not count.

    Source:
        Holm 1979, https://www.jstor.org/stable/4615733.
    """
    p = np.asarray(p_values, dtype=float)
    adjusted = np.full(p.shape, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    running = 0.0
    for rank, position in enumerate(order):
        running = max(running, min(1.0, (len(order) - rank) * p[position]))
        adjusted[position] = running
    return adjusted


def clustered_mean(values: ArrayLike, patients: ArrayLike, level: float = 0.95, share: bool = False) -> Estimate:
    """Return a mean over units with an interval whose variance sums over patients first.

    Args:
        values: shape (unit,).
        patients: shape (unit,).
        level: of the interval.
        share: True for values of 0 and 1: Wilson's interval at the effective sample size.

    Returns:
        NaN without units; no interval with one patient.
    """
    v = np.asarray(values, dtype=float)
    if len(v) == 0:
        return Estimate(float("nan"), float("nan"), float("nan"))
    who = pd.factorize(np.asarray(patients))[0]
    mean, people = float(v.mean()), int(who.max()) + 1
    if people < 2:
        return Estimate(mean, float("nan"), float("nan"))
    sums = np.zeros(people)
    np.add.at(sums, who, v - mean)
    variance = float(people / (people - 1) * (sums**2).sum() / len(v) ** 2)
    if share:
        unbiased = people / (people - 1)  # so that independent units count as many as they are
        effective = mean * (1 - mean) * unbiased / variance if variance > 0 else people
        return _wilson(mean, min(effective, len(v)), level)
    half = float(stats.t.ppf(0.5 + level / 2, people - 1) * np.sqrt(variance))
    return Estimate(mean, mean - half, mean + half)


@dataclass(frozen=True)
class Calibration:
    """Agreement of probabilities with outcomes.

    Attributes:
        intercept: logit shift that makes the mean right, slope held at 1; 0 is ideal.
        slope: of the outcome on the logit; below 1 means too extreme.
        slope_intercept: intercept that belongs to the slope (for recalibration).
        observed: share of events.
        expected: mean probability.
    """

    intercept: Estimate
    slope: Estimate
    slope_intercept: float
    observed: float
    expected: float


def calibration(outcome: ArrayLike, probability: ArrayLike, patients: ArrayLike, level: float = 0.95) -> Calibration:
    """Return calibration in the large and calibration slope, with variances that sum over patients.

    Raises:
        ValueError: shapes differ, or a probability lies outside [0, 1].

    Source:
        Cox 1958, doi:10.1093/biomet/45.3-4.562; Van Calster et al. 2019, doi:10.1186/s12916-019-1466-7.
    """
    y, p = _checked(outcome, probability)
    if (p < 0).any() or (p > 1).any():
        raise ValueError("probabilities must lie in [0, 1]")
    logit = to_logit(p)
    ones = np.ones((len(y), 1))
    shift, shift_error = _logistic(ones, y, logit, patients)
    both, both_error = _logistic(np.column_stack([ones, logit]), y, np.zeros(len(y)), patients)
    z = _normal(level)

    def estimate(value: float, error: float) -> Estimate:
        return Estimate(float(value), float(value - z * error), float(value + z * error))

    return Calibration(
        estimate(shift[0], shift_error[0]),
        estimate(both[1], both_error[1]),
        float(both[0]),
        float(y.mean()),
        float(p.mean()),
    )


def to_logit(probability: ArrayLike) -> Array:
    """Return log(p / (1 - p)), bounded at plus and minus 30."""
    p = np.asarray(probability, dtype=float)
    with np.errstate(divide="ignore"):
        return np.clip(np.log(p) - np.log1p(-p), -_LIMIT, _LIMIT)


IccForm = Literal["1,1", "2,1", "3,1", "1,k", "2,k", "3,k"]


def icc(ratings: ArrayLike, form: IccForm = "2,1") -> float:
    """Return an intraclass correlation coefficient.

    Args:
        ratings: shape (target, judge), finite.
        form: "2,1": single judges, random, absolute agreement; "3,1": fixed judges, consistency; "1,1": other judges
            for each target; "k": of the judges' mean.

    Returns:
        At most 1; NaN with fewer than two targets or judges, or without any variation.

    Source:
        Shrout and Fleiss 1979, doi:10.1037/0033-2909.86.2.420.
    """
    x = np.asarray(ratings, dtype=float)
    if x.ndim != 2 or not np.isfinite(x).all():
        raise ValueError(f"ratings must be finite, shape (target, judge); found shape {x.shape}")
    n, k = x.shape
    if n < 2 or k < 2:
        return float("nan")
    between, within, judge, error = (float(part[0]) for part in _mean_squares(x[:, :, None]))
    parts = {
        "1,1": (between - within, between + (k - 1) * within),
        "2,1": (between - error, between + (k - 1) * error + k * (judge - error) / n),
        "3,1": (between - error, between + (k - 1) * error),
        "1,k": (between - within, between),
        "2,k": (between - error, between + (judge - error) / n),
        "3,k": (between - error, between),
    }
    above, below = parts[form]
    return above / below if below > 0 else float("nan")


def icc_table(ratings: ArrayLike, level: float = 0.95) -> dict[str, np.ndarray]:
    """Return ICC(1,1), (2,1) and (3,1) of many features at once, with confidence limits.

    Args:
        ratings: shape (target, judge, feature), finite, at least two targets and judges.
        level: of the confidence interval.

    Returns:
        "1,1", "2,1", "3,1" -> shape (feature, 3): value, lower and upper limit; NaN without any variation.

    Source:
        Shrout and Fleiss 1979, doi:10.1037/0033-2909.86.2.420; McGraw and Wong 1996,
        doi:10.1037/1082-989X.1.1.30, with Satterthwaite's degrees of freedom for ICC(2,1).
    """
    x = np.asarray(ratings, dtype=float)
    if x.ndim != 3 or min(x.shape[:2]) < 2 or not np.isfinite(x).all():
        raise ValueError(f"ratings must be finite, shape (target, judge, feature), 2 and more; found shape {x.shape}")
    n, k, _ = x.shape
    tail = 1 - (1 - level) / 2
    between, within, judge, error = _mean_squares(x)
    with np.errstate(divide="ignore", invalid="ignore"):
        one = _single_icc(between, within, k, n - 1, n * (k - 1), tail)
        three = _single_icc(between, error, k, n - 1, (n - 1) * (k - 1), tail)
        two = (between - error) / (between + (k - 1) * error + k * (judge - error) / n)
        ratio = judge / error
        spread = n * (1 + (k - 1) * two) - k * two
        freedom = (k - 1) * (n - 1) * (k * two * ratio + spread) ** 2
        freedom = freedom / ((n - 1) * k**2 * two**2 * ratio**2 + spread**2)
        upper, lower = stats.f.ppf(tail, n - 1, freedom), stats.f.ppf(tail, freedom, n - 1)
        rest = k * judge + (k * n - k - n) * error
        low = n * (between - upper * error) / (upper * rest + n * between)
        high = n * (lower * between - error) / (rest + n * lower * between)
    exact = (error == 0) & (judge == 0) & (between > 0)  # all judges agree on everything
    limits = np.where(exact[:, None], 1.0, np.stack([two, low, high], axis=1))
    return {"1,1": one, "2,1": limits, "3,1": three}


def _mean_squares(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean squares of (target, judge, feature): between targets, within them, between judges, residual."""
    n, k, _ = x.shape
    grand = x.mean(axis=(0, 1))
    targets = k * ((x.mean(axis=1) - grand) ** 2).sum(axis=0)
    judges = n * ((x.mean(axis=0) - grand) ** 2).sum(axis=0)
    total = ((x - grand) ** 2).sum(axis=(0, 1))
    # what is left of a difference of sums of squares below their rounding is 0
    floor = 1e-13 * np.maximum(total, 1e-300)
    inside, rest = total - targets, total - targets - judges
    inside, rest = np.where(inside < floor, 0, inside), np.where(rest < floor, 0, rest)
    return targets / (n - 1), inside / (n * (k - 1)), judges / (k - 1), rest / ((n - 1) * (k - 1))


def _single_icc(between: np.ndarray, error: np.ndarray, k: int, targets: int, errors: int, tail: float) -> np.ndarray:
    """Return value, lower and upper limit of (between - error) / (between + (k - 1) error), shape (feature, 3)."""
    f = between / error
    low, high = f / stats.f.ppf(tail, targets, errors), f * stats.f.ppf(tail, errors, targets)
    found = np.stack([(value - 1) / (value + k - 1) for value in (f, low, high)], axis=1)
    return np.where(((error == 0) & (between > 0))[:, None], 1.0, found)


def youden_threshold(outcome: ArrayLike, probability: ArrayLike) -> float:
    """Return the threshold of the largest sensitivity + specificity - 1, midway between two neighbouring values.

    Source:
        Youden 1950, doi:10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3.
    """
    y, p = _checked(outcome, probability)
    order = np.argsort(p, kind="stable")
    values, starts = np.unique(p[order], return_index=True)
    if len(values) < 2 or y.all() or not y.any():
        return 0.5
    events_below = np.concatenate([[0], np.cumsum(y[order])])[starts]
    others_below = starts - events_below
    index = others_below / (~y).sum() - events_below / y.sum()
    best = int(np.argmax(index[1:])) + 1
    return float((values[best - 1] + values[best]) / 2)


def _logistic(x: Array, y: NDArray[np.bool_], offset: Array, patients: ArrayLike) -> tuple[Array, Array]:
    """Return coefficients and patient-robust standard errors; NaN where they do not exist.

    Newton's method with step halving. They do not exist where classes separate or columns depend on each other: the
    likelihood then rises for ever, or along a line.
    """
    nothing = np.full(x.shape[1], np.nan)
    spread = np.ptp(x[:, 1:], axis=0)
    if (spread <= 1e-9 * np.maximum(np.abs(x[:, 1:]).max(axis=0, initial=1.0), 1.0)).any() or y.all() or not y.any():
        return nothing, nothing
    signs = np.where(y, 1.0, -1.0)
    beta = np.zeros(x.shape[1])
    value = _log_likelihood(x @ beta + offset, signs)
    for _ in range(60):
        p = expit(x @ beta + offset)
        information = x.T @ (x * (p * (1 - p))[:, None])
        try:
            step = np.linalg.solve(information, x.T @ (y - p))
        except np.linalg.LinAlgError:
            return nothing, nothing
        step *= min(1.0, 10.0 / max(float(np.abs(step).max()), 1e-300))
        for _ in range(40):
            trial = _log_likelihood(x @ (beta + step) + offset, signs)
            if trial >= value - 1e-12 * abs(value):
                break
            step = step / 2
        beta, value = beta + step, trial
        if np.abs(step).max() <= 1e-9 * max(1.0, float(np.abs(beta).max())):
            break
    else:
        return nothing, nothing
    residual = y - expit(x @ beta + offset)
    if np.abs(residual).max() < 1e-6:
        return nothing, nothing
    who = pd.factorize(np.asarray(patients))[0]
    people = int(who.max()) + 1
    scores = np.zeros((people, len(beta)))
    np.add.at(scores, who, x * residual[:, None])
    inverse = np.linalg.pinv(information)
    robust = inverse @ (scores.T @ scores) @ inverse * people / max(people - 1, 1)
    return beta, np.sqrt(np.diag(robust))


def _log_likelihood(linear: Array, signs: Array) -> float:
    return float(-np.logaddexp(0.0, -signs * linear).sum())


def _checked(outcome: ArrayLike, score: ArrayLike) -> tuple[NDArray[np.bool_], Array]:
    y, s = np.asarray(outcome), np.asarray(score, dtype=float)
    if y.ndim != 1 or y.shape != s.shape:
        raise ValueError(f"outcome and score must have one shape (unit,); found {y.shape} and {s.shape}")
    if not np.isin(y, (0, 1)).all():
        raise ValueError(f"outcomes must be 0 or 1; found {sorted(set(y.tolist()) - {0, 1})[:5]}")
    if not np.isfinite(s).all():
        raise ValueError("scores must be finite")
    return y.astype(bool), s


def _wilson(share: float, size: float, level: float) -> Estimate:
    """Source: Wilson 1927, doi:10.2307/2276774."""
    z = _normal(level)
    centre = (share + z**2 / (2 * size)) / (1 + z**2 / size)
    half = z / (1 + z**2 / size) * np.sqrt(share * (1 - share) / size + z**2 / (4 * size**2))
    return Estimate(share, float(max(0.0, centre - half)), float(min(1.0, centre + half)))


def expit(value: ArrayLike) -> Array:
    """Return 1 / (1 + exp(-value)) without overflow."""
    return np.asarray(special.expit(np.asarray(value, dtype=float)))


def _normal(level: float) -> float:
    return float(stats.norm.ppf(0.5 + level / 2))
