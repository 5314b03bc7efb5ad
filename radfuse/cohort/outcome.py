"""The outcome column of a cohort table."""

from __future__ import annotations

from radfuse.cohort.config import Outcome
from radfuse.cohort.draft import Draft
from radfuse.cohort.spreadsheet import to_numbers
from radfuse.config import nearest


def read_outcome(draft: Draft, outcome: Outcome) -> None:
    """Read the outcome as 0.0 and 1.0; a column that cannot be read so is left out."""
    text = draft.text(outcome.column)
    for index in text.index[text.isna()]:
        draft.problem("the outcome is missing; fill it, or list the case under cohort.exclude", index, outcome.column)
    found = sorted(set(text.dropna()))
    if outcome.positive is not None:
        values = (text == outcome.positive).astype("float64").where(text.notna())
        if outcome.positive not in found and found and not draft.new:
            hint = nearest(outcome.positive, found)
            draft.problem(
                f"no row holds the event {outcome.positive!r} (cohort.outcome.positive){hint}",
                None,
                outcome.column,
            )
            return
        if len(found) > 2:
            listed = ", ".join(map(repr, found[:8]))
            draft.problem(f"a binary outcome has two values; found {len(found)}: {listed}", None, outcome.column)
    else:
        values, wrong = to_numbers(draft.cells[outcome.column])
        if wrong.any() and len(found) == 2:
            mend = f"say which is the event: cohort.outcome.positive: {found[1]}"
            draft.problem(f"holds the words {found[0]!r} and {found[1]!r}; {mend}", None, outcome.column)
            return
        odd = wrong | (values.notna() & ~values.isin([0.0, 1.0]))
        for index in values.index[odd]:
            draft.problem(f"a binary outcome is 0 or 1; found {text[index]!r}", index, outcome.column)
        if odd.any():
            return
    if len(found) == 1 and len(text) > 1 and not draft.new:
        draft.problem(f"every case has the outcome {found[0]!r}; there is nothing to tell apart", None, outcome.column)
    draft.columns[outcome.column] = values
