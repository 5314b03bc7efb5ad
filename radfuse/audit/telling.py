"""Check: a column that tells the outcome by itself."""

from __future__ import annotations

from collections.abc import Iterator
from math import comb

import numpy as np

from radfuse.audit import gaps, timed, valued
from radfuse.audit.subject import Subject
from radfuse.errors import listed
from radfuse.results import AuditCheck, AuditFinding

NAME = "telling columns"
_TELLING = 0.99
"""Area under the ROC curve of one column from which on it is taken for the outcome itself."""
_MUCH = 0.97
"""The same from which on it is remarked."""
_NEAR = 0.95
"""The same of a clinical column, from which on it is taken for the outcome with a few wrong entries, where the others
are ordinary ones."""
_ORDINARY = 0.85
"""Area that ordinary clinical columns keep below."""
_SURE = 0.9
"""Area that the 95 % interval of such a column keeps above."""
_FEW = 3
"""Such columns, at most."""
_CHANCE = 0.05
"""Columns of such an area expected by chance in a block, from which on they are no news."""
_BY_CHANCE = 1e-3
"""Chance that any column of a block of noise reaches the area from which on it is remarked."""


def look(subject: Subject) -> AuditCheck:
    """Return the columns that tell two classes apart by themselves, by their values or by where they have none.

    A column of two values is named always, one of more values where chance would hardly make it: of few patients and
    thousands of columns some tell them apart by chance.
    """
    about = "the area under the ROC curve of every column, and of its gaps, against what chance makes of so many"
    if subject.timed is not None:
        return timed.look(subject, NAME)
    if subject.valued is not None:
        return valued.look(subject, NAME)
    if subject.against_rest:
        return _of_classes(subject, about)
    if subject.events is None:
        return AuditCheck(name=NAME, looks=about, skipped="the outcome is not one of two classes")
    findings: list[AuditFinding] = []
    best: tuple[float, str] = (0.5, "")
    for block in subject.design.blocks:
        areas = areas_of(subject, block)
        findings += _of_block(subject, block, areas)
        findings += gaps.by_event(subject, block, subject.events)
        best = max([best, *((area, name) for name, area in areas.items())])
    told = f"the most telling column is {best[1]} (AUC {best[0]:.3f})" if best[1] else "no column tells anything"
    return AuditCheck(name=NAME, looks=about, told=told, findings=tuple(findings))


def _of_classes(subject: Subject, about: str) -> AuditCheck:
    """Return the columns that tell a class from all others by themselves."""
    each = {name: look(one) for name, one in subject.against_rest.items()}
    findings = [
        finding.model_copy(update={"found": finding.found.replace("the outcome", f"the class {name!r}", 1)})
        for name, check in each.items()
        for finding in check.findings
    ]
    told = "; ".join(f"{name}: {check.told}" for name, check in each.items())
    return AuditCheck(name=NAME, looks=f"{about}, each class against the rest", told=told, findings=tuple(findings))


def areas_of(subject: Subject, block: str) -> dict[str, float]:
    """Return the area of each column of a block, whichever way it points; 0.5 where half of its values are missing."""
    found, names = subject.ranks[block], map(str, subject.design.blocks[block].columns)
    areas = np.where(np.isnan(found.area), 0.5, np.maximum(found.area, 1 - found.area))
    areas = np.where(found.known < 0.5 * len(subject.design.units), 0.5, areas)
    return dict(zip(names, map(float, areas), strict=True))


def _of_block(subject: Subject, block: str, areas: dict[str, float]) -> Iterator[AuditFinding]:
    assert subject.events is not None
    units, events = len(subject.events), int(subject.events.sum())
    names = list(areas)
    two = {name for name, distinct in zip(names, subject.ranks[block].distinct, strict=True) if distinct == 2}
    found = {name: area for name, area in areas.items() if area > _TELLING}
    if 2 * len(areas) / comb(units, events) > _CHANCE:
        found = {name: area for name, area in found.items() if name in two}
    if found:
        mend = f"If it copies the outcome, or is known only after it, {subject.leave_out(block)}"
        shown = listed(f"{name} (AUC {area:.3f})" for name, area in found.items())
        what = f"tells the outcome by itself: {shown}"
        first = next(iter(found))
        yield AuditFinding(severity="warning", where=subject.where(block), found=what, mend=mend, column=first)
    chance = _bound(events, units - events, len(areas))
    if block == "clinical" and not found and (wrong := _with_errors(subject, areas, chance)):
        shown = listed(f"{name} (AUC {area:.3f})" for name, area in wrong.items())
        rest = max((area for name, area in areas.items() if name not in wrong), default=0.5)
        yield AuditFinding(
            severity="warning",
            where=subject.where(block),
            found=f"tells the outcome by itself, but for a few units: {shown}; the other columns reach {rest:.3f}",
            mend=f"If it is the outcome with a few wrong entries, or known only after it, {subject.leave_out(block)}",
            column=next(iter(wrong)),
        )
        return
    bound = max(_MUCH, chance)
    much = {name: area for name, area in areas.items() if area > bound and name not in found}
    if much and not 2 * len(areas) / comb(units, events) > _CHANCE:
        shown = listed(f"{name} (AUC {area:.3f})" for name, area in sorted(much.items(), key=lambda item: -item[1]))
        yield AuditFinding(
            severity="remark",
            where=subject.where(block),
            found=f"comes near to telling the outcome by itself: {shown}; chance reaches {bound:.3f} at most",
            mend="Make sure that it was known before the outcome was",
            column=next(iter(much)),
        )


def _with_errors(subject: Subject, areas: dict[str, float], chance: float) -> dict[str, float]:
    """Return the few clinical columns that nearly tell the outcome, where all others are ordinary."""
    found = {name: area for name, area in areas.items() if area > max(_NEAR, chance)}
    ordinary = all(area < _ORDINARY for name, area in areas.items() if name not in found)
    if len(found) > _FEW or not ordinary:
        return {}
    return {name: area for name, area in found.items() if _surely_above(subject, name)}


def _surely_above(subject: Subject, name: str) -> bool:
    """Return whether the interval of a clinical column's area, by patient, lies above that of strong predictors."""
    from radfuse.statistics.auc import auc_covariance, auc_interval

    column = subject.design.blocks["clinical"][name].to_numpy(dtype="float64")
    known = ~np.isnan(column)
    assert subject.events is not None
    events, patients = subject.events[known], subject.design.units[subject.config.patient].to_numpy()[known]
    signs = np.column_stack([column[known], -column[known]])
    part = auc_covariance(events, signs, patients)
    return any(auc_interval(part, position).low > _SURE for position in (0, 1))


def _bound(events: int, others: int, columns: int) -> float:
    """Return the area that the best of so many columns of noise reaches with a chance of one in a thousand."""
    from scipy.stats import norm

    error = np.sqrt((events + others + 1) / (12 * events * others))
    return float(min(1.0, 0.5 + norm.isf(_BY_CHANCE / (2 * max(columns, 1))) * error))
