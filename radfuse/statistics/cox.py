"""Cox's partial likelihood with Efron's ties: value and derivatives by score, regressions, and the baseline hazard.

`time` and `event` are float64 of shape (unit,), event 1 where the time is that of an event, 0 where it was censored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from radfuse.statistics.estimate import Estimate, normal_quantile

_MOST_STEPS = 60
_LEAST = 1e-150
"""Of the risk in a risk set beside the largest of all, so that one over its square is a number."""


@dataclass(frozen=True)
class Ranked:
    """Units in order of time, with what the partial likelihood needs of the order.

    Attributes:
        order: positions of the units, latest time first.
        last: of each distinct event time, the end of its risk set in that order, shape (time,).
        count: events at each of these times, shape (time,).
        ties: of each event, which distinct time it belongs to, shape (event,).
        share: of each event, the share of the tied events that Efron takes out of its risk set, shape (event,).
        events: places in the order of the events, by time, shape (event,).
    """

    order: np.ndarray
    last: np.ndarray
    count: np.ndarray
    ties: np.ndarray
    share: np.ndarray
    events: np.ndarray

    @property
    def size(self) -> int:
        """Number of events."""
        return len(self.events)


def ranked(time: np.ndarray, event: np.ndarray) -> Ranked:
    """Return units in order.

    Raises:
        ValueError: there is no event.
    """
    if not np.any(event == 1):
        raise ValueError(f"none of {len(time)} units has the event; a survival model needs some")
    order = np.lexsort((-event, -time))
    sorted_time, happened = time[order], event[order] == 1
    places = np.flatnonzero(happened)
    starts = np.r_[True, np.diff(sorted_time[places]) != 0]
    ties = np.cumsum(starts) - 1
    count = np.bincount(ties)
    within = np.arange(len(places)) - np.flatnonzero(starts)[ties]
    first = sorted_time[places[starts]]
    last = np.searchsorted(-sorted_time, -first, side="right")
    return Ranked(order, last, count, ties, within / count[ties], places)


def by_score(units: Ranked, score: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Return minus the log partial likelihood, its slope and the diagonal of its curvature in each unit's score.

    Args:
        units: in order.
        score: log hazard ratio, shape (unit,).

    Source:
        Efron 1977, doi:10.1080/01621459.1977.10480613.
    """
    shift = float(score.max())
    s = score[units.order] - shift
    risk = np.exp(s)
    at_risk = np.cumsum(risk)[units.last - 1]
    tied = np.bincount(units.ties, risk[units.events], minlength=len(units.last))
    of_event = np.maximum(at_risk[units.ties] - units.share * tied[units.ties], _LEAST)
    value = float(np.log(of_event).sum() - s[units.events].sum())
    once, twice = 1 / of_event, 1 / of_event**2
    sums = [np.bincount(units.ties, weight, minlength=len(units.last)) for weight in (once, twice)]
    kept = [np.bincount(units.ties, units.share * weight, minlength=len(units.last)) for weight in (once, twice)]
    squared = np.bincount(units.ties, units.share * (2 - units.share) * twice, minlength=len(units.last))
    hazard, hazard_2 = _until(units, sums[0]), _until(units, sums[1])
    hazard[units.events] -= kept[0][units.ties]
    hazard_2[units.events] -= squared[units.ties]
    slope, bend = risk * hazard, risk * hazard - risk**2 * hazard_2
    slope[units.events] -= 1.0
    back = [np.empty_like(score), np.empty_like(score)]
    back[0][units.order], back[1][units.order] = slope, bend
    return value, back[0], back[1]


def _until(units: Ranked, steps: np.ndarray) -> np.ndarray:
    """Return of each place in the order the sum of steps at event times up to its time."""
    found = np.zeros(len(units.order) + 1)
    np.add.at(found, units.last, steps)  # a step counts for every place before the end of its risk set
    return np.cumsum(found[::-1])[::-1][1:].copy()


