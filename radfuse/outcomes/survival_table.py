"""Times and events of a cohort table, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from radfuse.cohort.cells import declared, whole_numbers
from radfuse.cohort.spreadsheet import Table, spellings, to_numbers
from radfuse.config import nearest
from radfuse.errors import Finding
from radfuse.outcomes.binary import BinaryOutcome
from radfuse.outcomes.faults import MEND, event_as_named, missing, numbers
from radfuse.outcomes.faults import coded_otherwise as said_otherwise


def times_of(table: Table, column: str) -> tuple[pd.Series, list[Finding]]:
    """Return a column of times, index as `table.cells`, and each that is missing, no number, or not above 0."""
    values, found = numbers(table, column, "a time")
    text = table.text(column)
    early = values.notna() & ~((values > 0) & np.isfinite(values))
    found += [
        Finding(f"a time under observation is above 0 and finite; found {text[index]!r}; {MEND}", index, column)
        for index in values.index[early]
    ]
    return values, found


def coded_otherwise(table: Table, column: str, new: bool) -> Finding | None:
    """Return what is wrong where events are coded in other numbers than 0 and 1: as two codes, or as competing events.

    Words are left to whoever reads a binary column. Of new patients no setting can say what codes mean.
    """
    found = sorted(set(whole_numbers(table.text(column)).dropna()))
    values, wrong = to_numbers(table.cells[column])
    codes = set(values.dropna())
    if wrong.any() or codes <= {0.0, 1.0}:
        return None
    listed = ", ".join(found[:8])
    if new:
        return Finding(f"events are coded {listed}; write 0 (censored) and 1, as the study had them", None, column)
    if len(codes) < 3:
        mend = f"say which is the event: cohort.outcome.positive: {found[-1]}"
        return Finding(f"events are coded {listed}, not 0 (censored) and 1; {mend}", None, column)
    return Finding(
        f"events have {len(codes)} codes: {listed}. Where they compete, name the one that is predicted and those "
        f"that forestall it, cohort.outcome: {{positive: {found[1]}, competing: [{', '.join(found[2:8])}]}}; a code "
        "that is neither counts as censored at its time, so that probabilities are of a world without it, too high "
        "where it is frequent",
        None,
        column,
    )


def events_of(
    table: Table, column: str, positive: str | None, competing: Sequence[str], new: bool
) -> tuple[dict[str, pd.Series], list[Finding]]:
    """Return 1.0 where a column holds the event, 2.0 a competing one, else 0.0, and what is wrong.

    Nothing where that cannot be told.

    Args:
        table: of the cases.
        column: of it.
        positive: text of the event; every other text is that of a censored time. None: 0 and 1, or words of truth.
        competing: texts of events that forestall it.
        new: patients that nothing will be trained on, of whom none need have the event.
    """
    if positive is None and not competing:
        return BinaryOutcome(column=column).read(table, new=True)
    event, rivals = spellings(positive or "1"), {rival: spellings(rival) for rival in competing}
    text = declared(whole_numbers(table.text(column)), event.union(*rivals.values()))
    found = sorted(set(text.dropna()))
    findings = missing(text, column, "event")
    if not event & set(found) and found and (not new or said_otherwise(positive or "1", found)):
        hint = nearest(positive or "1", found)
        return {}, [
            *findings,
            Finding(f"no row holds {event_as_named(positive or '1', new)}{hint}", None, column),
        ]
    codes = text.isin(event).astype("float64")
    for rival, spelled in rivals.items():
        here = text.isin(spelled)
        codes[here] = 2.0
        if not here.any() and not new:
            hint = nearest(rival, found, "remove it")
            message = f"no row holds the competing event {rival!r} (cohort.outcome.competing){hint}"
            findings.append(Finding(message, None, column))
    return {column: codes.where(text.notna())}, findings


def follow_up(time: pd.Series, event: pd.Series, horizon: float, times: Sequence[float]) -> Iterator[Finding]:
    """Yield that nothing can be learned by the horizon, or nobody was observed so long.

    Args:
        time: of each case.
        event: 1.0 where the time is that of the event.
        horizon: by which the event is predicted.
        times: at which survival is predicted.
    """
    here = time[event == 1]
    if here.empty:
        text = f"all {len(time)} cases are censored, and a survival model needs events; add cases with the event"
        yield Finding(text, None, str(event.name))
    elif here.min() > horizon:
        text = (
            f"no case has the event by the horizon {horizon:g}, the first is at {here.min():g}: all are censored "
            "before it, or have the event after it; set a later cohort.outcome.horizon"
        )
        yield Finding(text, None, str(time.name))
    for name, last in {"horizon": horizon, "times": max(times, default=0.0)}.items():
        if last > time.max():
            text = f"cohort.outcome.{name} {last:g} lies beyond the longest time under observation, {time.max():g}"
            yield Finding(f"{text}; set an earlier one", None, str(time.name))
