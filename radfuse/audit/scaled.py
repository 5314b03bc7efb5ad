"""Check: a table that was scaled over all rows before it came here."""

from __future__ import annotations

import numpy as np

from radfuse.audit.subject import Subject
from radfuse.results import AuditCheck, AuditFinding

NAME = "tables scaled before"
_FEWEST = 5
_SHARE = 0.95
_COLUMNS = 64
"""That are looked at together: all of a wide table at once would take several times its memory."""
_VALUES = 10
"""Of a column below which its ranks tell nothing."""
_BENT = 2e-3
"""Share of the range by which values may be off a line over their ranks; those of 67,000 rows that were drawn evenly
are off by 3e-3."""


def look(subject: Subject) -> AuditCheck:
    """Return blocks whose columns are all of one mean and spread or median and quartiles, ranks, or from 0 to 1."""
    findings = []
    for block, values in subject.design.blocks.items():
        how = scaled_by(values.to_numpy(dtype="float64"))
        if how:
            findings.append(
                AuditFinding(
                    severity="remark",
                    where=subject.where(block),
                    found=f"its columns were scaled over all rows: {how}",
                    mend="What scaling knows of test rows is little, and most public tables come so; better give the "
                    "values as they were measured: radfuse scales inside the folds",
                )
            )
    return AuditCheck(
        name=NAME,
        looks="mean, standard deviation, quartiles, smallest and largest value of every column over all rows, and "
        "whether values are their ranks",
        told="no block has columns of mean 0 and standard deviation 1, of median 0 and an interquartile range of 1, of "
        "ranks, or between 0 and 1, throughout",
        findings=tuple(findings),
    )


def scaled_by(x: np.ndarray) -> str:
    """Return how columns, shape (unit, column), were scaled; "" where they were not, or it cannot be told."""
    parts = [_facts(x[:, start : start + _COLUMNS]) for start in range(0, max(x.shape[1], 1), _COLUMNS)]
    low, high, mean, spread, median, quartiles, flags = (np.concatenate(found) for found in zip(*parts, strict=True))
    if len(x) < 2 or len(low) < _FEWEST:
        return ""
    if how := _by_rank(x[:, np.linspace(0, x.shape[1] - 1, min(_COLUMNS, x.shape[1])).round().astype(int)]):
        return how
    near = 0.2 / np.sqrt(len(x))  # a fifth of what chance leaves of columns that were drawn so
    if (np.abs(mean) < near).mean() >= _SHARE and (np.abs(spread - 1) < near).mean() >= _SHARE:
        return "mean 0 and standard deviation 1"
    if (np.abs(median) < near).mean() >= _SHARE and (np.abs(quartiles - 1) < near).mean() >= _SHARE:
        return "median 0 and an interquartile range of 1"
    if (np.abs(low) < 1e-6).mean() >= _SHARE and (np.abs(high - 1) < 1e-6).mean() >= _SHARE and flags.mean() < 0.5:
        return "smallest value 0 and largest 1"
    return ""


def _by_rank(x: np.ndarray) -> str:
    """Return which ranks the columns hold in the place of what was measured; "" where they hold none."""
    from scipy.special import ndtr
    from scipy.stats import rankdata

    even, normal = [], []
    for column in x.T:
        known = column[~np.isnan(column)]
        if len(known) >= _VALUES and len(np.unique(known)) == len(known):  # ranks of equal values are made in many ways
            ranks = rankdata(known)
            even.append(_on_a_line(known, ranks))
            normal.append(_on_a_line(ndtr(known), ranks))
    if len(even) < max(_FEWEST, 0.2 * x.shape[1]):
        return ""
    if np.mean(even) >= _SHARE:
        return "each value is its rank in the column"
    return "each value is its rank in the column, as a normal distribution has it" if np.mean(normal) >= _SHARE else ""


def _on_a_line(values: np.ndarray, ranks: np.ndarray) -> bool:
    """Return whether values rise with their ranks by equal steps, smallest and largest ones apart: some clip them."""
    inner = (ranks > ranks.min()) & (ranks < ranks.max())
    values, ranks = values[inner], ranks[inner]
    low, high = values[ranks.argmin()], values[ranks.argmax()]
    line = low + (high - low) * (ranks - ranks.min()) / np.ptp(ranks)
    return bool(np.abs(values - line).max() < _BENT * (high - low))


def _facts(x: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return what columns whose values differ have over all rows, and whether that is 0 or 1 throughout."""
    low, high = np.fmin.reduce(x, axis=0), np.fmax.reduce(x, axis=0)
    x = x[:, high > low]
    flags = (np.isin(x, (0.0, 1.0)) | np.isnan(x)).all(axis=0)
    quantile = np.nanquantile if np.isnan(x).any() else np.quantile  # the first is several times slower
    below, median, above = quantile(x, (0.25, 0.5, 0.75), axis=0)
    return low[high > low], high[high > low], np.nanmean(x, axis=0), np.nanstd(x, axis=0), median, above - below, flags
