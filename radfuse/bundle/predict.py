"""Prediction of new units from a bundle: numpy, pandas and onnxruntime; neither torch nor scikit-learn."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radfuse.bundle.columns import image_blocks, possible_families
from radfuse.bundle.explain import ExplainedUnits, explained_units, explainer_of
from radfuse.bundle.load import Bundle, load_bundle
from radfuse.bundle.models import Model
from radfuse.bundle.schema import BundleFamily, BundleSchema, ImageRecipe
from radfuse.bundle.sites import check_sites
from radfuse.cohort.case import Cohort
from radfuse.cohort.changes import DATED, Changes
from radfuse.cohort.config import Categories, CohortConfig
from radfuse.cohort.read import read_cohort
from radfuse.cohort.spreadsheet import ROW, Table, read_table
from radfuse.config import nearest
from radfuse.errors import InputError, Problem, listed
from radfuse.features import FeatureSource, FeatureTable, at_visit, read_features
from radfuse.fusion.config import near_family
from radfuse.fusion.design import Design, join
from radfuse.given import as_mapping, as_names
from radfuse.results import SITE, Failure, ReviewedMask
from radfuse.run.folder import Progress
from radfuse.seg.runtimes.runtime import USUAL


@dataclass(frozen=True)
class Prediction:
    """Probabilities for new units.

    Attributes:
        units: a row per unit: unit columns, patient, outcome where labelled.
        probabilities: same rows, a column per family, in [0, 1]; of several classes that of the class predicted.
        warnings: what the reader of these numbers should know.
        failures: families that lack columns and cases that could not be predicted, and why.
        mask_flags: same rows, what is suspicious about the masks that the network made, in words; empty where nothing
            is. None where it made none.
        registration_flags: the same about the registrations that carried masks to other sequences. None where none did.
        review: a row per mask, the most suspicious first: case, flags, suspicion, figures, and the names of its files
            in `labels_out`. None where the network made none.
        explained: family -> what each column moves its score, rows as `units`; empty where that was not asked for.
        used: same rows, the columns that some family uses.
        imaged: case that the network segmented -> its row's label, and the image that the mask lies on.
        by_class: family -> same rows, a column per class, their probabilities; empty where there are no classes.
    """

    units: pd.DataFrame
    probabilities: pd.DataFrame
    warnings: tuple[Problem, ...]
    failures: tuple[Failure, ...] = ()
    mask_flags: pd.Series | None = None
    review: pd.DataFrame | None = None
    explained: Mapping[str, ExplainedUnits] = field(default_factory=dict)
    used: pd.DataFrame = field(default_factory=pd.DataFrame)
    imaged: Mapping[str, tuple[object, Path]] = field(default_factory=dict)
    registration_flags: pd.Series | None = None
    by_class: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    def given(self, family: str) -> np.ndarray:
        """Return what the family's model gave, shape (unit,), or (unit, class)."""
        return (self.by_class[family] if family in self.by_class else self.probabilities[family]).to_numpy()