def information(units: Ranked, score: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the curvature of minus the log partial likelihood in the coefficients of x, shape (column, column).

    Args:
        units: in order.
        score: at which, shape (unit,).
        x: float64, shape (unit, column).
    """
    s = score[units.order] - score.max()
    risk, z = np.exp(s), x[units.order]
    weighted = risk[:, None] * z
    at_risk, mean = np.cumsum(risk)[units.last - 1], np.cumsum(weighted, axis=0)[units.last - 1]
    tied_risk = np.bincount(units.ties, risk[units.events], minlength=len(units.last))
    tied_mean = np.zeros_like(mean)
    np.add.at(tied_mean, units.ties, weighted[units.events])
    of_event = at_risk[units.ties] - units.share * tied_risk[units.ties]
    centre = (mean[units.ties] - units.share[:, None] * tied_mean[units.ties]) / of_event[:, None]
    hazard = _until(units, np.bincount(units.ties, 1 / of_event, minlength=len(units.last)))
    hazard[units.events] -= np.bincount(units.ties, units.share / of_event, minlength=len(units.last))[units.ties]
    return np.asarray(z.T @ (z * (risk * hazard)[:, None]) - centre.T @ centre)


def curving(units: Ranked, score: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return what multiplies by the curvature of minus the log partial likelihood in the units' scores.

    Args:
        units: in order.
        score: at which, shape (unit,).
    """
    risk = np.exp(score[units.order] - score.max())
    count = len(units.last)

    def of_events(values: np.ndarray) -> np.ndarray:
        tied = np.bincount(units.ties, values[units.events], minlength=count)
        return np.asarray(np.cumsum(values)[units.last - 1][units.ties] - units.share * tied[units.ties])

    def of_units(values: np.ndarray) -> np.ndarray:
        found = _until(units, np.bincount(units.ties, values, minlength=count))
        found[units.events] -= np.bincount(units.ties, units.share * values, minlength=count)[units.ties]
        return found

    once = 1 / np.maximum(of_events(risk), 1e-300)
    hazard = risk * of_units(once)

    def times(change: np.ndarray) -> np.ndarray:
        own = change[units.order]
        back = np.empty_like(change)
        back[units.order] = hazard * own - risk * of_units(of_events(risk * own) * once**2)
        return back

    return times


@dataclass(frozen=True)
class CoxFit:
    """A Cox regression.

    Attributes:
        coefficients: log hazard ratios, shape (column,).
        covariance: of the coefficients; of clusters where there are any, shape (column, column).
        log_likelihood: partial, at the coefficients.
        null: partial log likelihood without columns.
    """

    coefficients: np.ndarray
    covariance: np.ndarray
    log_likelihood: float
    null: float


def regression(
    x: np.ndarray, time: np.ndarray, event: np.ndarray, patients: np.ndarray | None = None, ridge: float = 0.0
) -> CoxFit:
    """Return Cox regression by Newton's method.

    Args:
        x: float64, shape (unit, column).
        time: float64, shape (unit,).
        event: 1 or 0, shape (unit,).
        patients: whose units are, for a covariance that sums over them; None: the inverse information.
        ridge: penalty on half the squared coefficients.

    Raises:
        ValueError: there is no event.

    Source:
        Cox 1972, doi:10.1111/j.2517-6161.1972.tb00899.x; Lin and Wei 1989, doi:10.1080/01621459.1989.10478874.
    """
    units = ranked(time, event)
    beta = np.zeros(x.shape[1])
    null = value = by_score(units, np.zeros(len(time)))[0]
    for _ in range(_MOST_STEPS):
        value, slope, _ = by_score(units, x @ beta)
        gradient = x.T @ slope + ridge * beta
        if np.abs(gradient).max(initial=0.0) < 1e-9 * len(time):
            break
        curve = information(units, x @ beta, x) + (ridge + 1e-10) * np.eye(len(beta))
        step = np.linalg.lstsq(curve, gradient, rcond=None)[0]
        step *= min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-300))
        now = value + ridge / 2 * beta @ beta
        for _ in range(30):
            tried = beta - step
            if by_score(units, x @ tried)[0] + ridge / 2 * tried @ tried <= now + 1e-12 * abs(now):
                break
            step = step / 2
        beta = tried
    curve = information(units, x @ beta, x) + ridge * np.eye(len(beta))
    inverse = np.linalg.pinv(curve)
    if patients is None:
        return CoxFit(beta, inverse, -value, -null)
    who, people = pd.factorize(np.asarray(patients))
    sums = np.zeros((len(people), len(beta)))
    np.add.at(sums, who, _residuals(units, x @ beta, x))
    robust = inverse @ (sums.T @ sums) @ inverse * len(people) / max(len(people) - 1, 1)
    return CoxFit(beta, robust, -value, -null)


