"""The outcome's columns of a cohort table."""

from __future__ import annotations

from dataclasses import replace

from radfuse.cohort.draft import Draft


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
