"""Performance and comparisons of probabilities of an event by a horizon, where times are censored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from radfuse.outcomes import pairs
from radfuse.results import AtTime, Comparison, Interval, SurvivalPerformance
from radfuse.statistics.auc import (
    AucSet,
    auc_interval,
    fold_averaged,
    overlap_of,
    overlap_of_one_deal,
)
from radfuse.statistics.cox import slope_of
from radfuse.statistics.estimate import clustered_mean
from radfuse.statistics.links import score_of
from radfuse.statistics.seen import Seen
from radfuse.statistics.survival import kaplan_meier


def measure(predictions: pd.DataFrame, horizon: float, grid: np.ndarray, unit: str = "") -> SurvivalPerformance:
    """Return the performance of one family.

    Args:
        predictions: a row per unit and repeat; columns family (one value), fold, repeat, position (of the unit),
            patient, time, event (0 or 1), probability of the event by the horizon, and "survival@T" of each grid time;
            where events compete, competing (0 or 1), cause_specific, the probability without the others, and
            "incidence@T" in place of survival.
        horizon: time by which the event is predicted.
        grid: times up to the horizon, rising, shape (time,).
        unit: of times.

    Raises:
        ValueError: no rows.
    """
    if predictions.empty:
        raise ValueError("no predictions to measure")
    units = predictions.drop_duplicates("position")
    seen, once = Seen.of(predictions), Seen.of(units)
    known, patients = once.censoring(), predictions["patient"].to_numpy()
    scores = predictions[["probability"]].to_numpy(dtype=float)
    each_fold = _each(predictions, scores)
    cs = {name: part.c(own, who) for name, (part, own, who) in each_fold.items()}
    deal = overlap_of_one_deal(predictions)
    parts, flat = (seen.brier(free, grid, known) for free in (_free(predictions, grid), 1 - once.incidence(grid)))
    alone = predictions["cause_specific" if seen.rival is not None else "probability"].to_numpy(dtype=float)

    def interval(part: AucSet) -> Interval:
        return Interval.of(auc_interval(part))

    def averaged(each: list[AucSet]) -> Interval:
        return interval(fold_averaged(each, overlap_of(predictions)))

    over_time = {
        float(when): averaged([part.auc_at(own, who, when, known) for part, own, who in each_fold.values()])
        for when in grid[1:]
    }
    return SurvivalPerformance(
        family=str(predictions["family"].iloc[0]),
        units=len(units),
        patients=len(set(patients)),
        events=int(once.event.sum()),
        rivals=None if once.rival is None else int(once.rival.sum()),
        horizon=horizon,
        time_unit=unit,
        c=averaged(list(cs.values())),
        c_pooled=interval(seen.c(scores, patients)),
        fold_cs={name: float(part.values[0]) for name, part in cs.items()},
        uno=averaged([part.uno(own, who, horizon, known) for part, own, who in each_fold.values()]),
        auc_at_horizon=over_time[float(grid[-1])],
        auc_over_time=tuple(AtTime(time=when, auc=value) for when, value in over_time.items()),
        brier=Interval.of(clustered_mean(parts[:, -1], patients)),
        brier_scaled=_scaled(parts[:, -1:], flat[:, -1:]),
        integrated_brier=Interval.of(clustered_mean(_integrated(parts, grid), patients)),
        integrated_brier_scaled=_scaled(_integrated(parts, grid), _integrated(flat, grid)),
        calibration_slope=Interval.of(slope_of(score_of(alone, "cloglog"), *seen.times, patients, deal)),
        observed=Interval.of(once.had(horizon)),
        expected=float(scores.mean()),
        follow_up=kaplan_meier(once.time, 1 - once.either).median(),
    )


def compare(predictions: pd.DataFrame, families: Sequence[str], horizon: float) -> tuple[Comparison, ...]:
    """Return every pair of families on the units both predict, p values adjusted by Holm over all pairs.

    Args:
        predictions: as for `measure`, all families.
        families: in the order of the report.
        horizon: of the Brier score that stands beside the difference in Harrell's C.
    """

    def loss(rows: pd.DataFrame) -> np.ndarray:
        known = Seen.of(rows.drop_duplicates("position")).censoring()
        free = 1 - rows[["probability"]].to_numpy(dtype=float)
        return Seen.of(rows).brier(free, np.array([horizon]), known)[:, 0]

    return pairs.compare(predictions, families, loss, _both)


def _both(here: pd.DataFrame, there: pd.DataFrame) -> AucSet:
    """Return Harrell's C of two families on the same rows."""
    scores = np.column_stack([here["probability"], there["probability"]]).astype(float)
    parts = [part.c(own, who) for part, own, who in _each(here, scores).values()]
    return fold_averaged(parts, overlap_of(here))


def _each(rows: pd.DataFrame, scores: np.ndarray) -> dict[str, tuple[Seen, np.ndarray, np.ndarray]]:
    """Return fold -> what was seen of its units, their scores and patients."""
    seen, patients, folds = Seen.of(rows), rows["patient"].to_numpy(), rows["fold"].to_numpy()
    masks = {str(fold): folds == fold for fold in dict.fromkeys(folds)}
    return {name: (seen.only(here), scores[here], patients[here]) for name, here in masks.items()}


def _free(predictions: pd.DataFrame, grid: np.ndarray) -> np.ndarray:
    """Return the predicted chance of not having had the event by each time, shape (row, time)."""
    if "competing" in predictions:
        return 1 - predictions[[f"incidence@{when:g}" for when in grid]].to_numpy(dtype=float)
    return predictions[[f"survival@{when:g}" for when in grid]].to_numpy(dtype=float)


def _integrated(parts: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Return each unit's part of the mean Brier score from 0, where it is 0, to the last time; shape (unit,)."""
    steps, ends = np.r_[0.0, grid], np.column_stack([np.zeros(len(parts)), parts])
    return np.asarray(np.trapezoid(ends, steps, axis=1) / grid[-1])


def _scaled(parts: np.ndarray, flat: np.ndarray) -> float | None:
    """Return 1 - Brier / Brier of one curve for all; None where that is 0."""
    return 1 - float(parts.mean() / flat.mean()) if flat.mean() > 0 else None
