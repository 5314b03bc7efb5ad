"""Which columns a bundle's families need, and which of them a new table has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from radfuse.bundle.schema import BundleSchema
from radfuse.cohort.config import Categories
from radfuse.cohort.spreadsheet import Table
from radfuse.config import nearest
from radfuse.errors import InputError, Problem, asked, listed
from radfuse.features import at_visit
from radfuse.results import Failure

_MANY = 8
_NAMED = 4


def possible_families(
    schema: BundleSchema, families: Sequence[str], cells: Table, sources: Mapping[str, Table]
) -> tuple[list[str], list[Failure]]:
    """Return the families whose used columns are there, and what the others lack; those asked for must be there."""
    encoded = {
        f"{item.column}={level}": item.column
        for item in schema.clinical
        if isinstance(item, Categories)
        for level in item.levels
    }
    from_images = image_blocks(schema, cells, sources)
    here = {block: _available(source, schema, cells) for block, source in sources.items()}
    elsewhere = _available(cells, schema, cells)
    lacking: dict[str, dict[str, Table]] = {}
    for family in families or schema.families:
        for item in schema.families[family].inputs:
            name = _as_in_the_table(item.name, encoded)
            if item.used and item.block not in from_images and name not in here.get(item.block, elsewhere):
                lacking.setdefault(family, {})[name] = sources.get(item.block, cells)
    chosen = [family for family in families or schema.families if family not in lacking]
    if families and lacking:
        raise InputError([problem for family, names in lacking.items() for problem in _needs(family, names)])
    if not chosen:
        fewest = min(lacking, key=lambda family: len(lacking[family]))
        nothing = Problem(cells.path.name, f"no family of the bundle has all its columns here{_or_images(schema)}")
        raise InputError([*_needs(fewest, lacking[fewest])[:_MANY], nothing])
    return chosen, [_left_out(schema, family, names) for family, names in lacking.items()]


def _as_in_the_table(name: str, encoded: Mapping[str, str]) -> str:
    """Return the column of the table that a model's column is made from, "stage@V0" for "stage=II@V0".

    Args:
        name: of the model's column.
        encoded: "column=level" -> column, of the levels of words.
    """
    for level, column in encoded.items():
        if name == level or name.startswith(f"{level}@"):
            return column + name.removeprefix(level)
    return name


def _needs(family: str, names: Mapping[str, Table]) -> list[Problem]:
    return [
        Problem(
            source.path.name,
            f"family {family!r} needs the column {name!r}{nearest(name, map(str, source.cells.columns))}",
        )
        for name, source in names.items()
    ]


def _left_out(schema: BundleSchema, family: str, names: Mapping[str, Table]) -> Failure:
    """Return which columns a family lacks, the first few by name, and what to do about it."""
    tables = listed(dict.fromkeys(source.path.name for source in names.values()))
    count = f"{len(names)} columns are" if len(names) > 1 else "1 column is"
    return Failure(
        item=f"family {family!r}",
        error=f"not predicted: {count} missing from {tables}: {listed(names, _NAMED)}; add what is missing, give its "
        f"table with {asked('--features BLOCK=FILE', 'features={BLOCK: table}')}{_or_images(schema)}, or say with "
        f"{asked('--family', '`families`')} which families you want",
    )


def _or_images(schema: BundleSchema) -> str:
    """Return the other way to features, where there is one."""
    if schema.imaging is None:
        return ""
    return f", or the images in the columns {listed(schema.imaging.images.values())}"


def image_blocks(schema: BundleSchema, cells: Table, sources: Mapping[str, Table]) -> tuple[str, ...]:
    """Return the blocks that will be made from images: those of the recipe whose tables are not given."""
    recipe = schema.imaging
    if recipe is None or not all(column in cells.cells for column in (*recipe.images.values(), *recipe.masks.values())):
        return ()
    return tuple(block for block in recipe.blocks if block not in sources)


def _available(source: Table, schema: BundleSchema, cells: Table) -> set[str]:
    names = {str(name) for name in source.cells.columns}
    table = source if schema.visit in source.cells else cells
    visits = set(table.text(schema.visit).dropna()) if schema.visit in table.cells else set()
    if len(visits) > 1 and schema.changes is not None:
        visits |= {*schema.changes.words}
    return names | {at_visit(name, value) for name in names for value in visits}
