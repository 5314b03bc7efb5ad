"""What a column of classes may hold, and what is wrong with one that holds something else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from radfuse.cohort.mends import EXCLUDE
from radfuse.config import nearest
from radfuse.errors import Finding, listed
from radfuse.outcomes.faults import missing, undeclared

FEWEST, MOST = 3, 10
"""Classes."""
_NO_CLASS = frozenset(
    (
        *("?", "-", "--", "na", "n.a.", "nk", "n.k.", "unk", "tbd", "unknown", "not known", "missing", "no data"),
        *("not available", "not determined", "not done", "blank", "empty"),
    )
)
"""Words, in small letters, that people write where they know nothing."""


def faults(text: pd.Series, column: str, levels: Sequence[str], *, new: bool) -> Iterator[Finding]:
    """Yield what is wrong with a column of classes.

    Args:
        text: of each case, None where missing.
        column: its name.
        levels: that are declared; empty: none.
        new: of patients that nothing will be trained on, who need not be of every class.
    """
    found = missing(text, column)
    known = text.dropna()
    found += _undeclared(known, column, levels, new) if levels else _unlike_classes(known, column)
    if not found and not new:
        found += _absent(sorted(set(known)), column, levels)
    yield from found


def in_order(text: pd.Series) -> tuple[str, ...]:
    """Return the classes of a column, each once: numbers in their order, words by the alphabet."""
    names = sorted(set(map(str, text)), key=lambda name: (name.casefold(), name))
    numbers = pd.to_numeric(pd.Series(names, dtype=object), errors="coerce")
    return tuple(names if numbers.isna().any() else [names[place] for place in numbers.argsort(kind="stable")])


def _undeclared(text: pd.Series, column: str, levels: Sequence[str], new: bool) -> Iterator[Finding]:
    for index in text.index[~text.isin(levels)]:
        yield Finding(undeclared("class", text[index], levels, "add the class", new), index, column)


def _unlike_classes(text: pd.Series, column: str) -> Iterator[Finding]:
    """Yield words of missing values, classes in two spellings, and values that are too many for classes."""
    names = sorted(set(text))
    if len(names) > MOST:
        measured = bool(pd.to_numeric(text, errors="coerce").notna().all())
        mend = "join some, or exclude the cases of rare ones"
        if measured:
            mend = "a measurement is an outcome of kind continuous, grades are one of kind ordinal"
        what = f"the column holds {len(names)} different values ({listed(map(repr, names), 4)})"
        yield Finding(f"{what}, and classes are {FEWEST} to {MOST}; {mend}", None, column)
        return
    for index in text.index[text.str.lower().isin(_NO_CLASS)]:
        mend = f"{EXCLUDE}, or, where it is a class, name all classes in cohort.outcome.levels"
        yield Finding(f"{text[index]!r} looks like a word for a missing value; {mend}", index, column)
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault("".join(name.casefold().split()), []).append(name)
    for same in alike.values():
        if len(same) > 1:
            message = f"{' and '.join(map(repr, same))} differ in capitals or spaces alone; spell the class in one way"
            yield Finding(f"{message}, or name all classes in cohort.outcome.levels", None, column)


def _absent(names: Sequence[str], column: str, levels: Sequence[str]) -> Iterator[Finding]:
    """Yield that there is nothing to tell apart, that two classes are another kind, or that one never occurs."""
    if len(names) == 1:
        mend = "there is nothing to tell apart; add cases of others"
        yield Finding(f"every case has the class {names[0]!r}; {mend}", None, column)
    elif len(names) == 2 and not levels:
        mend = f"set cohort.outcome: {{column: {column}, kind: binary, positive: {names[1]}}}"
        yield Finding(f"the column holds two classes alone, {names[0]!r} and {names[1]!r}; {mend}", None, column)
    for name in levels:
        if name not in names:
            hint = nearest(name, names, "remove it, or add such cases")
            yield Finding(f"no case has the class {name!r} of cohort.outcome.levels{hint}", None, column)
