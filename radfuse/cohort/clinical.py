"""Clinical columns of a cohort table: numbers, and words of declared levels."""

from __future__ import annotations

from radfuse.cohort.cells import declared
from radfuse.cohort.commas import as_written
from radfuse.cohort.config import Categories
from radfuse.cohort.draft import Draft
from radfuse.cohort.remarks import odd_values
from radfuse.cohort.spreadsheet import LARGEST, spellings, to_numbers
from radfuse.cohort.times import days_of
from radfuse.errors import listed


def read_clinical(draft: Draft) -> None:
    """Read the clinical columns as float64, words one-hot as "column=level"."""
    for item in draft.config.clinical:
        name = item if isinstance(item, str) else item.column
        if not draft.has(name, "cohort.clinical"):
            continue
        if isinstance(item, str):
            _numeric(draft, name)
        else:
            _levels(draft, item)


def _numeric(draft: Draft, name: str) -> None:
    """Read a column of numbers; one that holds mostly words is one problem, not one a cell."""
    numbers, wrong = to_numbers(draft.cells[name])
    text = draft.text(name)
    levels = sorted(set(text[wrong]))
    if wrong.sum() > 3 and wrong.sum() > 0.5 * text.notna().sum():
        mend = f"declare it as {{column: {name}, levels: [{', '.join(levels[:6])}]}} under cohort.clinical"
        if days_of(text[wrong]).notna().all():
            mend = f"dates are no measurement: name a column of years, such as an age, or remove {name!r} there"
        if len(levels) == 1:  # "?", "unknown": levels are two or more
            mend = "write numbers, or leave those cells empty"
        mend = as_written(text[wrong]) or mend
        draft.problem(f"holds words ({listed(map(repr, levels), 6)}), not numbers; {mend}", None, name)
    else:
        for index in text.index[wrong]:
            mend = as_written([text[index]]) or "correct it"
            draft.problem(f"{text[index]!r} is not a number; {mend}, or leave the cell empty", index, name)
    infinite = numbers.abs() > LARGEST
    for index in numbers.index[infinite]:
        draft.problem(
            f"the value is infinite ({text[index]}), or too large to compute with; correct it, or leave the cell empty",
            index,
            name,
        )
    if not draft.new:
        if text.isna().all():
            draft.problem("the column holds no value; fill it, or remove it from cohort.clinical", None, name)
        elif not wrong.any() and numbers.nunique() == 1 and len(numbers) > 1:
            draft.problem("every value is the same; it cannot inform a model", None, name, "warning")
        for finding in odd_values(numbers):
            draft.problem(finding.message, finding.label, finding.column, "warning")
    draft.columns[name] = numbers


def _levels(draft: Draft, item: Categories) -> None:
    levels = {spelled: level for level in item.levels[::-1] for spelled in spellings(level)}
    levels |= {level: level for level in item.levels}
    text = declared(draft.text(item.column), levels)
    read = text.map(levels)
    for index in text.index[text.notna() & read.isna()]:
        known = ", ".join(map(repr, item.levels))
        mend = "correct it, empty it, or declare the level too"
        draft.problem(f"{text[index]!r} is none of the declared levels ({known}); {mend}", index, item.column)
    if not draft.new and text.isna().all():
        draft.problem("the column holds no value; fill it, or remove it from cohort.clinical", None, item.column)
    unseen = [level for level in item.levels if not (read == level).any()]
    if unseen and not draft.new and read.notna().any() and len(item.levels) - len(unseen) < 2:
        draft.problem("every value is the same; it cannot inform a model", None, item.column, "warning")
    elif unseen and not draft.new and read.notna().any():
        draft.problem(
            f"no case has the level {listed(map(repr, unseen))}, so that no model learns of it; remove it from its "
            "levels, or add such cases",
            None,
            item.column,
            "warning",
        )
    for level in item.levels[1:]:
        draft.columns[f"{item.column}={level}"] = (read == level).astype("float64").where(read.notna())
