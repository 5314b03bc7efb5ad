"""How many patients a prediction model takes to be developed: the criteria of Riley et al.

Source:
    Riley et al. 2020, doi:10.1136/bmj.m441; the formulas: Riley et al. 2019, doi:10.1002/sim.7992, of a continuous
    outcome doi:10.1002/sim.7993; R2 from an AUC: Riley et al. 2021, doi:10.1002/sim.8806. Reference: the R package
    pmsampsize.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, exp, inf, log, sqrt

import numpy as np

SHRINKAGE = 0.9
"""Least shrinkage that a model may need."""
MARGIN = 0.05
"""Of the optimism in R2, as a share of the largest R2, and of the overall risk."""
USUAL_SHARE = 0.15
"""Of the largest R2 that is reached where nothing is known beforehand (Riley et al. 2020)."""
PRECISION = 0.1
"""Of the residual standard deviation and of the mean of a continuous outcome, as a share of each."""
_OF_SPREAD = 234
"""Units beside predictors that make the residual standard deviation as precise as that, by its chi-squared interval."""
_SHRINKS = f"shrinkage of at most {100 * (1 - SHRINKAGE):.0f}%"
_Z = 1.96  # as pmsampsize and the papers round it
_LEAST = 1e-9
"""R2 from which on units can be counted, and how far the largest is from what no model needs units for."""
_MOST_SPREAD = 1e6
"""Standard deviation of an outcome over its mean, above which the mean is 0 for all that can be told."""


@dataclass(frozen=True)
class Criterion:
    """What one criterion asks for.

    Attributes:
        name: what it guards.
        units: to be had, rounded up.
        events: among them; None where the outcome has none.
        per_predictor: events for each candidate predictor, or units where there are none.
    """

    name: str
    units: int
    events: float | None
    per_predictor: float


@dataclass(frozen=True)
class SampleSize:
    """What all criteria ask for.

    Attributes:
        criteria: one each.
        r2: that the model is expected to reach; Cox and Snell's, of an event.
        most_r2: that a perfect model would reach.
        predictors: candidates.
    """

    criteria: tuple[Criterion, ...]
    r2: float
    most_r2: float
    predictors: int

    @property
    def needed(self) -> Criterion:
        """The criterion that asks for most."""
        return max(self.criteria, key=lambda item: item.units)


def most_r2(prevalence: float) -> float:
    """Return the Cox-Snell R2 of a perfect model of a binary outcome."""
    return 1 - exp(2 * (prevalence * log(prevalence) + (1 - prevalence) * log(1 - prevalence)))


def most_r2_of_survival(events: float) -> float:
    """Return the Cox-Snell R2 of a perfect model of a time to an event, of so many events a person."""
    return 1 - exp(2 * (events * log(events) - events))


def r2_of_auc(auc: float, prevalence: float) -> float:
    """Return the Cox-Snell R2 of a well calibrated model of this AUC.

    The linear predictor is normal in events and in others, of equal variance; the likelihood is integrated over it.

    Args:
        auc: of the model, above 0.5 and below 1.
        prevalence: share of events.
    """
    from scipy.special import log_expit
    from scipy.stats import norm

    shift = sqrt(2) * float(norm.ppf(auc))
    x = np.linspace(-9, 9 + shift, 20_001)
    logit = log(prevalence / (1 - prevalence)) + shift * x - shift**2 / 2
    expected = prevalence * norm.pdf(x - shift) * log_expit(logit) + (1 - prevalence) * norm.pdf(x) * log_expit(-logit)
    gained = float(np.trapezoid(expected, x)) - (prevalence * log(prevalence) + (1 - prevalence) * log(1 - prevalence))
    return 1 - exp(-2 * gained)


def binary(prevalence: float, predictors: int, r2: float) -> SampleSize:
    """Return what a model of a binary outcome takes.

    Args:
        prevalence: share of events.
        predictors: candidates, each category of a column but one counted.
        r2: Cox-Snell R2 that is expected.

    Raises:
        ValueError: no model reaches this R2, or a value lies out of its range.
    """
    if not 0 < prevalence < 1:
        raise ValueError(f"the prevalence lies between 0 and 1, found {prevalence:g}")
    _check(predictors, r2)
    most = most_r2(prevalence)
    risk = ceil((_Z / MARGIN) ** 2 * prevalence * (1 - prevalence))
    return _sizes(predictors, r2, most, prevalence, risk)


def survival(rate: float, follow_up: float, horizon: float, predictors: int, r2: float) -> SampleSize:
    """Return what a model of a time to an event takes.

    Args:
        rate: events per person and unit of time.
        follow_up: mean, in the same unit.
        horizon: time that is predicted for.
        predictors: candidates.
        r2: Cox-Snell R2 that is expected.

    Raises:
        ValueError: no model reaches this R2, or a value lies out of its range.
    """
    events = events_of(rate, follow_up)
    if not 0 < horizon < inf:
        raise ValueError(f"the time that is predicted for is above 0, found {horizon:g}")
    _check(predictors, r2)
    most = most_r2_of_survival(events)
    free = exp(-rate * horizon)
    # the upper limit of the risk may lie 0.05 above it: the rate may be off by so much
    off = -log(free - MARGIN) / horizon - rate if free > MARGIN else float("inf")
    risk = max(1, ceil(rate / (follow_up * (off / _Z) * (off / _Z))))
    return _sizes(predictors, r2, most, events, risk)


def continuous(mean: float, sd: float, predictors: int, r2: float) -> SampleSize:
    """Return what a model of a continuous outcome takes.

    Args:
        mean: of the outcome; the last criterion asks that it is known to a tenth of itself.
        sd: standard deviation of the outcome.
        predictors: candidates.
        r2: adjusted R2 that is expected.

    Raises:
        ValueError: a value lies out of its range.
    """
    if not (0 < sd < inf and abs(mean) < inf and sd <= _MOST_SPREAD * abs(mean)):
        far = "the mean, to be known to a tenth of itself, neither 0 nor a millionth of it"
        raise ValueError(f"the standard deviation is above 0, and {far}; found {sd:g} and {mean:g}")
    _check(predictors, r2, below=1.0)

    def shrinks(n: int) -> bool:
        return 1 + (predictors - 2) / (n * log(_unexplained(n, predictors, r2))) >= SHRINKAGE

    def known(n: int) -> bool:
        return _half(n, predictors, sd * sqrt(1 - r2)) <= PRECISION * abs(mean)

    units = {
        _SHRINKS: _first(shrinks, predictors),
        f"optimism in R² of at most {MARGIN:g}": ceil(round(1 + predictors * (1 - r2) / MARGIN, 9)),
        f"residual standard deviation within {100 * PRECISION:.0f}%": _OF_SPREAD + predictors,
        f"mean within {100 * PRECISION:.0f}%": _first(known, predictors),
    }
    criteria = tuple(Criterion(name, count, None, count / predictors) for name, count in units.items())
    return SampleSize(criteria, r2, 1.0, predictors)


def events_of(rate: float, follow_up: float) -> float:
    """Return how many events a person has, at most one.

    Args:
        rate: events per person and unit of time.
        follow_up: mean, in the same unit.

    Raises:
        ValueError: they are not above 0, or give more than one event.
    """
    if not (0 < rate < inf and 0 < follow_up < inf):
        raise ValueError(f"rate and follow-up are above 0, found {rate:g} and {follow_up:g}")
    if rate * follow_up > 1 + _LEAST:
        raise ValueError(
            f"a rate of {rate:g} over a follow-up of {follow_up:g} is {rate * follow_up:.3g} events a person, who has "
            "one at most: give both in one unit of time"
        )
    return rate * follow_up


def _unexplained(units: int, predictors: int, r2: float) -> float:
    """Return 1 less the R2 that a model of this adjusted one seems to have on its own units."""
    return 1 - (r2 * (units - predictors - 1) + predictors) / (units - 1)


def _half(units: int, predictors: int, spread: float) -> float:
    """Return half the 95 % interval of the mean."""
    from scipy.stats import t

    return float(t.ppf(0.975, units - predictors - 1)) * spread / sqrt(units)


def _first(meets: Callable[[int], bool], predictors: int) -> int:
    """Return the fewest units that meet a criterion, which more of them meet too; 2 beside predictors at least."""
    low, high = predictors + 1, predictors + 2
    while not meets(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if meets(middle) else (middle, high)
    return high


def _check(predictors: int, r2: float, below: float = SHRINKAGE) -> None:
    if predictors < 1:
        raise ValueError(f"a model has one predictor at least, found {predictors}")
    if not _LEAST <= r2 <= below - _LEAST:
        raise ValueError(f"the R2 that is expected lies between {_LEAST:g} and {below:g}, found {r2:g}")


def _sizes(predictors: int, r2: float, most: float, per_unit: float, risk: int) -> SampleSize:
    """Return the three criteria; `per_unit`: events per unit, `risk`: units that the third asks for."""
    if r2 > most:
        raise ValueError(f"no model reaches an R2 of {r2:g}: the largest is {most:.3f}")
    second = r2 / (r2 + MARGIN * most)
    units = {
        _SHRINKS: _units(predictors, r2, SHRINKAGE),
        f"optimism in R² of at most {MARGIN:g}": _units(predictors, r2, second),
        f"overall risk within {MARGIN:g}": risk,
    }
    criteria = tuple(
        Criterion(name, count, count * per_unit, count * per_unit / predictors) for name, count in units.items()
    )
    return SampleSize(criteria, r2, most, predictors)


def _units(predictors: int, r2: float, shrinkage: float) -> int:
    """Return how many units make the expected shrinkage this (van Houwelingen and le Cessie's heuristic)."""
    return ceil(predictors / ((shrinkage - 1) * log(1 - r2 / shrinkage)))
