"""Performance and comparisons of probabilities of an event by a horizon, where times are censored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from radfuse.outcomes.performance import patients_to_show
from radfuse.results import AtTime, Comparison, Interval, SurvivalPerformance
from radfuse.statistics.auc import (
    AucSet,
    auc_difference,
    auc_interval,
    fold_averaged,
    overlap_of,
    overlap_of_one_deal,
)
from radfuse.statistics.concordance import auc_at, harrell, uno
from radfuse.statistics.cox import slope_of
from radfuse.statistics.estimate import Estimate, clustered_mean
from radfuse.statistics.links import score_of
from radfuse.statistics.multiple import holm
from radfuse.statistics.survival import Curve, brier_parts, censoring, kaplan_meier


def measure(predictions: pd.DataFrame, horizon: float, grid: np.ndarray, unit: str = "") -> SurvivalPerformance:
    """Return the performance of one family.

    Args:
        predictions: a row per unit and repeat; columns family (one value), fold, repeat, position (of the unit),
            patient, time, event (0 or 1), probability of the event by the horizon, and "survival@T" of each grid time.
        horizon: time by which the event is predicted.
        grid: times up to the horizon, rising, shape (time,).
        unit: of times.

    Raises:
        ValueError: no rows.
    """
    if predictions.empty:
        raise ValueError("no predictions to measure")
    units = predictions.drop_duplicates("position")
    time, event = _outcome(predictions)
    known, patients = censoring(*_outcome(units)), predictions["patient"].to_numpy()
    scores = predictions[["probability"]].to_numpy(dtype=float)
    overlap = overlap_of(predictions)
    folds = _folds(predictions)
    own = {name: harrell(*each) for name, each in _parts(folds, predictions, scores)}
    deal = overlap_of_one_deal(predictions)
    survival = predictions[[f"survival@{when:g}" for when in grid]].to_numpy(dtype=float)
    parts, flat = _brier(time, event, survival, grid, known, kaplan_meier(*_outcome(units)))
    observed = kaplan_meier(*_outcome(units)).estimate(horizon)
    reverse = kaplan_meier(units["time"].to_numpy(dtype=float), 1 - units["event"].to_numpy(dtype=float))

    def interval(part: AucSet) -> Interval:
        return Interval.of(auc_interval(part))

    def averaged(each: list[AucSet]) -> Interval:
        return interval(fold_averaged(each, overlap))

    over_time = {
        float(when): averaged([auc_at(*each, when, known) for _, each in _parts(folds, predictions, scores)])
        for when in grid[1:]
    }
    return SurvivalPerformance(
        family=str(predictions["family"].iloc[0]),
        units=len(units),
        patients=len(set(patients)),
        events=int(units["event"].sum()),
        horizon=horizon,
        time_unit=unit,
        c=averaged(list(own.values())),
        c_pooled=interval(harrell(time, event, scores, patients)),
        fold_cs={name: float(part.values[0]) for name, part in own.items()},
        uno=averaged([uno(*each, horizon, known) for _, each in _parts(folds, predictions, scores)]),
        auc_at_horizon=over_time[float(grid[-1])],
        auc_over_time=tuple(AtTime(time=when, auc=value) for when, value in over_time.items()),
        brier=Interval.of(clustered_mean(parts[:, -1], patients)),
        brier_scaled=_scaled(parts[:, -1:], flat[:, -1:]),
        integrated_brier=Interval.of(clustered_mean(_integrated(parts, grid), patients)),
        integrated_brier_scaled=_scaled(_integrated(parts, grid), _integrated(flat, grid)),
        calibration_slope=Interval.of(slope_of(score_of(scores[:, 0], "cloglog"), time, event, patients, deal)),
        observed=Interval(value=1 - observed.value, low=1 - observed.high, high=1 - observed.low),
        expected=float(scores.mean()),
        follow_up=reverse.median(),
    )


def compare(predictions: pd.DataFrame, families: Sequence[str], horizon: float) -> tuple[Comparison, ...]:
    """Return every pair of families on the units both predict, p values adjusted by Holm over all pairs.

    Args:
        predictions: as for `measure`, all families.
        families: in the order of the report.
        horizon: of the Brier score that stands beside the difference in Harrell's C.
    """
    row = ["position", "repeat"]
    wide = predictions.pivot(index=row, columns="family", values="probability")
    about = predictions.drop_duplicates(row).set_index(row, drop=False)
    rows = []
    for i, first in enumerate(families):
        for second in families[i + 1 :]:
            both = wide[[first, second]].dropna()
            here = about.loc[both.index]
            scores = both.to_numpy(dtype=float)
            sets = [harrell(*each) for _, each in _parts(_folds(here), here, scores)]
            difference, _, p = auc_difference(fold_averaged(sets, overlap_of(here)), 0, 1)
            rows.append(
                Comparison(
                    first=first,
                    second=second,
                    difference=Interval.of(difference),
                    p=p,
                    p_holm=None,
                    loss=Interval.of(_brier_difference(scores, here, horizon)),
                    patients_to_show=patients_to_show(difference, int(here["patient"].nunique())),
                )
            )
    adjusted = holm([float("nan") if row.p is None else row.p for row in rows])
    return tuple(
        row.model_copy(update={"p_holm": None if np.isnan(q) else float(q)})
        for row, q in zip(rows, adjusted, strict=True)
    )


def _outcome(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return rows["time"].to_numpy(dtype=float), rows["event"].to_numpy(dtype=float)


def _folds(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return fold -> its rows, as a mask."""
    folds = rows["fold"].to_numpy()
    return {str(fold): folds == fold for fold in dict.fromkeys(folds)}