def predict(
    bundle: Bundle | str | Path,
    table: str | Path | pd.DataFrame,
    features: Mapping[str, str | Path | pd.DataFrame] | None = None,
    families: Sequence[str] = (),
    *,
    labelled: bool = False,
    labels_out: Path | None = None,
    progress: Progress = lambda *_: None,
    runtime: str = USUAL,
    explain: bool = False,
) -> Prediction:
    """Predict new units.

    Args:
        bundle: a bundle or its folder.
        table: cohort table of the new cases; may hold the features too. A file, or the table itself.
        features: block -> table, where features lie elsewhere.
        families: which to predict; empty: all whose columns are there.
        labelled: read the outcome too.
        labels_out: folder for the segmentations of cases that are read from images, pictures of them, and review.csv.
        progress: told of every image.
        runtime: who segments images: onnxruntime, openvino, tensorrt, or "auto".
        explain: say what each column moves the scores.

    Raises:
        InputError: a changed bundle, a column that is missing or unusable; nothing was computed.
    """
    bundle = bundle if isinstance(bundle, Bundle) else load_bundle(bundle)
    features, families = as_mapping(features, "features"), as_names(families, "families")
    schema = bundle.schema
    for family in families:
        if family not in schema.families:
            raise InputError(f"the bundle has no family {family!r}{near_family(family, schema.families)}")
    cells = read_table(table)
    sources = _sources(schema, features)
    chosen, left_out = possible_families(schema, families, cells, sources)
    models = {family: Model(bundle, family) for family in chosen}
    explainers = {family: explainer_of(bundle, family) for family in chosen} if explain else {}
    read = _read_new(bundle, chosen, cells, sources, labelled, labels_out, progress, runtime)
    design = read.design
    values = {family: _matrix(family, schema.families[family], read) for family in chosen}
    given = {family: models[family].predict(values[family]) for family in chosen}
    by_class = _by_class(schema, given, design.units.index)
    probabilities = {family: found.max(axis=1) if family in by_class else found for family, found in given.items()}
    told = {
        name: explained_units(bundle, name, by, values[name], probabilities[name]) for name, by in explainers.items()
    }
    outside = [found for family in chosen for found in _out_of_range(schema.families[family], values[family])]
    frame = pd.DataFrame(probabilities, index=design.units.index)
    found = tuple(dict.fromkeys([*design.warnings, *outside]))
    review = None
    if read.masks:
        from radfuse.bundle.images import listed_masks

        review = listed_masks(read.masks)
    used = _used(schema, chosen, design)
    failures = (*left_out, *read.failures)
    about = (read.mask_flags, review, told, used, read.imaged, read.registration_flags, by_class)
    return Prediction(design.units, frame, found, failures, *about)


def _by_class(schema: BundleSchema, given: Mapping[str, np.ndarray], index: pd.Index) -> dict[str, pd.DataFrame]:
    """Return family -> probabilities of each class by its name, of families that give some."""
    named = {family: schema.families[family].classes for family in given}
    return {
        family: pd.DataFrame(given[family], index=index, columns=list(classes.names))
        for family, classes in named.items()
        if classes is not None
    }


def _sources(schema: BundleSchema, features: Mapping[str, Any]) -> dict[str, Table]:
    """Return the tables of blocks that lie elsewhere; raises InputError for a block that the bundle does not have."""
    known = {item.block for family in schema.families.values() for item in family.inputs} - {"clinical", SITE}
    for block in features:
        if block not in known:
            raise InputError(f"the bundle has no block {block!r}{nearest(block, known)}")
    return {block: read_table(path) for block, path in features.items()}


def _used(schema: BundleSchema, chosen: Sequence[str], design: Design) -> pd.DataFrame:
    """Return the columns that some of the families use, each once."""
    names = dict.fromkeys(
        (item.block, item.name) for family in chosen for item in schema.families[family].inputs if item.used
    )
    found = {
        name: design.blocks[block][name]
        for block, name in names
        if block in design.blocks and name in design.blocks[block]
    }
    return pd.DataFrame(found, index=design.units.index)


def prediction_table(bundle: Bundle, prediction: Prediction) -> pd.DataFrame:
    """Return unit columns, each family's probability and what it says, and flags of masks and registrations.

    Of a binary outcome that is whether the probability reaches the family's threshold; of survival the linear
    predictor, survival at the outcome's times, and the risk group; of an ordinal one the score, the probability of each
    grade, and the expected and the predicted grade; of several classes the predicted class, and the probability of
    each. A continuous one has its prediction alone.
    """
    table = prediction.units[list(bundle.schema.unit)].copy()
    outcome: Any = bundle.schema.outcome_here()
    for family in map(str, prediction.probabilities):
        probability, part = prediction.probabilities[family], bundle.schema.families[family]
        if part.classes is None:
            table[f"{family}_{getattr(outcome, 'said', 'probability')}"] = probability
        if part.beside is not None:
            kind: Any = outcome or bundle.schema.opened_outcome()
            told = kind.told(part.beside, prediction.given(family))
            table = table.assign(**{f"{family}_{name}": values for name, values in told.items()})
        elif getattr(outcome, "link", "logit") == "logit":
            table[f"{family}_positive"] = (probability >= part.threshold).astype(int)
    if prediction.mask_flags is not None:
        table["mask_flags"] = prediction.mask_flags
    if prediction.registration_flags is not None:
        table["registration_flags"] = prediction.registration_flags
    return table


