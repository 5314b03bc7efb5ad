"""Check: a column that tells the time to the event, or whether it was seen, by itself."""

from __future__ import annotations

import numpy as np

from radfuse.audit import gaps
from radfuse.audit.ranked import ranked
from radfuse.audit.subject import Subject
from radfuse.errors import listed
from radfuse.fusion.scaling import medians
from radfuse.results import AuditCheck, AuditFinding

_TELLING = 0.99
"""C of one column, or its AUC of the event being seen, from which on it is taken for the outcome itself."""
_LOOKED_AT = 20
"""Columns of a block whose C is computed: those that a score test of their ranks puts first."""
_BY_CHANCE = 1e-3
"""Chance that any column of a block of noise is as telling, by that test, above which it is no news."""


def look(subject: Subject, name: str) -> AuditCheck:
    """Return the columns that rank the times of events, or tell who was seen to have one, by themselves."""
    about = (
        "Harrell's C of the most telling columns of each block; of every column, and of its gaps, the AUC of the event"
    )
    assert subject.timed is not None
    event = subject.timed[1] == 1
    findings: list[AuditFinding] = []
    best: tuple[float, str] = (0.5, "")
    for block, values in subject.design.blocks.items():
        ranks = concordances(subject, block)
        best = max([best, *((c, column) for column, (c, _) in ranks.items())])
        enough = {column: c for column, (c, p) in ranks.items() if c > _TELLING and p * values.shape[1] < _BY_CHANCE}
        told = ranked(values, event)
        areas = np.nan_to_num(np.maximum(told.area, 1 - told.area), nan=0.5)
        sure = (areas > _TELLING) & (told.p_ranks * values.shape[1] < _BY_CHANCE)
        for what, measure, found in (
            ("ranks the times of events by itself", "C", enough),
            ("tells who has the event by itself", "AUC", dict(zip(values.columns[sure], areas[sure], strict=True))),
        ):
            if found:
                shown = listed(f"{column} ({measure} {value:.3f})" for column, value in found.items())
                findings.append(
                    AuditFinding(
                        severity="warning",
                        where=subject.where(block),
                        found=f"{what}: {shown}",
                        mend=f"If it copies the outcome, or is known only after it, {subject.leave_out(block)}",
                        column=str(next(iter(found))),
                    )
                )
        findings += gaps.by_event(subject, block, event)
    told_of = f"the most telling column is {best[1]} (C {best[0]:.3f})" if best[1] else "no column tells anything"
    return AuditCheck(name=name, looks=about, told=told_of, findings=tuple(findings))


def concordances(subject: Subject, block: str) -> dict[str, tuple[float, float]]:
    """Return column -> C, whichever way it points, and p of the score test of its ranks; the most telling alone.

    Columns of which half is missing are left out.
    """
    from scipy.stats import chi2, rankdata

    from radfuse.statistics.concordance import harrell
    from radfuse.statistics.cox import score_test

    assert subject.timed is not None
    (time, event), frame = subject.timed, subject.design.blocks[block]
    x = frame.to_numpy(dtype="float64")
    filled = np.where(np.isnan(x), medians(x), x)
    p = chi2.sf(score_test(rankdata(filled, axis=0), time, event), 1)
    found = {}
    for i in np.argsort(p, kind="stable")[:_LOOKED_AT]:
        known = ~np.isnan(x[:, i])
        if known.mean() >= 0.5:
            c = float(harrell(time[known], event[known], x[known, i][:, None], np.arange(known.sum())).values[0])
            found[str(frame.columns[i])] = (max(c, 1 - c), float(p[i]))
    return {name: pair for name, pair in found.items() if np.isfinite(pair[0])}


def surplus(time: np.ndarray, event: np.ndarray) -> np.ndarray:
    """Return how many events more than expected each unit has, all alike: martingale residuals, shape (unit,).

    Source:
        Therneau et al. 1990, doi:10.1093/biomet/77.1.147.
    """
    from radfuse.statistics.cox import baseline, hazard_at

    times, hazard = baseline(time, event.astype(float), np.zeros(len(time)))
    return np.asarray(event - hazard_at(times, hazard, time))