def _parts(
    folds: dict[str, np.ndarray], rows: pd.DataFrame, scores: np.ndarray
) -> list[tuple[str, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]]:
    """Return of each fold time, event, scores and patients."""
    time, event = _outcome(rows)
    patients = rows["patient"].to_numpy()
    return [(name, (time[here], event[here], scores[here], patients[here])) for name, here in folds.items()]


def _brier(
    time: np.ndarray, event: np.ndarray, survival: np.ndarray, grid: np.ndarray, known: Curve, all_alike: Curve
) -> tuple[np.ndarray, np.ndarray]:
    """Return the parts of the Brier score of predictions, and of one survival curve for all units."""
    flat = np.broadcast_to(all_alike.at(grid), survival.shape)
    return brier_parts(time, event, survival, grid, known), brier_parts(time, event, flat, grid, known)


def _integrated(parts: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Return each unit's part of the mean Brier score from 0, where it is 0, to the last time; shape (unit,)."""
    steps, ends = np.r_[0.0, grid], np.column_stack([np.zeros(len(parts)), parts])
    return np.asarray(np.trapezoid(ends, steps, axis=1) / grid[-1])


def _scaled(parts: np.ndarray, flat: np.ndarray) -> float | None:
    """Return 1 - Brier / Brier of one curve for all; None where that is 0."""
    return 1 - float(parts.mean() / flat.mean()) if flat.mean() > 0 else None


def _brier_difference(scores: np.ndarray, about: pd.DataFrame, horizon: float) -> Estimate:
    """Return the mean difference in Brier score of two columns, variances by patient and overlap of training sets."""
    time, event = _outcome(about)
    known = censoring(*_outcome(about.drop_duplicates("position")))
    when = np.array([horizon])
    parts = [brier_parts(time, event, 1 - scores[:, [i]], when, known)[:, 0] for i in (0, 1)]
    found = clustered_mean(parts[0] - parts[1], about["patient"].to_numpy())
    wider = float(np.sqrt(overlap_of_one_deal(about)))
    low, high = (found.value + wider * (end - found.value) for end in (found.low, found.high))
    return Estimate(found.value, low, high)
