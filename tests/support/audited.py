"""A study as an audit sees it, from a frame of values and an outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radfuse.audit.subject import Subject
from radfuse.cohort.case import Cohort
from radfuse.cohort.config import CohortConfig
from radfuse.cohort.splits import Fold
from radfuse.fusion.design import Design
from radfuse.results import AuditCheck, AuditFinding


def subject(
    values: pd.DataFrame | np.ndarray,
    outcome: Sequence[float] | np.ndarray,
    *,
    block: str = "radiomic",
    patients: Sequence[str] | None = None,
    folds: Sequence[Fold] = (),
    called: str = "event",
    kind: str = "binary",
    beside: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Subject:
    """Return a study of one block, a patient a row where none are named.

    `beside` are columns that nothing names, but the site's; `called` is the outcome's name, `kind` what it is.
    """
    block_values = pd.DataFrame(values).reset_index(drop=True).astype(float)
    block_values.columns = [str(name) for name in block_values.columns]
    count = len(block_values)
    names = [f"c{i}" for i in range(count)]
    units = pd.DataFrame({"case_id": names, "patient_id": patients or [f"p{i}x" for i in range(count)]})
    config = CohortConfig.model_validate(
        {"table": Path("cohort.csv"), "outcome": {"column": called, "kind": kind}, **settings}
    )
    for name in config.outcome_columns:
        units[name] = np.asarray(outcome, dtype=object if kind == "multiclass" else float)
    more = pd.DataFrame(beside or {}, index=names)
    if config.site in more:
        units[config.site] = more.pop(config.site).to_numpy()
    cohort = Cohort(config, units.set_index("case_id"), Path(), beside=more)
    return Subject(cohort, Design(units, {block: block_values}), folds)


def the_finding(check: AuditCheck) -> AuditFinding:
    """Return the one finding of a check."""
    (finding,) = check.findings
    return finding


def noise(units: int, columns: int, seed: int = 0) -> np.ndarray:
    """Return standard normal values, shape (unit, column)."""
    return np.random.default_rng(seed).standard_normal((units, columns))


def coins(units: int, seed: int = 1) -> np.ndarray:
    """Return 0 and 1 in turn of a shuffled half of the units."""
    return np.random.default_rng(seed).permutation(np.arange(units) % 2).astype(float)