@dataclass(frozen=True)
class _Read:
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


def _read_new(
    bundle: Bundle,
    chosen: list[str],
    cells: Table,
    sources: Mapping[str, Table],
    labelled: bool,
    labels_out: Path | None,
    progress: Progress,
    runtime: str,
) -> _Read:
    """Read the cohort, and each block that the chosen families use from its table or from images."""
    schema = bundle.schema
    needed = {(item.block, item.name) for family in chosen for item in schema.families[family].inputs if item.used}
    blocks = {block for block, _ in needed} - {"clinical", SITE}
    from_images = blocks & set(image_blocks(schema, cells, sources))
    imaging = schema.imaging if from_images else None
    config = _config_of(schema, imaging, cells.path, needed, labelled=labelled)
    cohort = read_cohort(config=config, table=_with_ids(cells, schema, labelled), labelled=labelled, new=True)
    tables: dict[str, FeatureTable] = {}
    warnings = check_sites([schema.families[family].site for family in chosen], cohort)
    failures: tuple[Failure, ...] = ()
    missing: Mapping[str, str] = {}
    masks: Mapping[str, ReviewedMask] = {}
    registrations: Mapping[str, tuple[str, ...]] = {}
    if imaging is not None:
        from radfuse.bundle.images import features_from_images  # with kernels and networks

        made = features_from_images(imaging, cohort, bundle.path, labels_out, progress, runtime)
        failures, missing, masks, registrations = made.failures, made.missing, made.masks, made.registrations
        warnings += made.remarks
        cohort = cohort.without({failure.item for failure in failures})
        tables |= {block: table for block, table in made.tables.items() if block in from_images}
    for block in blocks - from_images:
        source = sources.get(block) or _with_ids(cells, schema, labelled)
        tables[block], found = _read_block(source, {name for part, name in needed if part == block}, cohort)
        warnings += found
        _check_lacking(block, tables[block], cohort)
    design = join(cohort, tables, layout={name for _, name in needed})
    found_warnings = tuple(dict.fromkeys([*cohort.warnings, *warnings, *design.warnings]))
    ready = Design(design.units, design.blocks, found_warnings)
    flags = _flags({case: mask.flags for case, mask in masks.items()}, cohort, design.units)
    carried = _flags(registrations, cohort, design.units)
    if imaging is None:
        return _Read(ready, failures, missing, None, flags, masks)
    imaged = _imaged(cohort, design.units, imaging.home, masks)
    return _Read(ready, failures, missing, _visits(cohort), flags, masks, imaged, carried)


