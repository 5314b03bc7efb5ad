"""Survival curves and their comparison: Kaplan-Meier with its interval, numbers at risk, log-rank test.

Times are float64 of shape (unit,), events 1 where a time is that of an event and 0 where it was censored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from radfuse.statistics.estimate import Estimate, normal_quantile


@dataclass(frozen=True)
class Curve:
    """A survival curve.

    Attributes:
        times: of events, rising, shape (time,).
        survival: just after each, shape (time,).
        error: standard error of log survival by Greenwood, shape (time,).
    """

    times: np.ndarray
    survival: np.ndarray
    error: np.ndarray

    def at(self, when: np.ndarray) -> np.ndarray:
        """Return survival at some times."""
        return np.asarray(np.r_[1.0, self.survival][np.searchsorted(self.times, when, side="right")])

    def before(self, when: np.ndarray) -> np.ndarray:
        """Return survival just before some times."""
        return np.asarray(np.r_[1.0, self.survival][np.searchsorted(self.times, when, side="left")])

    def estimate(self, when: float) -> Estimate:
        """Return survival at a time with its 95 % interval on the log-minus-log scale.

        Source:
            Kalbfleisch and Prentice 2002, The Statistical Analysis of Failure Time Data, section 1.4.
        """
        place = int(np.searchsorted(self.times, when, side="right"))
        if place == 0:
            return Estimate(1.0, float("nan"), float("nan"))
        value, error = float(self.survival[place - 1]), float(self.error[place - 1])
        if not 0 < value < 1 or not np.isfinite(error):
            return Estimate(value, float("nan"), float("nan"))
        reach = np.exp(normal_quantile(0.95) * error / abs(np.log(value)))
        return Estimate(value, value**reach, value ** (1 / reach))

    def median(self) -> float:
        """Return the first time at which survival is one half or less; NaN where it never is."""
        below = np.flatnonzero(self.survival <= 0.5)
        return float(self.times[below[0]]) if len(below) else float("nan")


def kaplan_meier(time: np.ndarray, event: np.ndarray) -> Curve:
    """Return the product-limit estimate of survival.

    Source:
        Kaplan and Meier 1958, doi:10.1080/01621459.1958.10501452; Greenwood's variance.
    """
    times, count = np.unique(time[event == 1], return_counts=True)
    at_risk = len(time) - np.searchsorted(np.sort(time), times, side="left")
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(np.cumsum(count / (at_risk * (at_risk - count))))
    return Curve(times, np.cumprod(1 - count / at_risk), error)


def censoring(time: np.ndarray, event: np.ndarray) -> Curve:
    """Return the curve of not being censored; at equal times events come before censoring."""
    later = np.where(event == 1, time, np.nextafter(time, np.inf))
    found = kaplan_meier(later, 1 - event)
    return Curve(np.nextafter(found.times, -np.inf), found.survival, found.error)


def log_rank(time: np.ndarray, event: np.ndarray, group: np.ndarray) -> tuple[float, float]:
    """Return the chi-squared statistic of the log-rank test and its p; NaN with one group or without an event.

    Args:
        time: shape (unit,).
        event: shape (unit,).
        group: of each unit, shape (unit,).

    Source:
        Peto and Peto 1972, doi:10.2307/2344317.
    """
    names = np.unique(group)
    times = np.unique(time[event == 1])
    if len(names) < 2 or not len(times):
        return float("nan"), float("nan")
    at_risk = np.array([[(time[group == name] >= t).sum() for name in names] for t in times], dtype=float)
    happened = np.array(
        [[((time == t) & (event == 1) & (group == name)).sum() for name in names] for t in times], dtype=float
    )
    size, events = at_risk.sum(axis=1), happened.sum(axis=1)
    share = at_risk / size[:, None]
    gap = (happened - events[:, None] * share).sum(axis=0)[:-1]
    weight = events * (size - events) / np.maximum(size - 1, 1)
    spread = np.diag(weight @ share) - share.T @ (share * weight[:, None])
    statistic = float(gap @ np.linalg.pinv(spread[:-1, :-1]) @ gap)
    return statistic, float(stats.chi2.sf(statistic, len(names) - 1))


def at_risk(time: np.ndarray, when: Sequence[float]) -> list[int]:
    """Return how many units are under observation at some times."""
    return [int((time >= t).sum()) for t in when]


def brier_parts(
    time: np.ndarray,
    event: np.ndarray,
    survival: np.ndarray,
    when: np.ndarray,
    known: Curve | None = None,
    rival: np.ndarray | None = None,
) -> np.ndarray:
    """Return each unit's part of the Brier score at some times, weighted by the inverse chance of being uncensored.

    Args:
        time: shape (unit,).
        event: shape (unit,).
        survival: predicted at each time, that the event has not come, shape (unit, time).
        when: times, shape (time,).
        known: curve of not being censored; None: of these units, who have no rivals.
        rival: 1 where a competing event came, after which the unit stays free of the event, shape (unit,); None: none.

    Returns:
        Shape (unit, time), whose mean over units is the score; a unit censored before a time counts 0 there.

    Source:
        Graf et al. 1999, doi:10.1002/(SICI)1097-0258(19990915/30)18:17/18<2529::AID-SIM274>3.0.CO;2-5; with
        rivals: Schoop et al. 2011, doi:10.1002/bimj.201000073.
    """
    curve = known or censoring(time, event)
    own = np.maximum(curve.before(time), 1e-9)[:, None]
    then = np.maximum(curve.at(when), 1e-9)[None, :]
    gone = (time[:, None] <= when) & (event[:, None] == 1)
    there = time[:, None] > when
    parts = np.where(gone, survival**2 / own, 0.0) + np.where(there, (1 - survival) ** 2 / then, 0.0)
    if rival is not None:
        parts += np.where(~there & (rival[:, None] == 1), (1 - survival) ** 2 / own, 0.0)
    return np.asarray(parts)
