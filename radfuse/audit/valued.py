"""Check: a column that tells a value or a grade by itself."""

from __future__ import annotations

from math import factorial

import numpy as np

from radfuse.audit import gaps
from radfuse.audit.subject import Subject
from radfuse.errors import listed
from radfuse.fusion.scaling import medians
from radfuse.results import AuditCheck, AuditFinding

_TELLING = 0.99
"""C of one column from which on it is taken for the outcome itself."""
_LOOKED_AT = 20
"""Columns of a block whose C is computed: those whose ranks correlate most with the outcome's."""
_BY_CHANCE = 1e-3
"""Chance that any column of a block of noise correlates as much, above which it is no news."""


def look(subject: Subject, name: str) -> AuditCheck:
    """Return the columns that rank the units as their outcomes do, by themselves."""
    about = "C of each block's columns whose ranks correlate most with the outcome's, and the AUC of all columns' gaps"
    findings: list[AuditFinding] = []
    best: tuple[float, str] = (0.5, "")
    for block in subject.design.blocks:
        found = concordances(subject, block)
        best = max([best, *((c, column) for column, (c, _) in found.items())])
        count = subject.design.blocks[block].shape[1]
        told = {column: c for column, (c, p) in found.items() if c > _TELLING and p * count < _BY_CHANCE}
        if told:
            shown = listed(f"{column} (C {c:.3f})" for column, c in told.items())
            mend = f"If it copies the outcome, or is known only after it, {subject.leave_out(block)}"
            what = f"tells the outcome by itself: {shown}"
            first = next(iter(told))
            where = subject.where(block)
            findings.append(AuditFinding(severity="warning", where=where, found=what, mend=mend, column=first))
        findings += gaps.by_value(subject, block)
    said = f"the most telling column is {best[1]} (C {best[0]:.3f})" if best[1] else "no column tells anything"
    return AuditCheck(name=name, looks=about, told=said, findings=tuple(findings))


def concordances(subject: Subject, block: str) -> dict[str, tuple[float, float]]:
    """Return column -> C, whichever way it points, and p of its rank correlation; the most telling alone.

    Columns of which half is missing are left out.
    """
    from scipy.stats import rankdata, t

    from radfuse.statistics.concordance import harrell

    assert subject.valued is not None
    y, frame = subject.valued, subject.design.blocks[block]
    x, units = frame.to_numpy(dtype="float64"), len(subject.valued)
    ranks = rankdata(np.where(np.isnan(x), medians(x), x), axis=0)
    ranks, own = ranks - ranks.mean(axis=0), rankdata(y) - (units + 1) / 2
    size = np.sqrt((ranks**2).sum(axis=0) * (own @ own))
    r = np.abs(own @ ranks) / np.where(size > 0, size, 1.0)
    p = 2 * t.sf(r * np.sqrt((units - 2) / np.maximum(1 - r**2, 1e-300)), units - 2)
    p = np.maximum(p, 2 / factorial(units))  # as of few units all orders can be counted
    found = {}
    for i in np.argsort(-r, kind="stable")[:_LOOKED_AT]:
        known = ~np.isnan(x[:, i])
        if known.mean() >= 0.5:
            here = y[known]
            c = float(harrell(here, np.ones(len(here)), x[known, i][:, None], np.arange(len(here))).values[0])
            found[str(frame.columns[i])] = (max(c, 1 - c), float(p[i]))
    return {column: pair for column, pair in found.items() if np.isfinite(pair[0])}
