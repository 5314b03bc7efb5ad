"""The outcome's columns of a cohort table."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from radfuse.cohort.draft import Draft
from radfuse.cohort.mends import EXCLUDE
from radfuse.cohort.remarks import odd_values
from radfuse.cohort.spreadsheet import LARGEST


def leave_out(draft: Draft) -> None:
    """Leave cases out that the outcome says nothing is predicted of, as those not at risk at a landmark any more."""
    outcome = draft.config.outcome
    at_risk = getattr(outcome, "at_risk", None)
    if outcome is None or at_risk is None or not set(outcome.columns().values()) <= set(draft.cells):
        return
    here = at_risk(replace(draft.table, cells=draft.cells))
    if here.all():
        return
    gone = f"{int((~here).sum())} of {len(here)} cases had the event, or were seen for the last time, by the landmark "
    if not here.any():
        draft.problem(f"{gone}(cohort.outcome.landmark), so that nobody is left; set an earlier one")
        return
    draft.problem(f"{gone}(cohort.outcome.landmark), and take no part", severity="warning")
    draft.cells = draft.cells[here]
    draft.columns = {name: values[here] for name, values in draft.columns.items()}


def read_outcome(draft: Draft) -> None:
    """Read what the outcome reads; a column that cannot be read so is left out."""
    outcome = draft.config.outcome
    if outcome is None:
        return
    there = [draft.has(column, f"cohort.outcome.{setting}") for setting, column in outcome.columns().items()]
    if all(there):
        columns, findings = outcome.read(replace(draft.table, cells=draft.cells), draft.new)
        draft.columns |= columns
        for finding in findings:
            draft.problem(finding.message, finding.label, finding.column)
        for name, values in columns.items():
            if pd.api.types.is_float_dtype(values):
                _look_at_numbers(draft, name, values, small=name != outcome.columns().get("time"))


def _look_at_numbers(draft: Draft, name: str, numbers: pd.Series, *, small: bool) -> None:
    """Find times and scores that cannot be computed with, and remark codes for "missing" among them."""
    for index in numbers.index[numbers.abs() > LARGEST]:
        draft.problem(
            f"{numbers[index]:g} is too large to compute with; correct it, or {EXCLUDE}",
            index,
            name,
        )
    mends = ("list these cases under cohort.exclude", EXCLUDE)
    for finding in odd_values(numbers.rename(name), mends, small=small) if not draft.new else ():
        draft.problem(finding.message, finding.label, finding.column, "warning")
