"""Performance and comparisons of probabilities of an event, out-of-fold or external; needs no scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from radfuse.outcomes import pairs
from radfuse.results import Comparison, Interval, Performance
from radfuse.statistics.auc import (
    AucSet,
    auc_covariance,
    auc_interval,
    fold_averaged,
    overlap_of,
    overlap_of_one_deal,
)
from radfuse.statistics.calibration import calibration
from radfuse.statistics.estimate import clustered_mean


def measure(predictions: pd.DataFrame) -> Performance:
    """Return the performance of one family.

    Args:
        predictions: a row per unit and repeat; columns family (one value), fold, repeat, position (of the unit),
            patient, outcome (0 or 1), probability and threshold (that of the row's fold).

    Raises:
        ValueError: no rows.
    """
    if predictions.empty:
        raise ValueError("no predictions to measure")
    y = predictions["outcome"].to_numpy(dtype=float)
    p = predictions["probability"].to_numpy(dtype=float)
    patients = predictions["patient"].to_numpy()
    called = p >= predictions["threshold"].to_numpy(dtype=float)
    parts = _fold_sets(predictions[["probability"]], predictions)
    overlap, units = overlap_of(predictions), predictions.drop_duplicates("position")
    agreement = calibration(y, p, patients, overlap=overlap_of_one_deal(predictions))
    prevalence_brier = float(y.mean() * (1 - y.mean()))

    def share(correct: np.ndarray, of: np.ndarray) -> Interval:
        return Interval.of(clustered_mean(correct[of], patients[of], share=True))

    brier = clustered_mean((p - y) ** 2, patients)
    return Performance(
        family=str(predictions["family"].iloc[0]),
        units=len(units),
        patients=len(set(patients)),
        events=int(units["outcome"].sum()),
        auc=Interval.of(auc_interval(fold_averaged(list(parts.values()), overlap))),
        auc_pooled=Interval.of(auc_interval(auc_covariance(y, p, patients))),
        fold_aucs={fold: float(part.values[0]) for fold, part in parts.items()},
        brier=Interval.of(brier),
        brier_scaled=1 - brier.value / prevalence_brier if prevalence_brier > 0 else None,
        sensitivity=share(called, y == 1),
        specificity=share(~called, y == 0),
        ppv=share(y == 1, called),
        npv=share(y == 0, ~called),
        calibration_intercept=Interval.of(agreement.intercept),
        calibration_slope=Interval.of(agreement.slope),
        recalibration_intercept=agreement.slope_intercept,
        observed=agreement.observed,
        expected=agreement.expected,
    )


def compare(predictions: pd.DataFrame, families: Sequence[str]) -> tuple[Comparison, ...]:
    """Return every pair of families on the units both predict, p values adjusted by Holm over all pairs.

    Args:
        predictions: as for `measure`, all families.
        families: in the order of the report.
    """
    return pairs.compare(predictions, families, _losses, _both)


def _both(here: pd.DataFrame, there: pd.DataFrame) -> AucSet:
    """Return the AUC of two families on the same rows."""
    scores = pd.DataFrame({"first": here["probability"], "second": there["probability"]})
    return fold_averaged(list(_fold_sets(scores, here).values()), overlap_of(here))


def _losses(rows: pd.DataFrame) -> np.ndarray:
    """Return the log loss of each row."""
    y = rows["outcome"].to_numpy(dtype=float)
    p = np.clip(rows["probability"].to_numpy(dtype=float), 1e-12, 1 - 1e-12)
    return np.asarray(-(y * np.log(p) + (1 - y) * np.log1p(-p)))


def _fold_sets(scores: pd.DataFrame, about: pd.DataFrame) -> Mapping[str, AucSet]:
    folds = about["fold"].to_numpy()
    sets = {}
    for fold in dict.fromkeys(folds):
        here = folds == fold
        sets[str(fold)] = auc_covariance(
            about["outcome"].to_numpy()[here], scores.to_numpy(dtype=float)[here], about["patient"].to_numpy()[here]
        )
    return sets
