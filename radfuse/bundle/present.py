"""Which blocks a new unit has: told by all columns that models were shown, also by those that none uses.

A model that joins blocks leaves a block out of which a unit has nothing. Columns that no model uses are not read, as no
fault of theirs should stop anybody; one of them stands for all, 1 where any of them has a value.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from radfuse.bundle.schema import BundleSchema
from radfuse.cohort.config import Categories
from radfuse.cohort.spreadsheet import Table


def marked(source: Table, beside: Sequence[str], mark: str = "1") -> tuple[Table, list[str]]:
    """Return a table whose first column of some says whether any of them has a value in a row.

    Args:
        source: the table.
        beside: columns that no model uses.
        mark: the text where one has.

    Returns:
        The table, and the name of the column that was marked; none where there are no such columns or values.
    """
    filled = source.cells[list(beside)].notna().any(axis=1)
    if not filled.any():
        return source, []
    told = [mark if one else None for one in filled]
    return replace(source, cells=source.cells.assign(**{beside[0]: told})), [beside[0]]


def with_clinical_mark(
    schema: BundleSchema, cells: Table, needed: set[str], known: Collection[tuple[str, str]]
) -> tuple[tuple[str | Categories, ...], Table]:
    """Return the clinical column that stands for those that no model uses, none without such, and the table with it.

    Args:
        schema: of the bundle.
        cells: table of new cases.
        needed: names of columns that models use.
        known: block and name of all columns that they were shown.
    """
    shown = {name for block, name in known if block == "clinical"}
    beside = {
        column_of(item): item
        for item in schema.clinical
        if is_used(item, shown) and not is_used(item, needed) and column_of(item) in cells.cells
    }
    first = next(iter(beside.values()), "")
    table, mark = marked(cells, list(beside), first.levels[0] if isinstance(first, Categories) else "1")
    return tuple(beside[name] for name in mark), table


def column_of(item: str | Categories) -> str:
    """Return the column of the table that a clinical column is read from."""
    return item if isinstance(item, str) else item.column


def is_used(item: str | Categories, needed: set[str]) -> bool:
    """Return whether a clinical column, at any visit, is among the columns needed."""
    names = [item] if isinstance(item, str) else [f"{item.column}={level}" for level in item.levels]
    return any(name == known or _at_some_visit(name, known) for name in names for known in needed)


def _at_some_visit(name: str, known: str) -> bool:
    """Return whether a column is another one at a visit, as `at_visit` names it."""
    first, slash, rest = name.partition("/")
    return known.startswith(f"{first}@") and known.endswith(f"{slash}{rest}")
