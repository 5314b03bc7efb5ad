"""Cumulative incidence of an event that another one can forestall: Aalen and Johansen's estimate, and Gray's test.

Times are float64 of shape (unit,), events 1 where a time is that of the event, rivals 1 where it is that of a competing
one, and both 0 where it was censored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from radfuse.statistics.estimate import Estimate, normal_quantile
from radfuse.statistics.survival import kaplan_meier


@dataclass(frozen=True)
class Incidence:
    """A curve of cumulative incidence.

    Attributes:
        times: of events and of rivals, rising, shape (time,).
        incidence: share that had the event by each, shape (time,).
        error: its standard error, shape (time,).
    """

    times: np.ndarray
    incidence: np.ndarray
    error: np.ndarray

    def at(self, when: np.ndarray) -> np.ndarray:
        """Return the incidence at some times."""
        return np.asarray(np.r_[0.0, self.incidence][np.searchsorted(self.times, when, side="right")])

    def estimate(self, when: float) -> Estimate:
        """Return the incidence at a time with its 95 % interval on the log-minus-log scale.

        Source:
            Choudhury 2002, Statistics in Medicine 21, 1129-1144.
        """
        place = int(np.searchsorted(self.times, when, side="right"))
        value = float(self.incidence[place - 1]) if place else 0.0
        error = float(self.error[place - 1]) if place else float("nan")
        if not 0 < value < 1 or not error > 0:
            return Estimate(value, float("nan"), float("nan"))
        reach = np.exp(normal_quantile(0.95) * error / (value * abs(np.log(value))))
        return Estimate(value, value**reach, value ** (1 / reach))


def aalen_johansen(time: np.ndarray, event: np.ndarray, rival: np.ndarray) -> Incidence:
    """Return the cumulative incidence of an event beside a competing one.

    At each time the share at risk that has the event counts by the chance of having had neither before. 1 less the
    Kaplan-Meier curve, rivals taken for censored, is above it: it is of a world without them.

    Args:
        time: shape (unit,).
        event: 1 or 0, shape (unit,).
        rival: 1 or 0, shape (unit,), never 1 where `event` is.

    Source:
        Aalen and Johansen 1978, https://www.jstor.org/stable/4615704; the variance by the delta method: Marubini and
        Valsecchi 1995, Analysing Survival Data from Clinical Trials and Observational Studies, chapter 10.
    """
    either = np.maximum(event, rival)
    free = kaplan_meier(time, either)
    times = free.times
    at_risk = len(time) - np.searchsorted(np.sort(time), times, side="left")
    every, own = (_count(time, which, times) for which in (either, event))
    before = free.before(times)
    incidence = np.cumsum(before * own / at_risk)
    left = at_risk > every  # where nobody is left, no later value hangs on what is not known here
    spread = np.where(left, every / (at_risk * np.where(left, at_risk - every, 1)), 0.0)
    shared = before * own / at_risk**2
    variance = incidence**2 * np.cumsum(spread) - 2 * incidence * np.cumsum(spread * incidence)
    variance += np.cumsum(spread * incidence**2) + np.cumsum(before**2 * (at_risk - own) * own / at_risk**3)
    variance -= 2 * (incidence * np.cumsum(shared) - np.cumsum(shared * incidence))
    return Incidence(times, incidence, np.sqrt(np.maximum(variance, 0.0)))


def gray_test(time: np.ndarray, event: np.ndarray, rival: np.ndarray, group: np.ndarray) -> tuple[float, float]:
    """Return the chi-squared statistic of Gray's test and its p; NaN with one group or without an event.

    What the log-rank test is to survival this is to cumulative incidence: a unit with a competing event stays among
    those of whom the event may be expected, by the share that censoring leaves of its group. Without rivals the
    statistic differs from the log-rank test's in the variance alone.

    Args:
        time: shape (unit,).
        event: 1 or 0, shape (unit,).
        rival: 1 or 0, shape (unit,), never 1 where `event` is.
        group: of each unit, shape (unit,).

    Source:
        Gray 1988, doi:10.1214/aos/1176350951, with weight 1 (rho = 0); its variance for ties as R's cmprsk has it.
    """
    names = np.unique(group)
    times = np.unique(time[np.maximum(event, rival) == 1])
    if len(names) < 2 or not np.any(event == 1):
        return float("nan"), float("nan")
    each = [_Group.of(time[group == name], event[group == name], rival[group == name], times) for name in names]
    size, own = (np.array([getattr(one, name) for one in each]) for name in ("size", "own"))  # (group, time)
    expecting = size * np.array([1 - one.before for one in each])
    events, whole = own.sum(axis=0), size.sum(axis=0)
    gap = (own - expecting * events / expecting.sum(axis=0)).sum(axis=1)
    step = events / whole  # of the incidence that all groups share if they are alike
    shared = np.cumsum(step)
    free_before, free = np.maximum(1 - np.r_[0.0, shared[:-1]], 0.0), np.maximum(1 - shared, 0.0)
    hazard = np.divide(step, free_before, out=np.zeros_like(step), where=free_before > 0)
    spread = np.zeros((len(each), len(each)))
    for place, one in enumerate(each):
        alone = np.arange(len(each)) == place
        now = size * (alone[:, None] - one.size / whole)  # what an event of this group is to the gap of each
        later = np.cumsum((now * hazard)[:, ::-1], axis=1)[:, ::-1] - now * hazard
        left = np.divide(free, one.survival, out=np.zeros_like(free), where=one.survival > 0)
        here = one.size > 0
        tied = 1 - (events - 1) / np.where(events > 1, whole * one.survival_before - 1, np.inf)
        by_event = np.divide(step * tied, one.size, out=np.zeros_like(step), where=here)
        tied = 1 - (one.rivals - 1) / np.where(one.rivals > 1, one.at_risk - 1, np.inf)
        by_rival = np.divide(one.rivals * tied, one.size**2, out=np.zeros_like(step), where=here)
        first, second = now + (1 - left) * later, left * later
        spread += (first * by_event) @ first.T + (second * by_rival) @ second.T
    statistic = float(gap[:-1] @ np.linalg.pinv(spread[:-1, :-1]) @ gap[:-1])
    return statistic, float(stats.chi2.sf(statistic, len(names) - 1))


@dataclass(frozen=True)
class _Group:
    """One group at the times of events of all; each of shape (time,).

    Attributes:
        at_risk: units under observation.
        own: of them, those who have the event.
        rivals: those who have a competing one.
        survival_before: share free of both just before.
        survival: that just after.
        before: incidence of the event just before.
        size: units as there would be had nobody left by an event: those at risk over `survival_before`.
    """

    at_risk: np.ndarray
    own: np.ndarray
    rivals: np.ndarray
    survival_before: np.ndarray
    survival: np.ndarray
    before: np.ndarray
    size: np.ndarray

    @classmethod
    def of(cls, time: np.ndarray, event: np.ndarray, rival: np.ndarray, times: np.ndarray) -> _Group:
        at_risk = len(time) - np.searchsorted(np.sort(time), times, side="left")
        own, rivals = (_count(time, which, times) for which in (event, rival))
        there = np.maximum(at_risk, 1)
        survival = np.cumprod(1 - (own + rivals) / there)
        survival_before = np.r_[1.0, survival[:-1]]
        before = np.r_[0.0, np.cumsum(survival_before * own / there)[:-1]]
        size = np.divide(at_risk, survival_before, out=np.zeros(len(times)), where=at_risk > 0)
        return cls(at_risk, own, rivals, survival_before, survival, before, size)


def _count(time: np.ndarray, which: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return how many of some units have each time."""
    sorted_ = np.sort(time[which == 1])
    return np.searchsorted(sorted_, times, side="right") - np.searchsorted(sorted_, times, side="left")
