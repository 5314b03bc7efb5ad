"""Check: columns that somebody chose by the outcome of all rows, before there were folds."""

from __future__ import annotations

import numpy as np

from radfuse.audit.subject import Subject
from radfuse.fusion.scaling import medians
from radfuse.results import AuditCheck, AuditFinding

NAME = "columns chosen on all rows"
FEWEST = 10
"""Columns of a block below which all may well tell something."""
SHARE = 0.95
"""Of columns with p < 0.05 by themselves from which on they are taken for chosen. Of 43 public radiomic tables the
largest is 0.83 by one test, of those of `scripts/audit_tables.py` 0.87 by the one that finds more."""
_DRAWS = 40
_COLUMNS = 1000
"""Shuffles of the outcome, and columns, that say what chance makes of an outcome without two classes."""


def look(subject: Subject) -> AuditCheck:
    """Return blocks whose columns nearly all tell something of the outcome by themselves."""
    findings, told = [], []
    for block, values in subject.design.blocks.items():
        if values.shape[1] < FEWEST:
            continue
        share = share_that_tells(subject, block)
        told.append(f"{share:.0%} of the {values.shape[1]:,} columns of {block} have p < 0.05")
        if share >= SHARE:
            findings.append(
                AuditFinding(
                    severity="warning",
                    where=subject.where(block),
                    found=f"{share:.0%} of {values.shape[1]} columns have p < 0.05 by themselves, which real tables "
                    "hardly reach: they look as if chosen by the outcome of all rows",
                    mend="If so, performance is flattered without limit (30 of 3,000 columns of noise give an AUC of "
                    "0.95): give the table before the choice, and choose inside the folds with fusion.selection. A few "
                    "columns that measure one thing may reach it honestly",
                )
            )
    about = f"the share of columns that tell something of the outcome by themselves, in blocks of {FEWEST} or more"
    if not told:
        return AuditCheck(name=NAME, looks=about, skipped=f"no block has {FEWEST} columns")
    return AuditCheck(name=NAME, looks=about, told="; ".join(told), findings=tuple(findings))


def share_that_tells(subject: Subject, block: str) -> float:
    """Return the share of columns with p < 0.05, by the test that finds most: nobody says which one chose them."""
    found = subject.ranks[block]
    if subject.events is not None:
        return float(max((found.p_ranks < 0.05).mean(), (found.p_means < 0.05).mean()))
    values = subject.design.blocks[block].to_numpy(dtype="float64")[:, :_COLUMNS]
    values = np.where(np.isnan(values), medians(values), values)
    outcome, targets = subject.outcome, subject.targets
    generator = np.random.default_rng(0)
    drawn = [outcome.relevance(values, targets[generator.permutation(len(targets))]) for _ in range(_DRAWS)]
    return float((outcome.relevance(values, targets) > np.quantile(np.concatenate(drawn), 0.94)).mean())
