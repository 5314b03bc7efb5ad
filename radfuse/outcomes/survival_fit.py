"""What stands beside a family's probability of an event by a horizon, and what is read off both at any time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from radfuse.results import SurvivalFit
from radfuse.results.score import Cloglog, Reading, Survival
from radfuse.statistics.links import score_of

WORDS = np.array(["low", "middle", "high"])
"""Of risk groups."""


def fitted(y: np.ndarray, probability: np.ndarray, horizon: float) -> SurvivalFit:
    """Return baseline hazard and risk groups of a family, from out-of-fold probabilities of its training units.

    Args:
        y: time and event, shape (unit, 2), and, where events compete, 1 for a competing one, shape (unit, 3).
        probability: of the event by the horizon, shape (unit,).
        horizon: the time.
    """
    from radfuse.statistics.cox import baseline, hazard_at

    times, hazard = baseline(y[:, 0], y[:, 1], score_of(probability, "cloglog"))
    now = float(hazard_at(times, hazard, horizon)) or float(hazard[0])
    low, high = np.quantile(probability, [1 / 3, 2 / 3])
    rivals = rivals_before(y[:, 0], y[:, 2], times) if y.shape[1] > 2 else ()
    return SurvivalFit(
        times=tuple(map(float, times)),
        hazard=tuple(map(float, hazard / now)),
        groups=(float(low), float(high)),
        rivals=tuple(map(float, rivals)),
    )


def group_of(fit: SurvivalFit, probability: np.ndarray) -> np.ndarray:
    """Return the risk group of each unit, 0 to 2, shape (unit,)."""
    return np.asarray(np.searchsorted(fit.groups, probability, side="right"))


def at_times(fit: SurvivalFit, probability: np.ndarray, times: Sequence[float]) -> dict[str, np.ndarray]:
    """Return survival at each time, or, where events compete, incidence: name of the column -> shape (unit,)."""
    if fit.rivals:
        return {incidence_named(time): incidence_at(fit, probability, time) for time in times}
    return {named(time): survival_at(fit, probability, time) for time in times}


def named(time: float) -> str:
    """Return the name of the column of survival at a time."""
    return f"survival@{time:g}"


def incidence_named(time: float) -> str:
    """Return the name of the column of incidence by a time."""
    return f"incidence@{time:g}"


def survival_at(fit: SurvivalFit, probability: np.ndarray, time: float) -> np.ndarray:
    """Return each unit's probability of no event by a time, shape (unit,); of a world without competing ones.

    Args:
        fit: of the family.
        probability: of the event by the horizon, shape (unit,).
        time: any; beyond the last event of the training set, that of the last event.
    """
    from radfuse.statistics.cox import hazard_at

    times, hazard = np.array(fit.times), np.array(fit.hazard)
    return np.asarray((1 - probability) ** float(hazard_at(times, hazard, time)))


def rivals_before(time: np.ndarray, rival: np.ndarray, when: np.ndarray) -> np.ndarray:
    """Return the cumulative hazard of competing events before each of some times (Nelson and Aalen), shape (time,)."""
    times, count = np.unique(time[rival == 1], return_counts=True)
    at_risk = len(time) - np.searchsorted(np.sort(time), times, side="left")
    return np.asarray(np.r_[0.0, np.cumsum(count / at_risk)][np.searchsorted(times, when, side="left")])


def incidence_at(fit: SurvivalFit, probability: np.ndarray, time: float) -> np.ndarray:
    """Return each unit's probability of the event by a time beside competing ones, shape (unit,).

    The hazard of the event is the unit's own, that of the competing ones all units' together.

    Args:
        fit: of the family.
        probability: of the event by the horizon in a world without the others, shape (unit,).
        time: any; beyond the last event of the training set, that of the last event.

    Source:
        Benichou and Gail 1990, Biometrics 46, 813-826.
    """
    last = int(np.searchsorted(fit.times, time, side="right"))
    hazard = np.r_[0.0, fit.hazard[:last]]
    own = -np.log1p(-np.clip(probability, 0.0, 1 - 1e-12))
    found = np.zeros(len(probability))
    for before, step, rivals in zip(hazard[:-1], np.diff(hazard), fit.rivals[:last], strict=True):
        found += np.exp(-own * before - rivals) * -np.expm1(-own * step)
    return found


def readings(fit: SurvivalFit, by_when: str, times: Sequence[float], unit: str) -> Iterator[Reading]:
    """Yield the event, and survival at times, read off the score; before the first event seen it is 1 for all."""
    from radfuse.statistics.cox import hazard_at

    yield Reading(label=f"probability of the event {by_when}", link=Cloglog(hazard=1.0))
    table = np.array(fit.times), np.array(fit.hazard)
    for time in times:
        hazard = float(hazard_at(*table, time))
        if hazard > 0:
            yield Reading(label=f"survival at {time:g} {unit}".rstrip(), link=Survival(hazard=hazard))
