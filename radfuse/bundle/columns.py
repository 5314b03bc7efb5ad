"""Which columns a bundle's families need, and which of them a new table has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from radfuse.bundle.schema import BundleSchema
from radfuse.cohort.config import Categories
from radfuse.cohort.spreadsheet import Table
from radfuse.config import nearest
from radfuse.errors import InputError, Problem
from radfuse.features import at_visit

_MANY = 8


def possible_families(
    schema: BundleSchema, families: Sequence[str], cells: Table, sources: Mapping[str, Table]
) -> tuple[list[str], list[Problem]]:
    """Return the families whose used columns are there; those asked for must be."""
    encoded = {
        f"{item.column}={level}": item.column
        for item in schema.clinical
        if isinstance(item, Categories)
        for level in item.levels
    }
    problems: dict[str, list[Problem]] = {}
    for family in families or schema.families:
        for item in schema.families[family].inputs:
            source = sources.get(item.block, cells)
            if item.block in image_blocks(schema, cells, sources):
                continue
            available = _available(source, schema.visit, cells)
            name = encoded.get(item.name, item.name)
            if item.used and name not in available:
                problems.setdefault(family, []).append(
                    Problem(
                        source.path.name,
                        f"family {family!r} needs the column {name!r}{nearest(name, map(str, source.cells.columns))}",
                    )
                )
    chosen = [family for family in families or schema.families if family not in problems]
    if families and problems:
        raise InputError([problem for found in problems.values() for problem in found])
    if not chosen:
        fewest = min(problems.values(), key=len)
        raise InputError(
            [*fewest[:_MANY], Problem(cells.path.name, "no family of the bundle has all its columns here")]
        )
    skipped = [
        Problem(
            found[0].where, f"family {family!r} is not predicted: {len(found)} columns are missing", severity="warning"
        )
        for family, found in problems.items()
    ]
    return chosen, skipped


def image_blocks(schema: BundleSchema, cells: Table, sources: Mapping[str, Table]) -> tuple[str, ...]:
    """Return the blocks that will be made from images: those of the recipe whose tables are not given."""
    recipe = schema.imaging
    if recipe is None or not all(column in cells.cells for column in recipe.images.values()):
        return ()
    return tuple(block for block in recipe.blocks if block not in sources)


def _available(source: Table, visit: str, cells: Table) -> set[str]:
    names = {str(name) for name in source.cells.columns}
    table = source if visit in source.cells else cells
    visits = set(table.text(visit).dropna()) if visit in table.cells else set()
    return names | {at_visit(name, value) for name in names for value in visits}