def _config_of(
    schema: BundleSchema,
    imaging: ImageRecipe | None,
    table: Path,
    needed: Collection[tuple[str, str]],
    *,
    labelled: bool,
) -> CohortConfig:
    """Return which columns of a table of new cases are read, for the columns (block, name) that models need."""
    names, sites = {name for _, name in needed}, {name for block, name in needed if block == SITE}
    return CohortConfig(
        table=table,
        case=schema.case,
        patient=schema.patient,
        unit=schema.unit,
        visit=schema.visit,
        changes=_changes_asked_for(schema, names),
        site=min(sites, default=None),
        clinical=tuple(item for item in schema.clinical if _is_used(item, names)),
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


def _flags(told: Mapping[str, Sequence[str]], cohort: Cohort, units: pd.DataFrame) -> pd.Series | None:
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


def _read_block(source: Table, names: set[str], cohort: Cohort) -> tuple[FeatureTable, list[Problem]]:
    """Read the columns of a block that models use; those that are empty in all rows stay, to be imputed."""
    config = cohort.config
    visits = sorted(cohort.cases[config.visit].dropna().unique()) if config.visit in cohort.cases else []
    visits += config.changes.words if config.changes is not None else ()
    wanted = [
        str(name)
        for name in source.cells.columns
        if name in names or any(at_visit(str(name), visit) in names for visit in visits)
    ]
    ids = ((config.case,), config.unit_columns)
    table, found = read_features(source, ids, FeatureSource(columns=tuple(wanted)), unique=False)
    return replace(table, values=table.values.reindex(columns=wanted)), found


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


def _is_used(item: str | Categories, needed: set[str]) -> bool:
    """Return whether a clinical column, at any visit, is among the columns needed."""
    names = [item] if isinstance(item, str) else [f"{item.column}={level}" for level in item.levels]
    return any(name == known or _at_some_visit(name, known) for name in names for known in needed)


def _at_some_visit(name: str, known: str) -> bool:
    """Return whether a column is another one at a visit, as `at_visit` names it."""
    first, slash, rest = name.partition("/")
    return known.startswith(f"{first}@") and known.endswith(f"{slash}{rest}")


def _with_ids(cells: Table, schema: BundleSchema, labelled: bool) -> Table:
    """Add case ids where units are named otherwise, and patients where nothing is measured."""
    frame = cells.cells
    if schema.case not in frame and schema.case not in schema.unit and schema.case != ROW:
        frame = frame.assign(**{schema.case: [f"row {row}" for row in cells.rows]})
    if schema.patient not in frame and not labelled and schema.case in frame:
        frame = frame.assign(**{schema.patient: frame[schema.case]})
    return Table(cells.path, frame, cells.notes)


def _check_lacking(block: str, table: FeatureTable, cohort: Cohort) -> None:
    if table.ids != (cohort.config.case,):
        return
    lacking = [str(case) for case in cohort.cases.index if case not in table.values.index]
    if lacking:
        raise InputError(
            f"the {block} table lacks {len(lacking)} of {len(cohort)} cases: {listed(lacking)}; add them, or leave "
            "the cases out"
        )


def _matrix(family: str, part: BundleFamily, read: _Read) -> np.ndarray:
    """Return a family's columns in the order of its ONNX input, float64 (unit, column); unused ones are NaN.

    Raises:
        InputError: a column that the model uses is not there; one that is empty for some units is imputed.
    """
    design = read.design
    values = np.full((len(design.units), len(part.inputs)), np.nan)
    lacking: dict[str, list[str]] = {}
    for position, item in enumerate(part.inputs):
        if not item.used:
            continue
        if item.block == SITE and part.site is not None:
            places = {name: float(i) for i, name in enumerate(part.site.levels)}
            values[:, position] = design.units[item.name].map(places).to_numpy(dtype="float64")
            continue
        block = design.blocks.get(item.block)
        if block is not None and item.name in block:
            values[:, position] = block[item.name].to_numpy()
        elif not _excused(item.name, read):
            lacking.setdefault(item.block, []).append(item.name)
    if lacking:
        raise InputError(
            [
                Problem(
                    block,
                    f"family {family!r} needs {len(names)} columns that are not there: {listed(names)}; the block has "
                    f"{listed(design.blocks.get(block, pd.DataFrame()).columns, 4)}",
                )
                for block, names in lacking.items()
            ]
        )
    return values


def _excused(name: str, read: _Read) -> bool:
    """Return whether a column from images has no value here for a reason: not computable, or of a visit nobody had."""
    sequence, _, rest = name.partition("/")
    plain, _, visit = sequence.partition("@")
    if visit and read.visits is not None and visit not in read.visits:
        return True
    return any(f"{plain}/{rest}".startswith(missing) for missing in read.missing)


def _out_of_range(part: BundleFamily, values: np.ndarray) -> list[Problem]:
    found = []
    for position, item in enumerate(part.inputs):
        if item.low is None or item.high is None:
            continue
        column = values[:, position]
        outside = int(((column < item.low) | (column > item.high)).sum())
        empty = int(np.isnan(column).sum())
        if outside:
            text = f"{outside} of {len(column)} units lie outside the training range {item.low:.4g} to {item.high:.4g}"
            found.append(Problem(item.block, text, None, item.name, "warning"))
        if empty == len(column):
            found.append(
                Problem(item.block, "no unit has a value; the training median is used", None, item.name, "warning")
            )
    return found
