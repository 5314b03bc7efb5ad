"""Where columns have no value, by outcome: what stands in for a missing value then tells it."""

from __future__ import annotations

from collections.abc import Iterator
from math import comb

import numpy as np

from radfuse.audit.subject import Subject
from radfuse.errors import listed
from radfuse.outcomes.kinds import settled
from radfuse.results import AuditFinding

_MUCH = 0.97
"""Area under the ROC curve of being missing from which on it tells the outcome."""
_CHANCE = 0.05
"""Columns expected to tell two classes so by chance in a block, from which on they are no news."""
_BY_CHANCE = 1e-3
"""Chance that any column of a block tells values so, above which it is no news."""


def by_event(subject: Subject, block: str, events: np.ndarray) -> Iterator[AuditFinding]:
    """Yield columns that are missing where the event is, or where it is not; `events`: bool, shape (unit,)."""
    yield from _told(subject, block, "the outcome", *_apart(_gaps(subject, block), events))


def by_value(subject: Subject, block: str) -> Iterator[AuditFinding]:
    """Yield columns that are missing in one grade, or where values or grades are high, or low."""
    assert subject.valued is not None
    y, gaps = subject.valued, _gaps(subject, block)
    areas, sure = _ranked(gaps, y)
    for place, level in enumerate(getattr(settled(subject.outcome, subject.design.units), "levels", ())):
        of_grade, found = _apart(gaps, y == place)
        yield from _told(subject, block, f"the grade {level!r}", of_grade, found)
        sure &= ~found
    yield from _told(subject, block, "the outcome", areas, sure)


def _gaps(subject: Subject, block: str) -> np.ndarray:
    return subject.design.blocks[block].isna().to_numpy()


def _apart(gaps: np.ndarray, events: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the area of each column's gaps, shape (column,), and whether it tells two classes."""
    if 2 * gaps.shape[1] / comb(len(events), int(events.sum())) > _CHANCE:
        return np.full(gaps.shape[1], 0.5), np.zeros(gaps.shape[1], bool)
    areas = 0.5 + 0.5 * np.abs(gaps[events].mean(axis=0) - gaps[~events].mean(axis=0))
    return areas, areas > _MUCH


def _ranked(gaps: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the area of each column's gaps by value, and whether Mann and Whitney's test is sure of it too."""
    from scipy.stats import norm, rankdata

    ranks, missing = rankdata(y), gaps.sum(axis=0)
    pairs = missing * (len(y) - missing)
    u = ranks @ gaps - missing * (missing + 1) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        areas = np.nan_to_num(0.5 + np.abs(u / pairs - 0.5), nan=0.5)
        p = 2 * norm.sf(np.abs(u - pairs / 2) / np.sqrt(pairs * ranks.var() / (len(y) - 1)))
    return areas, (areas > _MUCH) & (p * len(p) < _BY_CHANCE)


def _told(subject: Subject, block: str, what: str, areas: np.ndarray, sure: np.ndarray) -> Iterator[AuditFinding]:
    names = [str(name) for name in subject.design.blocks[block].columns[sure]]
    if names:
        yield AuditFinding(
            severity="warning",
            where=subject.where(block),
            found=f"whether a value is missing tells {what} (AUC {areas[sure].max():.3f}): {listed(names)}",
            mend=f"If some units were measured otherwise, measure all alike; else {subject.leave_out(block)}",
            column=names[0],
        )
