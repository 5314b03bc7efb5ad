"""What a study names, read and checked before any compute: cohort, finished tables, outer folds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from radfuse.audit import telling
from radfuse.audit.checks import problems_of
from radfuse.audit.subject import Subject
from radfuse.check.answers import problems_of_answers
from radfuse.check.harmonise import sites_to_learn
from radfuse.check.remarks import (
    inner_folds_possible,
    lacking_levels,
    near_usual_names,
    odd_sizes,
    one_class_tests,
    untold_times,
)
from radfuse.cohort.beside import problems_beside
from radfuse.cohort.case import Cohort
from radfuse.cohort.config import CohortConfig
from radfuse.cohort.read import read_cohort
from radfuse.cohort.splits import Fold, make_folds
from radfuse.errors import InputError, Problem, listed
from radfuse.features import FeatureSource, FeatureTable, read_features
from radfuse.fusion.design import Design, join, order_of
from radfuse.fusion.harmonise import Combat
from radfuse.learned import learns
from radfuse.outcomes.timed import TimedOutcome
from radfuse.regions.config import images_named
from radfuse.regions.named import made_on, places_of
from radfuse.sequences import reach_of
from radfuse.study import Study
from radfuse.volume.registration import Registration


@dataclass(frozen=True)
class FoldPatients:
    """The patients one outer fold tests; `repeat` counts the times that patients were dealt anew."""

    name: str
    test: frozenset[str]
    repeat: int = 1


@dataclass(frozen=True)
class Inputs:
    """What a study names, read and checked.

    Attributes:
        cohort: the cases.
        tables: block -> finished feature table.
        warnings: what was remarkable.
        folds: the outer folds, by patient; fixed before any case can fail.
        second: block -> the table of what was measured again.
    """

    cohort: Cohort
    tables: dict[str, FeatureTable]
    warnings: tuple[Problem, ...]
    folds: tuple[FoldPatients, ...]
    second: dict[str, FeatureTable]


def read_inputs(study: Study, tunes: bool = True, *, apart: bool = False) -> Inputs:
    """Read and check everything a study names, before any compute.

    Args:
        study: whose inputs they are.
        tunes: models will be tuned, so that training sets too small for inner folds are an error; else a warning.
        apart: a case whose file is gone or closed is listed in the cohort's `unusable`, and no error.

    Raises:
        InputError: all faults that can be seen at once.
    """
    problems: list[Problem] = []
    if study.cohort.outcome is None:
        what = "cohort.outcome is needed to compare models, for example {column: progressed}"
        if study.regions:
            what += "; without one there are networks, masks and features (`radfuse train`, `segment`, `extract`)"
        elif study.segmentation is not None and study.segmentation.source != "manual":
            what += "; without one and without regions there are networks and masks (`radfuse train`, `segment`)"
        problems.append(Problem("study", what, severity="error" if tunes or not study.regions else "warning"))
    if not study.blocks:
        problems.append(
            Problem("study", "no inputs: name cohort.clinical columns, features: {radiomic: table.csv}, or regions")
        )
    problems += [*_of_radiomics(study), *_unregistered(study), *_needed_all_the_same(study)]
    problems += _measured_nowhere(study)
    problems += problems_of_answers(study.report.answers)
    if study.regions and study.segmentation is not None:
        try:
            study.segmentation.check_here()
            problems += [Problem("segmentation", text, severity="warning") for text in study.segmentation.remarks()]
        except InputError as error:
            problems.append(Problem("segmentation", str(error)))
    divided = study.trains or learns(study)
    read = partial(
        read_tables,
        features=study.features,
        seed=study.seed,
        inner_folds=study.fusion.inner_folds,
        reserved=study.evaluation.reader_columns,
        tunes=tunes,
        harmonise=study.fusion.harmonise if tunes else None,
        divided=divided,
        apart=apart,
    )
    try:
        return read(study.cohort, problems=[*problems, *problems_beside(study.cohort, study.evaluation)])
    except InputError as error:
        if tunes or divided or study.cohort.outcome is None:
            raise
        return _without_outcome(study, lambda config: read(config, problems=problems), error)


def _without_outcome(study: Study, read: Callable[[CohortConfig], Inputs], error: InputError) -> Inputs:
    """Return the inputs of who only measures, where what is wrong is needed by models alone: it becomes warnings.

    Raises:
        InputError: the one given, where something else is wrong too.
    """
    try:
        inputs = read(study.cohort.model_copy(update={"outcome": None, "clinical": ()}))
    except InputError:
        raise error from None
    late = [replace(problem, severity="warning") for problem in error.problems]
    return replace(inputs, warnings=tuple(once([*late, *inputs.warnings])))


def _unregistered(study: Study) -> list[Problem]:
    """Return which sequences say how they are registered, and are not."""
    problems: list[Problem] = []
    for name, section in study.sequences.items() if study.regions else ():
        how = reach_of(name, study.sequences, study.cohort.masks, resample_masks=study.resample_masks)
        if how != "register" and section.registration != Registration():
            message = f"masks reach it by {how}, so that this is not heeded; set masks: register, or remove it"
            problems.append(Problem(f"sequences.{name}.registration", message, severity="warning"))
    return problems


def _needed_all_the_same(study: Study) -> list[Problem]:
    """Return which regions are made with an image that cases may lack: such cases fail by them, and are not imputed."""
    return [
        Problem(
            f"regions: {region.name!r}",
            f"it is made with {name!r}, which cohort.optional_images lets cases lack: a case without it fails; draw "
            "the region another way, or leave those cases out",
            severity="warning",
        )
        for region in study.regions
        for name in images_named([region])
        if name in study.cohort.optional_images and set(places_of(region, study.cohort.images)) - {name}
    ]


def _measured_nowhere(study: Study) -> list[Problem]:
    """Return which images no region is made on, where nothing else reads them either."""
    if not study.regions or study.segmentation is None:
        return []
    by = {section.registration.by for section in study.sequences.values()}
    home = (*study.segmentation.sequences, *study.cohort.images)[0]  # masks lie on it
    read = {home, *images_named(study.regions), *study.segmentation.sequences, *by}
    return [
        Problem(
            f"cohort.images: {name!r}",
            "no region is made on it, and nothing else reads it; add it to the `on` of a region, or remove it",
            severity="warning",
        )
        for name in study.cohort.images
        if name not in read and not any(made_on(region, name) for region in study.regions)
    ]


def _of_radiomics(study: Study) -> list[Problem]:
    """Return what is wrong with files of PyRadiomics' parameters, the study's and those of single sequences."""
    problems: list[Problem] = []
    own = {f"sequences.{name}.radiomics": section.radiomics for name, section in study.sequences.items()}
    for where, radiomics in {"radiomics": study.radiomics, **own}.items() if study.regions else ():
        if radiomics and radiomics.params:
            from radfuse.radiomics.plan import plan_of  # with numba: only where there is something to look up

            try:
                plan_of(radiomics)
            except InputError as error:
                problems += [Problem(f"{where}.params", str(error))]
    return problems


def read_tables(
    config: CohortConfig,
    features: Mapping[str, FeatureSource],
    seed: int,
    inner_folds: int,
    problems: Iterable[Problem] = (),
    reserved: Iterable[str] = (),
    *,
    tunes: bool = True,
    harmonise: Combat | None = None,
    divided: bool = True,
    apart: bool = False,
    dealt: Sequence[FoldPatients] = (),
) -> Inputs:
    """Read cohort and feature tables, and split the patients into outer folds.

    Args:
        config: of the cohort.
        features: block -> where its table is.
        seed: of the folds.
        inner_folds: that each training set is to be cut into.
        problems: found before; they come first.
        reserved: columns that are no features, beside those that the cohort uses.
        tunes: models will be tuned: training sets too small for inner folds are an error; else a warning.
        harmonise: how sites are taken out of values; None: not.
        divided: something is learned in each fold beside models; there must be folds without an outcome, too.
        apart: a case whose file is gone or closed is listed in the cohort's `unusable`, and no error.
        dealt: the outer folds; empty: patients are dealt here.

    Raises:
        InputError: all faults that can be seen at once, the problems given among them.
    """
    found = [*problems, *near_usual_names(features)]
    cohort: Cohort | None = None
    try:
        cohort = read_cohort(config=config, apart=apart)
        found += cohort.warnings
    except InputError as error:
        found += error.problems or [Problem("cohort.table", str(error))]
    tables, second = _read_blocks(config, features, reserved, found)
    if cohort is None or any(problem.severity == "error" for problem in found):
        raise InputError(once(found))
    try:
        design = join(cohort, tables, frozenset(block for block, source in features.items() if source.allow_missing))
    except InputError as error:
        raise InputError(once([*found, *error.problems])) from error
    order = order_of(cohort, design)
    patients = design.units[config.patient]
    folds = folds_of(dealt, order, patients) or _dealt(config, design, order, seed, found if divided else None)
    found += [*design.warnings, *(sites_to_learn(harmonise, cohort, design, folds) if harmonise is not None else [])]
    if config.outcome is not None:
        found += _of_columns(cohort, design, folds)
    if config.outcome is not None and (tunes or divided):  # who only measures has no use for folds
        found += _of_folds(config, design, folds)
        too_few = inner_folds_possible(config, design, folds, order, seed, inner_folds)
        found += too_few if tunes else [replace(problem, severity="warning") for problem in too_few]
    if any(problem.severity == "error" for problem in found):
        raise InputError(once(found))
    parts = tuple(FoldPatients(fold.name, frozenset(patients.iloc[fold.test]), fold.repeat) for fold in folds)
    return Inputs(cohort, tables, tuple(once(found)), parts, second)


def folds_of(dealt: Iterable[FoldPatients], order: np.ndarray, patients: pd.Series) -> list[Fold]:
    """Return outer folds as positions in an order of units, whose patients are given."""
    tests = [(fold, patients.iloc[order].isin(fold.test).to_numpy()) for fold in dealt]
    return [Fold(fold.name, order[~test], order[test], fold.repeat) for fold, test in tests]


def _of_columns(cohort: Cohort, design: Design, folds: list[Fold]) -> list[Problem]:
    """Return what is remarkable of clinical columns and of levels, before images make the other blocks."""
    assert cohort.config.outcome is not None
    known = replace(design, blocks={name: design.blocks[name] for name in design.blocks if name == "clinical"})
    told = problems_of([telling.look(Subject(cohort, known, folds))])
    return told + lacking_levels(cohort.config.outcome, design.units)


def _of_folds(config: CohortConfig, design: Design, folds: list[Fold]) -> list[Problem]:
    """Return what is remarkable of the outcome and the number of patients in outer folds."""
    assert config.outcome is not None
    labels, patients = config.outcome.labels(design.units), design.units[config.patient].to_numpy()
    untold = untold_times(config.outcome, design.units, folds)
    if not isinstance(config.outcome, TimedOutcome):
        untold += one_class_tests(folds, labels)
    return untold + odd_sizes(config.split, folds, patients, labels)


def _dealt(
    config: CohortConfig, design: Design, order: np.ndarray, seed: int, found: Iterable[Problem] | None
) -> list[Fold]:
    """Return the outer folds; none where nothing is predicted, patients cannot be dealt, and `found` is None.

    Raises:
        InputError: patients cannot be dealt, and have to be: what was found before, and why.
    """
    if config.outcome is None and (undealt := list(config.split.check(design.units, config.patient, None))):
        if found is None:
            return []
        raise InputError(once([*found, *(Problem("cohort.split", why.message) for why in undealt)]))
    return make_folds(config.split, design.units, config.patient, config.outcome, seed, order)


def read_block(
    config: CohortConfig, source: FeatureSource, reserved: Iterable[str] = ()
) -> tuple[FeatureTable, list[Problem]]:
    """Read the feature table of one block of a study, and its warnings."""
    used = {config.patient, config.visit, *config.clinical_columns, *config.split.columns, *config.images.values()}
    used |= {name for name in (config.site, *config.mask_columns) if name}
    used |= {*config.outcome_columns, *config.place_columns, *reserved}
    ids = tuple(dict.fromkeys(((config.case,), config.unit_columns)))
    return read_features(source.table or config.table, ids, source, used, config.exclude)


def _read_blocks(
    config: CohortConfig, features: Mapping[str, FeatureSource], reserved: Iterable[str], found: list[Problem]
) -> tuple[dict[str, FeatureTable], dict[str, FeatureTable]]:
    """Return the tables of blocks, and what was measured again of them; what is wrong goes to `found`."""
    tables: dict[str, FeatureTable] = {}
    second: dict[str, FeatureTable] = {}
    for block, source in features.items():
        try:
            tables[block], warnings = read_block(config, source, reserved)
            found += warnings
            if source.second_table is not None:
                second[block], warnings = _second_table(config, block, source, tables[block], reserved)
                found += warnings
        except InputError as error:
            found += error.problems or [Problem(f"features.{block}", str(error))]
    return tables, second


def _second_table(
    config: CohortConfig, block: str, source: FeatureSource, first: FeatureTable, reserved: Iterable[str]
) -> tuple[FeatureTable, list[Problem]]:
    """Read what was measured again of a block; raises InputError where it lacks columns, or holds none of the rows."""
    again, warnings = read_block(config, source.model_copy(update={"table": source.second_table}), reserved)
    where = f"features.{block}.second_table"
    lacking = [name for name in first.names if name not in again.names]
    if lacking:
        message = f"lacks {len(lacking)} of the {len(first.names)} columns of the table: {listed(lacking)}; add them"
        raise InputError([*warnings, Problem(where, f"{message}, or leave them out with features.{block}.exclude")])
    if again.ids != first.ids or not again.values.index.isin(first.values.index).any():
        message = f"no row of the table stands in it again; the table has {listed(first.values.index)}"
        raise InputError([*warnings, Problem(where, f"{message}; it has {listed(again.values.index)}")])
    return again, warnings


def once(problems: Iterable[Problem]) -> list[Problem]:
    """Drop what was found twice (a table read as cohort and as features)."""
    return list(dict.fromkeys(problems))
