"""Cumulative incidence of an event that another one can forestall: Aalen and Johansen's estimate with its interval.

Times are float64 of shape (unit,), events 1 where a time is that of the event, rivals 1 where it is that of a competing
one, and both 0 where it was censored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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


def _count(time: np.ndarray, which: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return how many of some units have each time."""
    sorted_ = np.sort(time[which == 1])
    return np.searchsorted(sorted_, times, side="right") - np.searchsorted(sorted_, times, side="left")
