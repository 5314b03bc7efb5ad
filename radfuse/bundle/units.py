"""New units as a bundle's models want them: their table, feature tables, and what is measured on their images."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from radfuse.bundle.columns import image_blocks
from radfuse.bundle.load import Bundle
from radfuse.bundle.present import is_used, marked, with_clinical_mark
from radfuse.bundle.schema import BundleSchema, ImageRecipe
from radfuse.bundle.sites import check_sites
from radfuse.cohort.alike import unlike
from radfuse.cohort.case import Cohort
from radfuse.cohort.changes import DATED, Changes
from radfuse.cohort.config import Categories, CohortConfig
from radfuse.cohort.read import read_cohort
from radfuse.cohort.spreadsheet import ROW, Table
from radfuse.errors import InputError, Problem, reasons
from radfuse.features import FeatureSource, FeatureTable, at_visit, read_features
from radfuse.fusion.design import Design, join
from radfuse.results import SITE, Failure, ReviewedMask
from radfuse.run.folder import Progress


@dataclass(frozen=True)
class Read:
    """New units as the models want them.

    Attributes:
        design: units and blocks.
        failures: cases that could not be read from their images.
        missing: columns of blocks from images that have no value here, or start of their names -> why.
        visits: that the cases have, where blocks come from images; None: nothing does.
        mask_flags: of each unit, as `Prediction` has them.
        masks: case -> what is suspicious about the mask that the network made.
        imaged: as `Prediction` has it.
        registration_flags: as `Prediction` has them.
    """

    design: Design
    failures: tuple[Failure, ...]
    missing: Mapping[str, str]
    visits: frozenset[str] | None = None
    mask_flags: pd.Series | None = None
    masks: Mapping[str, ReviewedMask] = field(default_factory=dict)
    imaged: Mapping[str, tuple[object, Path]] = field(default_factory=dict)
    registration_flags: pd.Series | None = None


def read_new(
    bundle: Bundle,
    chosen: list[str],
    cells: Table,
    sources: Mapping[str, Table],
    labelled: bool,
    labels_out: Path | None,
    progress: Progress,
    runtime: str,
) -> Read:
    """Read the cohort, and each block that the chosen families use from its table or from images."""
    schema = bundle.schema
    inputs = [item for family in chosen for item in schema.families[family].inputs]
    needed = {(item.block, item.name) for item in inputs if item.used}
    known = {(item.block, item.name) for item in inputs}
    blocks = {block for block, _ in needed} - {"clinical", SITE}
    from_images = blocks & set(image_blocks(schema, cells, sources))
    imaging = schema.imaging if from_images else None
    beside, of_people = with_clinical_mark(schema, cells, {name for _, name in needed}, known)
    config = _config_of(schema, imaging, cells.path, needed, beside, labelled=labelled)
    cohort = read_cohort(config=config, table=_with_ids(of_people, schema, labelled), labelled=labelled, new=True)
    tables: dict[str, FeatureTable] = {}
    warnings = check_sites([schema.families[family].site for family in chosen], cohort)
    failures = [Failure(item=case, error=why) for case, why in cohort.unusable.items()]
    missing: Mapping[str, str] = {}
    masks: Mapping[str, ReviewedMask] = {}
    registrations: Mapping[str, tuple[str, ...]] = {}
    if imaging is not None:
        from radfuse.bundle.images import features_from_images  # with kernels and networks

        made = features_from_images(imaging, cohort, bundle.path, labels_out, progress, runtime)
        missing, masks, registrations = made.missing, made.masks, made.registrations
        failures += made.failures
        warnings += made.remarks
        tables |= {block: table for block, table in made.tables.items() if block in from_images}
    for block in sorted(blocks - from_images):
        source = sources.get(block) or _with_ids(cells, schema, labelled)
        tables[block], found = _read_block(source, _of(block, needed), _of(block, known), cohort)
        warnings += found
        failures += _lacking(block, tables[block], cohort)
    unused = {block for block, _ in known} - blocks - {"clinical", SITE}
    for block in sorted(unused):
        source = sources.get(block) or _with_ids(cells, schema, labelled)
        with suppress(InputError):  # no model reads it, so that no fault of it is one
            tables[block] = _read_block(source, set(), _of(block, known), cohort)[0]
    cohort = _without(failures, cohort)
    tables = {block: _rows_left(table, failures, cohort) for block, table in tables.items()}
    design = join(cohort, tables, frozenset(unused), layout={name for _, name in known})
    found_warnings = tuple(dict.fromkeys([*cohort.warnings, *warnings, *design.warnings]))
    ready = Design(design.units, design.blocks, found_warnings)
    flags = flags_by_unit({case: mask.flags for case, mask in masks.items()}, cohort, design.units)
    carried = flags_by_unit(registrations, cohort, design.units)
    if imaging is None:
        return Read(ready, tuple(failures), missing, None, flags, masks)
    imaged = _imaged(cohort, design.units, imaging.home, masks)
    return Read(ready, tuple(failures), missing, _visits(cohort), flags, masks, imaged, carried)


def _config_of(
    schema: BundleSchema,
    imaging: ImageRecipe | None,
    table: Path,
    needed: Collection[tuple[str, str]],
    beside: tuple[str | Categories, ...],
    *,
    labelled: bool,
) -> CohortConfig:
    """Return which columns of a table of new cases are read, for the columns (block, name) that models need.

    Args:
        schema: of the bundle.
        imaging: how images are measured; None: none is.
        table: the file.
        needed: by models.
        beside: clinical columns that are read, too.
        labelled: the outcome is read.
    """
    names, sites = {name for _, name in needed}, {name for block, name in needed if block == SITE}
    return CohortConfig(
        table=table,
        case=schema.case,
        patient=schema.patient,
        unit=schema.unit,
        visit=schema.visit,
        changes=_changes_asked_for(schema, names),
        site=min(sites, default=None),
        clinical=(*(item for item in schema.clinical if is_used(item, names)), *beside),
        outcome=schema.opened_outcome() if labelled else None,
        images=imaging.images if imaging else {},
        optional_images=imaging.optional_images if imaging else (),
        mask=imaging.mask if imaging else None,
        landmarks=imaging.landmarks if imaging else {},
        slices=imaging.slices if imaging else {},
        readers=imaging.readers if imaging else {},
        masks=imaging.masks if imaging else {},
    )


def _visits(cohort: Cohort) -> frozenset[str]:
    """Return the visits that columns of blocks from images may name, changes between them too."""
    config = cohort.config
    visits = frozenset(cohort.cases[config.visit].dropna()) if config.visit in cohort.cases else frozenset()
    return visits | frozenset(config.changes.words if config.changes is not None else ())


def _imaged(cohort: Cohort, units: pd.DataFrame, home: str, masks: Collection[str]) -> dict[str, tuple[object, Path]]:
    """Return each case that was segmented, with the label of its unit's row and the image that its mask lies on."""
    rows = units[list(cohort.config.unit_columns)].itertuples(name=None)
    labels = {tuple(unit): label for label, *unit in rows}
    return {
        case.case_id: (labels[case.unit], case.images[home])
        for case in cohort
        if case.case_id in masks and case.unit in labels
    }


