"""What continuous and ordinal outcomes share: pairs of units ranked right, and families compared by them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from radfuse.errors import counted
from radfuse.outcomes import pairs
from radfuse.results import Comparison, Interval
from radfuse.statistics.auc import AucSet, auc_interval, fold_averaged, overlap_of
from radfuse.statistics.concordance import harrell

_SMALLEST = 20
"""Units of a stratum, so that folds inside training sets still have some of each."""


class Ranking(NamedTuple):
    """Concordance of predictions.

    Attributes:
        c: averaged over test folds.
        pooled: over all predictions at once.
        folds: of each.
    """

    c: Interval
    pooled: Interval
    folds: dict[str, float]


def concordance(y: np.ndarray, scores: np.ndarray, patients: np.ndarray) -> AucSet:
    """Return the share of pairs of units with two outcomes in which the larger one has the larger score.

    Args:
        y: shape (unit,).
        scores: shape (unit, score).
        patients: shape (unit,).
    """
    return harrell(y, np.ones(len(y)), -scores, patients)


def discrimination(y: np.ndarray, score: np.ndarray) -> float:
    """Return the concordance of one score; NaN where all units have one outcome."""
    return float(concordance(y, score[:, None], np.arange(len(y))).values[0])


def ranking(predictions: pd.DataFrame) -> Ranking:
    """Return the concordance of one family; columns fold, repeat, patient, outcome and probability, the score."""
    own = dict(_parts(predictions, predictions[["probability"]].to_numpy(dtype=float)))
    sets = {name: concordance(*part) for name, part in own.items()}
    pooled = concordance(
        predictions["outcome"].to_numpy(dtype=float),
        predictions[["probability"]].to_numpy(dtype=float),
        predictions["patient"].to_numpy(),
    )
    return Ranking(
        Interval.of(auc_interval(fold_averaged(list(sets.values()), overlap_of(predictions)))),
        Interval.of(auc_interval(pooled)),
        {name: float(part.values[0]) for name, part in sets.items()},
    )


def compare(
    predictions: pd.DataFrame, families: Sequence[str], loss: Callable[[pd.DataFrame], np.ndarray]
) -> tuple[Comparison, ...]:
    """Return every pair of families by their concordance; see `pairs.compare`."""
    return pairs.compare(predictions, families, loss, _both)


def _both(here: pd.DataFrame, there: pd.DataFrame) -> AucSet:
    """Return the concordance of two families on the same rows."""
    scores = np.column_stack([here["probability"], there["probability"]]).astype(float)
    return fold_averaged([concordance(*part) for _, part in _parts(here, scores)], overlap_of(here))


def quantile_strata(values: np.ndarray) -> np.ndarray | None:
    """Return the quantile group of each value, up to five of at least 20 units; None where there is one alone."""
    groups = min(5, len(values) // _SMALLEST)
    if groups < 2:
        return None
    found = np.searchsorted(np.quantile(values, np.arange(1, groups) / groups), values, side="right")
    return merged(found)


def merged(classes: np.ndarray) -> np.ndarray | None:
    """Return ordered classes, small ones joined with their neighbours; None where one alone is left."""
    values, counts = np.unique(classes, return_counts=True)
    new, number, here = {}, 0, 0
    for value, count in zip(values, counts, strict=True):
        new[value], here = number, here + count
        if here >= _SMALLEST:
            number, here = number + 1, 0
    if here:  # the last ones are too few by themselves
        new = {value: min(at, max(number - 1, 0)) for value, at in new.items()}
    found = np.array([new[value] for value in classes], dtype=int)
    return found if len(set(found)) > 1 else None


def relevance(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return units times the squared correlation of each column with y, chi-squared by chance; 0 for a constant."""
    centred, left = x - x.mean(axis=0), y - y.mean()
    size = (centred**2).sum(axis=0) * float(left @ left)
    return np.where(size > 0, len(y) * (left @ centred) ** 2 / np.where(size > 0, size, 1.0), 0.0)


def folds_possible(y: np.ndarray, patients: np.ndarray, wanted: int) -> int:
    """Return at most as many folds as there are patients.

    Raises:
        ValueError: there is one patient, or all units have one outcome.
    """
    count = len(set(patients))
    if count < 2:
        raise ValueError(f"{counted(count, 'patient is', 'patients are')} too few for inner folds")
    if len(set(y)) < 2:
        raise ValueError(f"all {len(y)} training units have the outcome {y[0]:g}; there is nothing to learn")
    return min(wanted, count)


def _parts(rows: pd.DataFrame, scores: np.ndarray) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray, np.ndarray]]]:
    """Yield of each fold outcomes, scores and patients."""
    folds, y, patients = rows["fold"].to_numpy(), rows["outcome"].to_numpy(dtype=float), rows["patient"].to_numpy()
    for fold in dict.fromkeys(folds):
        here = folds == fold
        yield str(fold), (y[here], scores[here], patients[here])