def _residuals(units: Ranked, score: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return score residuals, shape (unit, column), with Breslow's risk sets."""
    s = score[units.order] - score.max()
    risk, z = np.exp(s), x[units.order]
    at_risk = np.cumsum(risk)[units.last - 1]
    centre = np.cumsum(risk[:, None] * z, axis=0)[units.last - 1] / at_risk[:, None]
    jumps = units.count / at_risk
    own = _until(units, jumps)
    moved = np.column_stack([_until(units, jumps * centre[:, i]) for i in range(x.shape[1])])
    found = -risk[:, None] * (z * own[:, None] - moved)
    found[units.events] += z[units.events] - centre[units.ties]
    back = np.empty_like(found)
    back[units.order] = found
    return back


def slope_of(score: np.ndarray, time: np.ndarray, event: np.ndarray, patients: np.ndarray, overlap: float) -> Estimate:
    """Return the calibration slope: the coefficient of a score in Cox regression; NaN without an event or a spread.

    Args:
        score: log hazard ratio, shape (unit,).
        time: shape (unit,).
        event: shape (unit,).
        patients: shape (unit,).
        overlap: of training sets, by which the variance grows.
    """
    nothing = Estimate(float("nan"), float("nan"), float("nan"))
    if not np.any(event == 1) or np.ptp(score) <= 1e-9:
        return nothing
    found = regression(score[:, None] - score.mean(), time, event, patients)
    value, variance = float(found.coefficients[0]), float(found.covariance[0, 0])
    if abs(value) > 50 or variance <= 0:
        return nothing
    half = normal_quantile(0.95) * float(np.sqrt(variance * overlap))
    return Estimate(value, value - half, value + half)


def baseline(time: np.ndarray, event: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return event times, rising, and Breslow's cumulative baseline hazard at each, shape (time,).

    Args:
        time: shape (unit,).
        event: shape (unit,).
        score: log hazard ratio of each unit, shape (unit,).

    Source:
        Breslow 1972, discussion of Cox, doi:10.1111/j.2517-6161.1972.tb00900.x.
    """
    units = ranked(time, event)
    shift = float(score.max())
    at_risk = np.cumsum(np.exp(score[units.order] - shift))[units.last - 1]
    jumps = (units.count / at_risk)[::-1] * np.exp(-shift)
    return time[units.order][units.last - 1][::-1], np.cumsum(jumps)


def hazard_at(times: np.ndarray, hazard: np.ndarray, when: np.ndarray | float) -> np.ndarray:
    """Return a step function of cumulative hazard at some times: 0 before the first of its own."""
    places = np.searchsorted(times, when, side="right")
    return np.asarray(np.r_[0.0, hazard][places])


def score_test(x: np.ndarray, time: np.ndarray, event: np.ndarray) -> np.ndarray:
    """Return the chi-squared score statistic of each column alone, one degree of freedom; 0 for a constant column.

    Args:
        x: float64, shape (unit, column).
        time: shape (unit,).
        event: shape (unit,).
    """
    units = ranked(time, event)
    z = x[units.order] - x.mean(axis=0)
    slope = by_score(units, np.zeros(len(time)))[1][units.order] @ z
    size = units.last.astype(float)
    tied, tied_2 = np.zeros((len(units.last), z.shape[1])), np.zeros((len(units.last), z.shape[1]))
    np.add.at(tied, units.ties, z[units.events])
    np.add.at(tied_2, units.ties, z[units.events] ** 2)
    sums, sums_2 = np.cumsum(z, axis=0)[units.last - 1], np.cumsum(z**2, axis=0)[units.last - 1]
    spread = np.zeros(z.shape[1])
    for share, tie in zip(units.share, units.ties, strict=True):
        left = size[tie] - share * units.count[tie]
        mean = (sums[tie] - share * tied[tie]) / left
        spread += (sums_2[tie] - share * tied_2[tie]) / left - mean**2
    constant = np.ptp(x, axis=0) == 0
    return np.where(constant | (spread <= 1e-12), 0.0, slope**2 / np.maximum(spread, 1e-12))