def flags_by_unit(told: Mapping[str, Sequence[str]], cohort: Cohort, units: pd.DataFrame) -> pd.Series | None:
    """Return what is suspicious about each unit, with the names of its cases where it has several; None: of nobody.

    Args:
        told: case -> what is suspicious, in words; empty where nothing is.
        cohort: whose cases they are.
        units: a row per unit.
    """
    if not told:
        return None
    cases: dict[tuple[str, ...], list[str]] = {}
    for case in cohort:
        cases.setdefault(case.unit, []).append(case.case_id)
    texts = []
    for unit in units[list(cohort.config.unit_columns)].itertuples(index=False, name=None):
        flags = {case: "; ".join(told[case]) for case in cases[unit] if told.get(case)}
        texts.append("; ".join(f"{case}: {text}" if len(cases[unit]) > 1 else text for case, text in flags.items()))
    return pd.Series(texts, index=units.index, dtype=object)


def _read_block(source: Table, names: set[str], known: set[str], cohort: Cohort) -> tuple[FeatureTable, list[Problem]]:
    """Read the columns of a block that models use, and a mark in place of the others.

    Args:
        source: the table.
        names: of columns that models use; those that are empty in all rows stay, to be imputed.
        known: all columns that models were shown.
        cohort: the new cases.

    Raises:
        InputError: the table has none of them, or what stands there cannot be read.
    """
    config = cohort.config
    visits = sorted(cohort.cases[config.visit].dropna().unique()) if config.visit in cohort.cases else []
    visits += config.changes.words if config.changes is not None else ()

    def among(these: set[str]) -> list[str]:
        columns = map(str, source.cells.columns)
        return [name for name in columns if name in these or any(at_visit(name, visit) in these for visit in visits)]

    wanted, shown = among(names), among(known)
    source, mark = marked(source, [name for name in shown if name not in wanted])
    wanted += mark
    if not wanted:
        raise InputError(f"{source.path.name} has no column of the block; add them")
    ids = ((config.case,), config.unit_columns)
    table, found = read_features(source, ids, FeatureSource(columns=tuple(wanted)), unique=False, hollow=True)
    return replace(table, values=table.values.reindex(columns=wanted)), found


