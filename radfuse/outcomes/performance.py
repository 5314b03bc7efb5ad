"""Performance and comparisons of probabilities of an event, out-of-fold or external; needs no scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from radfuse.results import Comparison, Interval, Performance
from radfuse.statistics.auc import (
    AucSet,
    auc_covariance,
    auc_difference,
    auc_interval,
    fold_averaged,
    overlap_of,
    overlap_of_one_deal,
)
from radfuse.statistics.calibration import calibration
from radfuse.statistics.estimate import Estimate, clustered_mean, normal_quantile
from radfuse.statistics.multiple import holm


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
    row = ["position", "repeat"]
    wide = predictions.pivot(index=row, columns="family", values="probability")
    about = predictions.drop_duplicates(row).set_index(row, drop=False)
    rows = []
    for i, first in enumerate(families):
        for second in families[i + 1 :]:
            scores = wide[[first, second]].dropna()
            here = about.loc[scores.index]
            part = fold_averaged(list(_fold_sets(scores, here).values()), overlap_of(here))
            difference, _, p = auc_difference(part, 0, 1)
            loss = _loss_difference(scores.to_numpy(dtype=float), here)
            people = patients_to_show(difference, int(here["patient"].nunique()))
            rows.append(
                Comparison(
                    first=first,
                    second=second,
                    difference=Interval.of(difference),
                    p=p,
                    p_holm=None,
                    loss=Interval.of(loss),
                    patients_to_show=people,
                )
            )
    adjusted = holm([float("nan") if row.p is None else row.p for row in rows])
    return tuple(
        row.model_copy(update={"p_holm": None if np.isnan(q) else float(q)})
        for row, q in zip(rows, adjusted, strict=True)
    )


def patients_to_show(difference: Estimate, patients: int) -> int | None:
    """Return about how many patients make a difference of this size significant at 5 % with a power of 80 %.

    The standard error is taken to fall with the square root of the number of patients.

    Args:
        difference: in AUC, with its 95 % interval.
        patients: it was seen in.

    Returns:
        None without a variance, or where it would take more than a million.
    """
    error = (difference.high - difference.low) / (2 * normal_quantile(0.95))
    if np.isnan(error) or error <= 0 or difference.value == 0:
        return None
    people = patients * ((normal_quantile(0.95) + normal_quantile(0.6)) * error / difference.value) ** 2
    return int(np.ceil(people)) if people <= 1_000_000 else None


def _loss_difference(probabilities: np.ndarray, about: pd.DataFrame) -> Estimate:
    """Return the mean difference in log loss of two columns, variances by patient and overlap of training sets."""
    y = about["outcome"].to_numpy(dtype=float)[:, None]
    p = np.clip(probabilities, 1e-12, 1 - 1e-12)
    losses = -(y * np.log(p) + (1 - y) * np.log1p(-p))
    found = clustered_mean(losses[:, 0] - losses[:, 1], about["patient"].to_numpy())
    wider = np.sqrt(overlap_of_one_deal(about))
    return Estimate(
        found.value,
        found.value - wider * (found.value - found.low),
        found.value + wider * (found.high - found.value),
    )


def _fold_sets(scores: pd.DataFrame, about: pd.DataFrame) -> Mapping[str, AucSet]:
    folds = about["fold"].to_numpy()
    sets = {}
    for fold in dict.fromkeys(folds):
        here = folds == fold
        sets[str(fold)] = auc_covariance(
            about["outcome"].to_numpy()[here], scores.to_numpy(dtype=float)[here], about["patient"].to_numpy()[here]
        )
    return sets
