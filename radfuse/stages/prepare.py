"""Stage `prepare`: cohort and feature tables joined, a row per unit, with the outer folds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from radfuse.audit.checks import audit, problems_of
from radfuse.audit.subject import Subject
from radfuse.check.inputs import FoldPatients, folds_of, once, read_tables
from radfuse.check.remarks import one_valued
from radfuse.cohort.beside import problems_beside
from radfuse.cohort.case import Cohort
from radfuse.cohort.config import CohortConfig
from radfuse.cohort.splits import Fold, positions_of
from radfuse.config import kind_of
from radfuse.errors import InputError, Problem, StudyError
from radfuse.features import FeatureSource, FeatureTable
from radfuse.fusion.design import Design, join, measured_again, order_of
from radfuse.fusion.harmonise import Combat
from radfuse.learned import Depends, depends, learns
from radfuse.results import Audit
from radfuse.run.folder import read_json, safe_name
from radfuse.run.stage import Stage
from radfuse.stages import by_fold, deep, disturb, extract
from radfuse.stages.context import ALL, Context
from radfuse.stages.disturb import StableCase, rows_again
from radfuse.study import Study

PLACE = "features/design"


@dataclass(frozen=True)
class PrepareJob:
    """The one design of a study.

    Attributes:
        cohort: what the columns of the table mean, without images.
        features: block -> finished table.
        reserved: columns of images, masks and readers, which are no features.
        blocks: of the study, in its order.
        seed: of the folds.
        inner_folds: that each training set is to be cut into.
        cases: that are left where the study starts from images; None: all of the table.
        radiomic: case -> its features from images.
        by_fold: fold -> case -> its features that depend on the fold's training cases.
        changed: which features those are.
        deep: encoder -> case -> its deep features.
        folds: the outer folds, where the study starts from images, which tell patients apart, or is a variant of
            another; empty: dealt from the tables.
        harmonise: how sites are taken out of values, which needs enough units of each; None: not.
        again: blocks with finished tables that were measured again, which a selection asks for.
        disturbed: case -> its copies and readers, where a selection asks for them.
    """

    cohort: CohortConfig
    features: Mapping[str, FeatureSource]
    reserved: tuple[str, ...]
    blocks: tuple[str, ...]
    seed: int
    inner_folds: int
    cases: tuple[str, ...] | None = None
    radiomic: Mapping[str, Path] = field(default_factory=dict)
    by_fold: Mapping[str, Mapping[str, Path]] = field(default_factory=dict)
    changed: Depends = field(default_factory=Depends)
    deep: Mapping[str, Mapping[str, Path]] = field(default_factory=dict)
    folds: tuple[FoldPatients, ...] = ()
    harmonise: Combat | None = None
    again: tuple[str, ...] = ()
    disturbed: Mapping[str, Path] = field(default_factory=dict)

    def __str__(self) -> str:
        return "the design"


@dataclass(frozen=True)
class Prepared:
    """A checked study.

    Attributes:
        design: units and blocks.
        folds: the outer folds; their positions stand in the order of `everyone`.
        everyone: the positions of all units, in the order that models see them.
        warnings: what was remarkable.
        audit: what looks for leaks came to.
    """

    design: Design
    folds: tuple[Fold, ...]
    everyone: np.ndarray
    warnings: tuple[Problem, ...]
    audit: Audit


def job_of(study: Study) -> PrepareJob:
    """Return the design of a study that starts from finished tables."""
    config = study.cohort
    images = (*config.file_columns, *config.place_columns, *study.evaluation.reader_columns)
    bare = config.model_copy(
        update={
            "images": {},
            "optional_images": (),
            "mask": None,
            "second_mask": None,
            "masks": {},
            "readers": {},
            "repeats": {},
            "landmarks": {},
            "slices": {},
        }
    )
    settings = (study.seed, study.fusion.inner_folds)
    again = tuple(
        block for block, source in study.features.items() if source.second_table and study.fusion.compares_again
    )
    job = PrepareJob(bare, study.features, images, study.blocks, *settings, harmonise=study.fusion.harmonise)
    return replace(job, again=again)


def jobs(context: Context) -> Iterator[PrepareJob]:
    """Yield the one design.

    Raises:
        InputError: a table is not there, or the study names no outcome or no inputs.
        StudyError: every case failed.
    """
    study = context.study
    job = job_of(study)
    sources = study.features.values()
    named = [table for source in sources for table in (source.table, source.second_table) if table]
    tables = [study.cohort.table, *named]
    lacking = study.cohort.outcome is None or not study.blocks or any(kind_of(table) != "file" for table in tables)
    if lacking or problems_beside(study.cohort, study.evaluation):
        assert context.inputs  # says everything that is wrong
    if not study.regions:
        yield replace(job, folds=context.deal)
        return
    cases = [case.case_id for case in context.cases()]
    if not cases:
        raise StudyError(f"no case could be used{context.why()}")
    radiomic = {case: context.path(extract.place_of(case)) for case in cases}
    encoders = () if study.deep is None else context.encoders
    encoded = {name: {case: context.path(deep.place_of(name, case)) for case in cases} for name in encoders}
    folds = tuple(context.folds)
    measured = folds if learns(study) else ()
    changed = depends(study)
    each = {fold.name: {case: context.path(by_fold.place_of(fold.name, case)) for case in cases} for fold in measured}
    disturbed = {case: context.path(disturb.place_of(case)) for case in cases if _disturbs(context)}
    found = replace(job, cases=tuple(cases), radiomic=radiomic, by_fold=each, changed=changed, deep=encoded)
    yield replace(found, folds=folds, disturbed=disturbed)


def _disturbs(context: Context) -> bool:
    """Return whether a selection asks for copies of the images, or for a second reader's masks."""
    return bool(context.study.regions) and context.study.fusion.compares_again


