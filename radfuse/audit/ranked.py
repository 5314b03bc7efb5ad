"""The columns of a block by order of size: what each tells of two classes, in one pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

_COLUMNS, _VALUES = 256, 2**22
"""Columns that are ranked together, at most, and their values: all at once would take several times their memory."""


@dataclass(frozen=True)
class Ranked:
    """Of each column of a block, shape (column,).

    Attributes:
        area: under the ROC curve, above 0.5 where large values go with events; NaN without two classes.
        p_ranks: of Mann and Whitney's test, ties corrected, without a correction for continuity; NaN without classes.
        p_means: of Student's test of the two means; NaN without classes.
        known: values that are not missing.
        distinct: how many of them differ.
        median: of the values.
        spread: between the quartiles, as the standard deviation of a normal distribution; 0 where they are equal.
    """

    area: np.ndarray
    p_ranks: np.ndarray
    p_means: np.ndarray
    known: np.ndarray
    distinct: np.ndarray
    median: np.ndarray
    spread: np.ndarray


def ranked(values: pd.DataFrame, events: np.ndarray | None) -> Ranked:
    """Return what the order of each column tells.

    Args:
        values: of a block, NaN where missing.
        events: bool, shape (unit,); None where there are no two classes.
    """
    x = values.to_numpy(dtype="float64")
    step = max(min(_COLUMNS, _VALUES // max(len(x), 1)), 1)
    parts = [_of(x[:, start : start + step], events) for start in range(0, x.shape[1], step)]
    return Ranked(*(np.concatenate(found) for found in zip(*parts, strict=True)))


def _of(x: np.ndarray, events: np.ndarray | None) -> tuple[np.ndarray, ...]:
    from scipy.stats import rankdata

    order = np.argsort(x, axis=0)  # NaN last
    ordered = np.take_along_axis(x, order, axis=0)
    known = (~np.isnan(x)).sum(axis=0)
    differ = np.diff(ordered, axis=0) != 0
    differ &= ~np.isnan(ordered[1:])
    distinct = np.where(known > 0, differ.sum(axis=0) + 1, 0)
    low, median, high = (_at(ordered, known, share) for share in (0.25, 0.5, 0.75))
    spread = np.nan_to_num((high - low) / 1.349)
    count = np.full(x.shape[1], np.nan)
    if events is None:
        return count, count, count, known, distinct, median, spread
    ranks = np.empty_like(x)
    np.put_along_axis(ranks, order, np.arange(1.0, len(x) + 1)[:, None], axis=0)
    tied = distinct < known
    if tied.any():
        ranks[:, tied] = rankdata(np.where(np.isnan(x[:, tied]), np.inf, x[:, tied]), axis=0)
    return (*_tested(x, ranks, events), known, distinct, median, spread)


def _at(ordered: np.ndarray, known: np.ndarray, share: float) -> np.ndarray:
    place = np.maximum((share * (known - 1)).round().astype(int), 0)
    return np.asarray(np.take_along_axis(ordered, place[None, :], axis=0)[0])


def _tested(x: np.ndarray, ranks: np.ndarray, events: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return areas, and the p values of both tests."""
    from scipy import stats

    there = ~np.isnan(x)
    n1, n0 = (there & events[:, None]).sum(axis=0), (there & ~events[:, None]).sum(axis=0)
    n = n1 + n0
    ranks = np.where(there, ranks, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        u = ranks[events].sum(axis=0) - n1 * (n1 + 1) / 2
        area = np.where((n1 > 0) & (n0 > 0), u / (n1 * n0), np.nan)
        scatter = (ranks**2).sum(axis=0) - n * ((n + 1) / 2) ** 2
        z = (u - n1 * n0 / 2) / np.sqrt(n1 * n0 / (n * (n - 1.0)) * scatter)
        middle = np.nan_to_num(np.where(there, x, 0.0).sum(axis=0) / n)
        centred = np.where(there, x - middle, 0.0)
        m1, m0 = centred[events].sum(axis=0) / n1, centred[~events].sum(axis=0) / n0
        within = (centred**2).sum(axis=0) - n1 * m1**2 - n0 * m0**2
        t = (m1 - m0) / np.sqrt(np.maximum(within, 0) / (n - 2.0) * (1 / n1 + 1 / n0))
        p_means = 2 * stats.t.sf(np.abs(t), np.maximum(n - 2.0, 1))
        p_ranks = 2 * stats.norm.sf(np.abs(z))
    return area, p_ranks, p_means
