"""Intraclass correlation: do judges agree on their targets?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

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
    if min(x.shape) < 2:
        return float("nan")
    return float(iccs(x[:, :, None], form)[0])


def iccs(ratings: np.ndarray, form: IccForm = "2,1") -> np.ndarray:
    """Return the coefficient of many features at once, shape (feature,); NaN without any variation.

    Args:
        ratings: float64, shape (target, judge, feature), finite, at least two targets and judges.
        form: as `icc` has it.
    """
    n, k, _ = ratings.shape
    between, within, judge, error = _mean_squares(ratings)
    parts = {
        "1,1": (between - within, between + (k - 1) * within),
        "2,1": (between - error, between + (k - 1) * error + k * (judge - error) / n),
        "3,1": (between - error, between + (k - 1) * error),
        "1,k": (between - within, between),
        "2,k": (between - error, between + (judge - error) / n),
        "3,k": (between - error, between),
    }
    above, below = parts[form]
    return np.where(below > 0, above / np.where(below > 0, below, 1.0), np.nan)


def whole_targets(ratings: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield features that all judges gave of the same targets: a mask of the targets, and positions of the features.

    Args:
        ratings: shape (target, judge, feature), NaN where there is none.
    """
    known = np.isfinite(ratings).all(axis=1)
    places: dict[bytes, list[int]] = {}
    for feature, pattern in enumerate(known.T):
        places.setdefault(pattern.tobytes(), []).append(feature)
    for features in places.values():
        yield known[:, features[0]], np.array(features)


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
        freedom = np.where(np.isposinf(ratio), k - 1, freedom)  # its limit where judges differ by a shift alone
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