def work(job: PrepareJob) -> Prepared:
    """Return the design: features joined to units, and the outer folds as positions.

    Raises:
        InputError: faults of the tables, mismatches between them, folds that cannot be trained, or a leak.
    """
    prepared = joined(job)
    leaks = problems_of(prepared.audit.checks)
    if any(problem.severity == "error" for problem in leaks):
        raise InputError(once([*prepared.warnings, *leaks]))
    return prepared


def joined(job: PrepareJob) -> Prepared:
    """Return the same, whatever an audit says of it.

    Raises:
        InputError: faults of the tables, mismatches between them, or folds that cannot be trained.
    """
    about = (job.cohort, job.features, job.seed, job.inner_folds)
    inputs = read_tables(*about, reserved=job.reserved, harmonise=job.harmonise, dealt=job.folds)
    cohort = inputs.cohort
    if job.cases is not None:
        cohort = cohort.without(set(cohort.cases.index) - set(job.cases))
    allowed = frozenset(block for block, source in job.features.items() if source.allow_missing)
    tables = _tables(job, inputs.tables)
    try:
        design = join(cohort, tables, allowed)
    except InputError as error:
        raise InputError(once([*inputs.warnings, *error.problems])) from error
    design = replace(design, by_fold=_by_fold(job, cohort, design))
    design, remarks = _with_again(job, cohort, design, inputs.second)
    patients = design.units[job.cohort.patient]
    everyone = order_of(cohort, design)
    parts = tuple(folds_of(inputs.folds, everyone, patients))
    found = audit(Subject(cohort, design, parts))
    leaks = [problem for problem in problems_of(found.checks) if problem.severity == "warning"]
    remarks += one_valued(tables["radiomic"].values) if job.radiomic and "radiomic" in tables else []
    warnings = once([*inputs.warnings, *design.warnings, *remarks, *leaks])
    return Prepared(design, parts, everyone, tuple(warnings), found)


def _tables(job: PrepareJob, given: Mapping[str, FeatureTable]) -> dict[str, FeatureTable]:
    """Return the tables of a study's blocks, in its order: those given, and those of images."""
    tables = dict(given)
    if job.radiomic:
        tables["radiomic"] = _gathered(job.radiomic, job.cohort.case, filled=True)
    if job.deep:
        tables["deep"] = _gathered(job.deep[ALL], job.cohort.case)
    return {block: tables[block] for block in job.blocks if block in tables}


