"""What is wrong with a column of outcomes, whatever they are, and how to mend it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import pandas as pd

from radfuse.cohort.mends import EXCLUDE
from radfuse.cohort.spreadsheet import Table, to_numbers
from radfuse.config import nearest
from radfuse.errors import Finding, counted

MEND = f"correct it, or {EXCLUDE}"


def missing(text: pd.Series, column: str, what: str = "outcome") -> list[Finding]:
    """Return each case without one; `text` is the column as text, None where missing."""
    message = f"the {what} is missing; fill it, or {EXCLUDE}"
    return [Finding(message, index, column) for index in text.index[text.isna()]]


def numbers(table: Table, column: str, what: str) -> tuple[pd.Series, list[Finding]]:
    """Return a column as float64, and each case whose value is missing or no number; `what` they are, with its article.

    Infinite values are left to whoever asks.
    """
    values, wrong = to_numbers(table.cells[column])
    text = table.text(column)
    odd = [
        Finding(f"{what} is a number; found {text[index]!r}; {MEND}", index, column) for index in values.index[wrong]
    ]
    return values, [*missing(text, column, what.rpartition(" ")[2]), *odd]


def undeclared(what: str, text: str, levels: Sequence[str], add: str, new: bool) -> str:
    """Return that a class or a grade, as `what` says, is none of the levels; new patients have no setting to add it."""
    known, more = ("the study's", "") if new else ("cohort.outcome.levels", f" {add},")
    return f"the {what} {text!r} is none of {known}{nearest(text, levels, f'correct it,{more} or {EXCLUDE}')}"


def coded_otherwise(word: str, found: Collection[str]) -> bool:
    """Return whether new patients' texts, none of which is the event's word, seem to say it in another way.

    In other capitals, or as numbers where it is a word. Of patients who may all be without the event nothing else
    tells it.
    """
    numbers = pd.to_numeric(pd.Series([*found, word], dtype=object), errors="coerce").notna()
    return word.casefold() in {text.casefold() for text in found} or bool(numbers[:-1].all() and not numbers.iloc[-1])


def event_as_named(word: str, new: bool) -> str:
    """Return the event's word and where it was said: by the study, for new patients of whose table it is asked."""
    said = "as the study named it: write it so in the table" if new else "cohort.outcome.positive"
    return f"the event {word!r} ({said})"


def fewer_folds(count: int) -> str:
    """Return how to mend that an event, a class or a grade is had by fewer patients than there are folds."""
    return f"set cohort.split.folds: {count}" if count >= 3 else "add such patients"


def too_few_of_levels(
    frame: pd.DataFrame, patient: str, column: str, folds: int, named: dict[float, str] | None, what: str, join: str
) -> Iterator[Finding]:
    """Yield each level that occurs in fewer patients than there are folds.

    Args:
        frame: a row per case; may lack the column.
        patient: column of the person.
        column: of the levels.
        folds: asked for.
        named: value of the column -> name of the level; None: it holds the names.
        what: a level is: "class".
        join: what else may be done about a rare one.
    """
    if column not in frame:
        return
    counts = frame.dropna(subset=[column]).groupby(column)[patient].nunique()
    for value, count in counts.items():
        if count < folds and len(counts) > 1:
            name = str(value) if named is None else named[float(str(value))]
            who = counted(int(count), "patient has", "patients have")
            text = f"{who} the {what} {name!r}, fewer than the {folds} folds, so some fold would hold none"
            yield Finding(f"{text}; {fewer_folds(count)}, or {join}", None, column)
