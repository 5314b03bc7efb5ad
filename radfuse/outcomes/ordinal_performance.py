"""Performance and comparisons of probabilities of grades."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from radfuse.outcomes import ranked
from radfuse.results import AtCut, Comparison, Interval, OrdinalPerformance
from radfuse.statistics.auc import overlap_of_one_deal
from radfuse.statistics.calibration import calibration
from radfuse.statistics.estimate import clustered_mean
from radfuse.statistics.kappa import kappa
from radfuse.statistics.ordinal import ranked_probability_score


def measure(predictions: pd.DataFrame, levels: Sequence[str]) -> OrdinalPerformance:
    """Return the performance of one family.

    Args:
        predictions: a row per unit and repeat; columns family (one value), fold, repeat, position (of the unit),
            patient, outcome (place of the grade), probability (which is the score), expected, grade, and
            "probability@L" of each level.
        levels: the grades, the lowest first.

    Raises:
        ValueError: no rows.
    """
    if predictions.empty:
        raise ValueError("no predictions to measure")
    patients = predictions["patient"].to_numpy()
    y, grade = (predictions[name].to_numpy(dtype=int) for name in ("outcome", "grade"))
    expected = predictions["expected"].to_numpy(dtype=float)
    above, overlap = above_of(predictions, levels), overlap_of_one_deal(predictions)
    c, pooled, folds = ranked.ranking(predictions)
    units = predictions.drop_duplicates("position")
    every = (y[:, None] > np.arange(above.shape[1])).astype(float)
    together = calibration(every.ravel(), above.ravel(), np.repeat(patients, above.shape[1]), overlap=overlap)

    def share(right: np.ndarray) -> Interval:
        return Interval.of(clustered_mean(right, patients, share=True))

    return OrdinalPerformance(
        family=str(predictions["family"].iloc[0]),
        units=len(units),
        patients=len(set(patients)),
        levels=tuple(levels),
        counts=tuple(map(int, np.bincount(units["outcome"].to_numpy(dtype=int), minlength=len(levels)))),
        c=c,
        c_pooled=pooled,
        fold_cs=folds,
        kappa=Interval.of(kappa(y, grade, patients)),
        mae=Interval.of(clustered_mean(np.abs(expected - y), patients)),
        accuracy=share(grade == y),
        within_one=share(np.abs(grade - y) <= 1),
        rps=Interval.of(clustered_mean(ranked_probability_score(y, above), patients)),
        calibration_slope=Interval.of(together.slope),
        cuts=tuple(_at_cut(levels[k + 1], every[:, k], above[:, k], patients, overlap) for k in range(above.shape[1])),
    )


def compare(predictions: pd.DataFrame, families: Sequence[str], levels: Sequence[str]) -> tuple[Comparison, ...]:
    """Return every pair of families; the loss is the ranked probability score."""

    def loss(rows: pd.DataFrame) -> np.ndarray:
        return ranked_probability_score(rows["outcome"].to_numpy(dtype=int), above_of(rows, levels))

    return ranked.compare(predictions, families, loss)


def above_of(predictions: pd.DataFrame, levels: Sequence[str]) -> np.ndarray:
    """Return the probability of a grade above each but the last, shape (row, cut), of the columns of each grade."""
    found = predictions[[f"probability@{level}" for level in levels]].to_numpy(dtype=float)
    return np.clip(np.cumsum(found[:, ::-1], axis=1)[:, -2::-1], 0.0, 1.0)


def _at_cut(level: str, y: np.ndarray, p: np.ndarray, patients: np.ndarray, overlap: float) -> AtCut:
    found = calibration(y, p, patients, overlap=overlap)
    return AtCut(
        level=level,
        observed=found.observed,
        expected=found.expected,
        intercept=Interval.of(found.intercept),
        slope=Interval.of(found.slope),
    )