def _of(block: str, columns: Collection[tuple[str, str]]) -> set[str]:
    """Return the names of a block's columns."""
    return {name for part, name in columns if part == block}


def _changes_asked_for(schema: BundleSchema, needed: Collection[str]) -> Changes | None:
    """Return the changes between visits that columns needed say, with their date where one counts; None without any."""
    if schema.changes is None:
        return None
    ends = {name.partition("/")[0].rpartition("@")[2] for name in needed}
    kinds = tuple(kind for kind, word in zip(schema.changes.kinds, schema.changes.words, strict=True) if word in ends)
    dated = any(kind in DATED for kind in kinds)
    return (
        schema.changes.model_copy(update={"kinds": kinds, "date": schema.changes.date if dated else None})
        if kinds
        else None
    )


def _with_ids(cells: Table, schema: BundleSchema, labelled: bool) -> Table:
    """Add case ids where units are named otherwise, and patients where nothing is measured."""
    frame = cells.cells
    if schema.case not in frame and schema.case not in schema.unit and schema.case != ROW:
        frame = frame.assign(**{schema.case: [f"row {row}" for row in cells.rows]})
    if schema.patient not in frame and not labelled and schema.case in frame:
        frame = frame.assign(**{schema.patient: frame[schema.case]})
    return Table(cells.path, frame, cells.notes)


def _lacking(block: str, table: FeatureTable, cohort: Cohort) -> list[Failure]:
    """Return the cases that a table has no row of; none where it has no row of any, which `join` refuses."""
    frame = cohort.cases.reset_index()[list(table.ids)]
    keys = pd.Index(frame.iloc[:, 0]) if len(table.ids) == 1 else pd.MultiIndex.from_frame(frame)
    lacking = ~keys.isin(table.values.index)
    if lacking.all() or not lacking.any():
        return []
    hint = unlike(keys[lacking], table.values.index[~table.values.index.isin(keys)])
    told = (
        f"the {block} table has no row of it; add one, with empty cells where nothing was measured, or take its row "
        f"out of the cohort table{hint}"
    )
    return [Failure(item=case, error=told) for case in cohort.cases.index[lacking]]


def _without(failures: Sequence[Failure], cohort: Cohort) -> Cohort:
    """Return the cases that did not fail.

    Raises:
        InputError: all did.
    """
    left = cohort.without({failure.item for failure in failures})
    if not len(left):
        raise InputError(f"no case could be used: {reasons((one.item, one.error) for one in failures)}")
    return left


def _rows_left(table: FeatureTable, failures: Sequence[Failure], cohort: Cohort) -> FeatureTable:
    """Return a table without rows of cases that failed, which are rows of the cohort for all that."""
    if table.ids != (cohort.config.case,):
        return table
    return replace(table, values=table.values[~table.values.index.isin([failure.item for failure in failures])])