def _by_fold(job: PrepareJob, cohort: Cohort, design: Design) -> dict[str, dict[str, pd.DataFrame]]:
    """Return block -> fold -> values, of the blocks that are another in each fold."""
    name, found = job.cohort.case, dict[str, dict[str, pd.DataFrame]]()
    tables = [("radiomic", fold, _changed(job, fold)) for fold in job.by_fold]
    tables += [("deep", fold, _gathered(cases, name)) for fold, cases in job.deep.items() if fold != ALL]
    for block, fold, table in tables:
        values = join(cohort, {block: table}).blocks[block]
        found.setdefault(block, {})[fold] = values.reindex(columns=design.blocks[block].columns)
    return found


def _changed(job: PrepareJob, fold: str) -> FeatureTable:
    """Return the radiomic features of all cases as a fold sees them: what depends on it is its own, or not there."""

    def row(case: str, place: Path) -> dict[str, float | None]:
        kept = {name: value for name, value in read_json(place)["features"].items() if not job.changed.on(name)}
        own = read_json(job.by_fold[fold][case])["features"].items()
        return kept | {name: value for name, value in own if job.changed.on(name)}

    rows = ((case, row(case, place)) for case, place in job.radiomic.items())
    return _table(rows, len(job.radiomic), job.cohort.case)


def _with_again(
    job: PrepareJob, cohort: Cohort, design: Design, second: Mapping[str, FeatureTable]
) -> tuple[Design, list[Problem]]:
    """Return the design with what was measured again, and remarks on second tables."""
    again: dict[str, dict[str, tuple[pd.DataFrame, ...]]] = {}
    remarks: list[Problem] = []
    for block in job.again:
        (found,) = measured_again(cohort, design, block, [second[block]])
        again[block] = {"readers": (design.blocks[block], found)}
        count = int(found.notna().any(axis=1).sum())
        if count < len(found):
            message = f"{count} of {len(found)} units were measured again; by these alone stability is judged"
            remarks.append(Problem(f"features.{block}.second_table", message, severity="warning"))
    cases = {case: StableCase.model_validate_json(path.read_bytes()) for case, path in job.disturbed.items()}
    for source, several in rows_again(cases).items():
        tables = [_table(rows.items(), len(rows), job.cohort.case) for rows in several]
        found = measured_again(cohort, design, "radiomic", tables)
        again.setdefault("radiomic", {})[source] = found
        whole = int(np.logical_and.reduce([part.notna().any(axis=1) for part in found]).sum())
        if whole < len(design.units):
            message = f"{whole} of {len(design.units)} units have all of these masks; by them alone stability is judged"
            remarks.append(Problem(f"cohort.{source.replace(':', '.')}", message, severity="warning"))
    return replace(design, again=again), remarks


def _gathered(places: Mapping[str, Path], name: str, *, filled: bool = False) -> FeatureTable:
    """Return features of cases as a table, rows in the order given, columns as they first occur.

    Args:
        places: case -> its file.
        name: of the column of cases.
        filled: leave out columns in which no case has a value.
    """
    rows = ((case, read_json(place)["features"]) for case, place in places.items())
    return _table(rows, len(places), name, filled=filled)


def _table(
    rows: Iterable[tuple[str, Mapping[str, float | None]]], count: int, name: str, *, filled: bool = False
) -> FeatureTable:
    """Return so many rows as a table, with one in memory as a mapping at a time: it takes thirty times its place there.

    Columns that come with a later case stand in a band of their own, so that the table is never copied.
    """
    columns: dict[str, int] = {}
    bands: list[np.ndarray] = []
    cases: list[str] = []
    for case, row in rows:
        new = [column for column in row if column not in columns]
        if new:
            columns |= zip(new, range(len(columns), len(columns) + len(new)), strict=True)
            bands.append(np.full((count, len(new)), np.nan))
        own = np.full(len(columns), np.nan)
        own[[columns[column] for column in row]] = [np.nan if value is None else value for value in row.values()]
        for band, part in zip(bands, np.split(own, _edges(bands)), strict=True):
            band[len(cases)] = part
        cases.append(case)
    index, names = pd.Index(cases, name=name, dtype=object), iter(columns)
    frames = [pd.DataFrame(band, index, list(islice(names, band.shape[1])), copy=False) for band in bands]
    frames = [_with_values(frame) for frame in frames] if filled else frames
    return FeatureTable(pd.concat(frames, axis=1) if len(frames) > 1 else frames[0])


