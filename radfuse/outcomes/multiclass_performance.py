"""Performance and comparisons of probabilities of classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from radfuse.outcomes import pairs
from radfuse.results import Comparison, Interval, MulticlassPerformance, OfClass
from radfuse.statistics.auc import AucSet, overlap_of, overlap_of_one_deal
from radfuse.statistics.calibration import calibration
from radfuse.statistics.estimate import clustered_mean
from radfuse.statistics.kappa import kappa
from radfuse.statistics.multiclass import Influenced, interval, mean, share, together, told_apart

_OF = "probability@"


def measure(predictions: pd.DataFrame) -> MulticlassPerformance:
    """Return the performance of one family.

    Args:
        predictions: a row per unit and repeat; columns family (one value), fold, repeat, position (of the unit),
            patient, outcome and class (names), and "probability@NAME" of each class, in their order.

    Raises:
        ValueError: no rows.
    """
    if predictions.empty:
        raise ValueError("no predictions to measure")
    levels, y, p = classes_of(predictions)
    patients, folds = predictions["patient"].to_numpy(), predictions["fold"].to_numpy(dtype=object)
    given = predictions["class"].map({name: place for place, name in enumerate(levels)}).to_numpy(dtype=int)
    told = told_apart(y, p, patients, folds)
    pooled = told_apart(y, p, patients, np.full(len(y), "all", dtype=object))
    units = predictions.drop_duplicates("position")
    counts = tuple(int((units["outcome"] == name).sum()) for name in levels)
    people, overlap = _rarest(y, patients), overlap_of(predictions)
    of_fold = _people_in_folds(predictions)
    one_hot = (y[:, None] == np.arange(len(levels))).astype(float)
    together_ = calibration(
        one_hot.ravel(), p.ravel(), np.repeat(patients, len(levels)), overlap=overlap_of_one_deal(predictions)
    )
    found = [
        share(((given == k) & (y == k)).astype(float), (y == k).astype(float), patients) for k in range(len(levels))
    ]
    brier = clustered_mean(((p - one_hot) ** 2).sum(axis=1), patients)
    by_shares = float(1 - (one_hot.mean(axis=0) ** 2).sum())

    def ranks(number: Influenced) -> Interval:
        return Interval.of(interval(number, of_fold, people, overlap))

    return MulticlassPerformance(
        family=str(predictions["family"].iloc[0]),
        units=len(units),
        patients=len(set(patients)),
        levels=levels,
        counts=counts,
        auc=ranks(told.macro),
        auc_pooled=Interval.of(interval(pooled.macro, patients, people)),
        fold_aucs=told.folds,
        auc_weighted=ranks(told.weighted),
        hand_till=ranks(told.hand_till),
        log_loss=Interval.of(clustered_mean(_losses(y, p), patients)),
        brier=Interval.of(brier),
        brier_scaled=1 - brier.value / by_shares if by_shares > 0 else None,
        accuracy=Interval.of(clustered_mean(given == y, patients, share=True)),
        balanced_accuracy=Interval.of(interval(mean(found), patients, people)),
        kappa=Interval.of(kappa(y, given, patients, weights="none")),
        calibration_slope=Interval.of(together_.slope),
        classes=tuple(
            _of_class(name, counts[k], predictions, (y == k, given == k, p[:, k]), ranks(told.each[k]))
            for k, name in enumerate(levels)
        ),
    )


def compare(predictions: pd.DataFrame, families: Sequence[str]) -> tuple[Comparison, ...]:
    """Return every pair of families by their macro AUC; the loss is the log loss."""

    def loss(rows: pd.DataFrame) -> np.ndarray:
        _, y, p = classes_of(rows)
        return _losses(y, p)

    return pairs.compare(predictions, families, loss, _both)


def classes_of(predictions: pd.DataFrame) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Return the names of the classes, the place of each row's class, and the probabilities, shape (row, class)."""
    columns = [name for name in map(str, predictions.columns) if name.startswith(_OF)]
    levels = tuple(name.removeprefix(_OF) for name in columns)
    y = predictions["outcome"].map({name: place for place, name in enumerate(levels)}).to_numpy(dtype=int)
    return levels, y, predictions[columns].to_numpy(dtype=float)


def _both(here: pd.DataFrame, there: pd.DataFrame) -> AucSet:
    """Return the macro AUC of two families on the same rows."""
    _, y, _ = classes_of(here)
    patients, folds = here["patient"].to_numpy(), here["fold"].to_numpy(dtype=object)
    each = [told_apart(y, classes_of(rows)[2], patients, folds).macro for rows in (here, there)]
    return together(each, _people_in_folds(here), _rarest(y, patients), overlap_of(here))


def _of_class(
    name: str, units: int, predictions: pd.DataFrame, about: tuple[np.ndarray, np.ndarray, np.ndarray], auc: Interval
) -> OfClass:
    """Return one class against the rest; `about` is whether rows have it, are given it, and its probability."""
    has, given, p = about
    patients = predictions["patient"].to_numpy()
    found = calibration(has.astype(float), p, patients, overlap=overlap_of_one_deal(predictions))
    f1 = share(2.0 * (has & given), has.astype(float) + given, patients)

    def of(right: np.ndarray, among: np.ndarray) -> Interval:
        return Interval.of(clustered_mean(right[among], patients[among], share=True))

    return OfClass(
        name=name,
        units=units,
        given=int(given.sum()),
        auc=auc,
        sensitivity=of(given, has),
        specificity=of(~given, ~has),
        ppv=of(has, given),
        f1=Interval.of(interval(f1, patients, len(set(patients[has | given])))),
        observed=found.observed,
        expected=found.expected,
        intercept=Interval.of(found.intercept),
        slope=Interval.of(found.slope),
    )


def _losses(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return np.asarray(-np.log(np.clip(p[np.arange(len(y)), y], 1e-12, 1.0)))


def _rarest(y: np.ndarray, patients: np.ndarray) -> int:
    """Return the patients of the rarest class that occurs."""
    return min(len(set(patients[y == one])) for one in set(y))


def _people_in_folds(predictions: pd.DataFrame) -> np.ndarray:
    """Return who each row is, told apart by fold: errors of other folds are counted by the overlap of training sets."""
    return np.asarray(predictions.groupby(["fold", "patient"], sort=False).ngroup())
