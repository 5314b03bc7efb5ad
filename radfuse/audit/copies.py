"""Check: the outcome among the inputs, as a copy or under another name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from math import comb

import numpy as np

from radfuse.audit.subject import Subject
from radfuse.audit.telling import areas_of
from radfuse.errors import listed
from radfuse.results import AuditCheck, AuditFinding

NAME = "outcome among the inputs"
_NAMES = re.compile(
    r"(?:^|[_\W])(?:outcomes?|labels?|targets?|ground_?truth|progress(?:ed|ion|or)|relapsed?|recurrence|recurred|"
    r"deceased|died|death|mortality|survival|event|response|responder|pcr)(?:[_\W]|$)",
    re.IGNORECASE,
)
_ALIKE = 0.8
_TELLS = 0.75
"""Area under the ROC curve from which on a column by such a name is more than a remark."""
_SURE = 1e-6
"""Chance of a copy that is none."""


def look(subject: Subject) -> AuditCheck:
    """Return columns that equal the outcome, and columns called like one."""
    sides = subject.against_rest.values() or [subject]
    findings = [*(found for side in sides for found in _copies(side)), *_names(subject)]
    return AuditCheck(
        name=NAME,
        looks="columns equal to the outcome, or called like it",
        told="no column is the outcome, or called like it",
        findings=tuple(findings),
    )


def _copies(subject: Subject) -> Iterator[AuditFinding]:
    """Yield clinical columns that hold the outcome itself; those of tables are named with the telling ones."""
    targets = np.asarray(subject.targets)
    if targets.ndim != 1 or targets.dtype.kind not in "iufb" or "clinical" not in subject.design.blocks:
        return
    classes = np.unique(targets, return_counts=True)[1]
    by_chance = 2 / comb(len(targets), int(classes.max())) if len(classes) == 2 else 0.0
    for name, values in subject.design.blocks["clinical"].items():
        x = values.to_numpy(dtype="float64")
        known = ~np.isnan(x)
        if known.mean() < 0.9 or len(set(targets[known])) < 2 or by_chance > _SURE:
            continue
        pairs = {(value, target) for value, target in zip(x[known], targets[known], strict=True)}
        levels = len(set(x[known]))
        if len(classes) <= 2 and (levels != 2 or len(pairs) != 2):
            continue
        if len(classes) > 2 and not (levels == len(pairs) == len(set(targets[known])) and _in_step(pairs)):
            continue
        yield AuditFinding(
            severity="error",
            where="cohort.clinical",
            found=f"column {str(name)!r} is the outcome itself, value by value in {int(known.sum())} units",
            mend="Remove it from cohort.clinical",
            column=str(name),
        )


def _in_step(pairs: set[tuple[float, float]]) -> bool:
    """Return whether one grows or falls throughout with the other."""
    steps = np.diff([target for _, target in sorted(pairs)])
    return bool((steps > 0).all() or (steps < 0).all())


def _names(subject: Subject) -> Iterator[AuditFinding]:
    outcomes = [name.casefold() for name in subject.config.outcome_columns]
    for block, values in subject.design.blocks.items():
        called = [str(name) for name in values.columns if _called_so(str(name), outcomes)]
        if not called:
            continue
        areas = areas_of(subject, block) if subject.events is not None else dict.fromkeys(called, 1.0)
        told = any(areas[name] >= _TELLS for name in called)
        shown = listed(f"{name} (AUC {areas[name]:.3f})" if subject.events is not None else name for name in called)
        yield AuditFinding(
            severity="warning" if told else "remark",
            where=subject.where(block),
            found=f"columns are called like an outcome: {shown}",
            mend=f"If it was not known when the images were taken, {subject.leave_out(block)}",
            column=called[0],
        )


def _called_so(name: str, outcomes: list[str]) -> bool:
    """Return whether a column has the name of an outcome, or nearly that of this one; features by class do not."""
    plain = name.rpartition("/")[2].partition("=")[0].casefold()
    near = any(difflib.SequenceMatcher(None, plain, outcome).ratio() >= _ALIKE for outcome in outcomes)
    inside = any(
        len(outcome) > 2 and re.search(rf"(?:^|[_\W]){re.escape(outcome)}(?:[_\W]|$)", plain) for outcome in outcomes
    )
    return near or inside or bool(_NAMES.search(plain))