def _edges(bands: Sequence[np.ndarray]) -> np.ndarray:
    """Return where each band but the first begins."""
    return np.cumsum([band.shape[1] for band in bands])[:-1]


def _with_values(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that hold a value; a copy is made of tables alone that have others."""
    kept = frame.notna().any().to_numpy()
    return frame if kept.all() else frame.loc[:, kept]


def numbered(values: pd.DataFrame) -> FeatureTable:
    """Return a block whose rows are numbered under a name that no column of it has."""
    name = "unit"
    while name in values:
        name += "_"
    return FeatureTable(values.rename_axis(name))


def write(prepared: Prepared, path: Path) -> None:
    """Store units and blocks as parquet, folds and warnings as JSON."""
    path.mkdir()
    design = prepared.design
    design.units.to_parquet(path / "units.parquet")
    for block, values in design.blocks.items():
        numbered(values).to_parquet(path / f"{block}.parquet")
    for block, frames in design.by_fold.items():
        for fold, values in frames.items():
            numbered(values).to_parquet(path / f"{block}@{safe_name(fold)}.parquet")
    for block, sources in design.again.items():
        for source, copies in sources.items():
            for i, values in enumerate(copies):
                numbered(values).to_parquet(path / f"{block}@{safe_name(source)}{i}.parquet")
    facts = {
        "blocks": list(design.blocks),
        "by_fold": list(design.by_fold),
        "again": {
            block: {source: len(copies) for source, copies in sources.items()}
            for block, sources in design.again.items()
        },
        "everyone": positions_of(prepared.everyone),
        "folds": [
            {
                "name": fold.name,
                "repeat": fold.repeat,
                "train": positions_of(fold.train),
                "test": positions_of(fold.test),
            }
            for fold in prepared.folds
        ],
        "warnings": [vars(problem) for problem in prepared.warnings],
        "audit": prepared.audit.model_dump(mode="json"),
    }
    (path / "design.json").write_text(json.dumps(facts))


def read_design(path: Path) -> Prepared:
    """Return a design as `write` stored it; the last one stays in memory for the jobs that follow."""
    return _read(path, (path / "design.json").stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _read(path: Path, _: int) -> Prepared:
    facts = read_json(path / "design.json")

    def block_of(name: str) -> pd.DataFrame:
        return FeatureTable.from_parquet(path / f"{name}.parquet").values.reset_index(drop=True)

    folds = tuple(
        Fold(fold["name"], np.array(fold["train"], int), np.array(fold["test"], int), fold["repeat"])
        for fold in facts["folds"]
    )
    by_fold = {
        block: {fold.name: block_of(f"{block}@{safe_name(fold.name)}") for fold in folds} for block in facts["by_fold"]
    }
    again = {
        block: {
            source: tuple(block_of(f"{block}@{safe_name(source)}{i}") for i in range(count))
            for source, count in own.items()
        }
        for block, own in facts["again"].items()
    }
    units, blocks = pd.read_parquet(path / "units.parquet"), {name: block_of(name) for name in facts["blocks"]}
    design = Design(units, blocks, (), by_fold, again)
    warnings = tuple(Problem(**fact) for fact in facts["warnings"])
    found = Audit.model_validate(facts["audit"])
    return Prepared(design, folds, np.array(facts["everyone"], int), warnings, found)


STAGE = Stage(
    "prepare",
    16,
    jobs,
    work,
    write,
    lambda _: PLACE,
    what="joining tables",
    needs=("extract", "by_fold", "deep", "disturb"),
    spares=lambda context: () if _disturbs(context) else ("disturb",),
)
