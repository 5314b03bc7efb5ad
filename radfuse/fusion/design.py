"""Cohort and feature tables -> one row per unit and a block of columns per source, every mismatch reported."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from radfuse.cohort.alike import unlike
from radfuse.cohort.case import Cohort
from radfuse.cohort.changes import YEARS, changes_of
from radfuse.cohort.order import content_order
from radfuse.errors import InputError, Problem, counted, listed
from radfuse.features import FeatureTable, at_visit
from radfuse.fusion.families import in_order

_MANY = 8
_COLUMNS = 64
"""That are worked on at a time."""


@dataclass(frozen=True)
class Design:
    """What models are fitted on.

    Attributes:
        units: a row per unit, default index: unit columns, patient, outcome (where labelled), site and split columns.
        blocks: block name -> float64 frame, the same rows; no name stands in two blocks.
        by_fold: block name -> fold -> frame of the same shape, for blocks that are another in each outer fold (deep
            features come from the fold's own encoder); `blocks` holds the one of all units.
        again: block name -> "copies", "readers" or "repeats:READER" -> frames of the same shape, as often as it was
            measured, NaN where a unit was not; blocks that were measured once are left out.
        warnings: mismatches that did not stop the join.
    """

    units: pd.DataFrame
    blocks: Mapping[str, pd.DataFrame]
    warnings: tuple[Problem, ...] = ()
    by_fold: Mapping[str, Mapping[str, pd.DataFrame]] = field(default_factory=dict)
    again: Mapping[str, Mapping[str, Sequence[pd.DataFrame]]] = field(default_factory=dict)

    def blocks_of(self, fold: str) -> dict[str, pd.DataFrame]:
        """Return the blocks of one outer fold."""
        return {name: self.by_fold.get(name, {}).get(fold, values) for name, values in self.blocks.items()}


def join(
    cohort: Cohort,
    tables: Mapping[str, FeatureTable],
    allow_missing: frozenset[str] = frozenset(),
    layout: Collection[str] | None = None,
) -> Design:
    """Join feature tables to a cohort by case or by unit, and the visits of each unit side by side.

    Args:
        cohort: the checked cohort.
        tables: block name -> table, indexed by the case or by the unit's columns.
        allow_missing: blocks whose absent rows are left to imputation.
        layout: names of the columns a model knows: what stands there without a visit stays one column, all else is
            spread over visits. None decides by the data: a clinical column that no unit sees change stays one.

    Raises:
        InputError: all mismatches at once.
    """
    problems: list[Problem] = []
    cases = cohort.cases.reset_index()
    blocks: dict[str, pd.DataFrame] = {}
    units = _units(cohort, cases)
    if cohort.clinical_features:
        clinical = cases[list(cohort.clinical_features)]
        steady = _steady(cohort, cases, clinical, units, layout)
        if layout is None or cohort.config.visit not in cases:
            steady = steady or _unchanged(cohort, cases, clinical)
        blocks["clinical"] = _spread(cohort, cases, clinical, units, steady)
    for block, table in tables.items():
        found = _check_rows(block, table, cohort, cases, units, block in allow_missing)
        problems += found
        if any(problem.severity == "error" for problem in found):
            continue
        blocks[block] = _in_parts(cohort, cases, table, units, layout)
    problems += _names_twice(blocks)
    if any(problem.severity == "error" for problem in problems):
        raise InputError(problems)
    return Design(units, blocks, tuple(problems))


def order_of(cohort: Cohort, design: Design) -> np.ndarray:
    """Return the positions of the units in the order that folds are dealt and models fitted in.

    Images come first, then clinical columns as the study lists them, then the other blocks, however `features` lists
    radiomic and deep, the outcome last: a column or block that is added behind the others moves only patients whom
    nothing had told apart.

    Args:
        cohort: the design's.
        design: units and blocks.
    """
    config, units = cohort.config, design.units
    levels = []
    names = list(units[list(config.unit_columns)].itertuples(index=False, name=None))
    if cohort.scans:
        scans: dict[tuple[str, ...], list[str]] = {}
        rows = cohort.cases.reset_index()[[config.case, *config.unit_columns]]
        for case, *unit in rows.itertuples(index=False, name=None):
            scans.setdefault(tuple(unit), []).append(cohort.scans.get(case, ""))
        levels.append(np.array(["; ".join(sorted(scans[name])) for name in names], dtype=object))
    clinical = design.blocks.get("clinical", pd.DataFrame())
    levels += [clinical[[name]].to_numpy(dtype="float64") for name in clinical.columns]
    levels += [design.blocks[name].to_numpy(dtype="float64") for name in in_order(design.blocks) if name != "clinical"]
    levels += [units[name].to_numpy() for name in config.outcome_columns if name in units]
    return content_order(list(units[config.patient]), ["/".join(map(str, name)) for name in names], levels)


def stack(
    blocks: Mapping[str, pd.DataFrame], names: Sequence[str]
) -> tuple[np.ndarray, dict[str, list[int]], list[str]]:
    """Put blocks side by side.

    Returns:
        Values float64 of shape (unit, column), the positions of each block's columns, and all column names.
    """
    values = np.hstack([blocks[name].to_numpy(dtype="float64") for name in names])
    columns = [str(column) for name in names for column in blocks[name].columns]
    edges = np.cumsum([0, *(blocks[name].shape[1] for name in names)])
    positions = {name: list(range(edges[i], edges[i + 1])) for i, name in enumerate(names)}
    return values, positions, columns


def measured_again(
    cohort: Cohort, design: Design, block: str, tables: Sequence[FeatureTable]
) -> tuple[pd.DataFrame, ...]:
    """Return values of a block from other tables, rows and columns as the design has them, NaN where there is none.

    Args:
        cohort: the design's.
        design: units and blocks.
        block: that was measured again.
        tables: of its columns.

    Raises:
        InputError: a table has no row of the cohort.
    """
    parts = (join(cohort, {block: table}, frozenset({block})).blocks[block] for table in tables)
    return tuple(part.reindex(columns=design.blocks[block].columns) for part in parts)


def again_of(design: Design, names: Sequence[str]) -> dict[str, dict[str, np.ndarray]]:
    """Return block -> source -> values as often as they were measured, float64, shape (repeat, unit, column)."""
    return {
        name: {
            source: np.stack([frame.to_numpy(dtype="float64") for frame in frames])
            for source, frames in design.again[name].items()
        }
        for name in names
        if name in design.again
    }


def _keys(frame: pd.DataFrame, names: tuple[str, ...]) -> pd.Index:
    if len(names) == 1:
        return pd.Index(frame[names[0]], name=names[0])
    return pd.MultiIndex.from_frame(frame[list(names)])


def _units(cohort: Cohort, cases: pd.DataFrame) -> pd.DataFrame:
    config = cohort.config
    wanted = [*config.unit_columns, config.patient]
    wanted += [name for name in (config.site, *config.split.columns) if name]
    wanted += config.outcome_columns
    columns = [name for name in dict.fromkeys(wanted) if name in cases]
    ordered = _by_visit(cohort, cases)
    units = ordered.drop_duplicates(list(config.unit_columns))[columns]
    return units.sort_index().reset_index(drop=True)


def _by_visit(cohort: Cohort, cases: pd.DataFrame) -> pd.DataFrame:
    visit = cohort.config.visit
    return cases.sort_values(visit, kind="stable") if visit in cases else cases


def _in_parts(
    cohort: Cohort, cases: pd.DataFrame, table: FeatureTable, units: pd.DataFrame, layout: Collection[str] | None
) -> pd.DataFrame:
    """Return a table's rows by unit, columns by name: where they stand in a file says nothing.

    A few columns are worked on at a time, so that there is the table, its result, and little beside them.
    """
    by_case = table.ids == (cohort.config.case,)
    steady = _steady(cohort, cases, table.values, units, layout) if by_case else list(table.values.columns)
    stays = set(steady)
    moving = [name for name in table.values.columns if name not in stays]
    words = _words(cohort, cases) if moving else []
    names = pd.Index([*steady, *(at_visit(str(name), word) for word in words for name in moving)]).sort_values()
    places = {name: place for place, name in enumerate(names)}
    found = np.empty((len(names), len(units)))
    for start in range(0, table.values.shape[1], _COLUMNS):
        part = table.values.iloc[:, start : start + _COLUMNS]
        if by_case:
            part = part.reindex(cases[cohort.config.case]).reset_index(drop=True)
            part = _spread(cohort, cases, part, units, [name for name in part.columns if name in stays])
        else:
            part = part.reindex(_keys(units, table.ids))
        found[[places[name] for name in part.columns]] = part.to_numpy(dtype="float64").T
    return pd.DataFrame(found.T, columns=names, copy=False)


def _steady(
    cohort: Cohort, cases: pd.DataFrame, values: pd.DataFrame, units: pd.DataFrame, layout: Collection[str] | None
) -> list[Any]:
    """Return the columns of a row per case that are not told apart by visit."""
    if layout is not None and cohort.config.visit in cases:
        return [str(name) for name in values.columns if name in layout]
    return list(values.columns) if len(units) == len(cases) else []


def _unchanged(cohort: Cohort, cases: pd.DataFrame, values: pd.DataFrame) -> list[Any]:
    """Return the columns that no unit sees change between visits."""
    groups = [cases[name] for name in cohort.config.unit_columns]
    return [name for name in values.columns if (values[name].groupby(groups).nunique() <= 1).all()]


def _words(cohort: Cohort, cases: pd.DataFrame) -> list[str]:
    """Return what tells columns of several visits apart: the visits that stay, and what is worked out between them."""
    visits = [str(visit) for visit in _visits(cohort, cases)]
    changes = cohort.config.changes
    if changes is None or not visits:
        return visits
    kept = [visit for visit in visits if changes.keep == "all" or visit in changes.between[:1]]
    return [*(kept if changes.keep != "none" else []), *changes.words]


def _visits(cohort: Cohort, cases: pd.DataFrame) -> list[str]:
    return sorted(cases[cohort.config.visit].dropna().unique())


def _spread(
    cohort: Cohort, cases: pd.DataFrame, values: pd.DataFrame, units: pd.DataFrame, steady: Sequence[Any]
) -> pd.DataFrame:
    """Turn a row per case into a row per unit, a column per feature and visit; `steady` ones stay one column."""
    keys = list(cohort.config.unit_columns)
    groups = [cases[name] for name in keys]
    visits = cohort.config.visit in cases
    index = _keys(cases, tuple(keys))
    parts = []
    if steady:
        order = cases.sort_values(cohort.config.visit, kind="stable").index if visits else cases.index
        ordered = values[list(steady)].set_axis(cases.index).loc[order]
        first = ordered.groupby([group.loc[order] for group in groups], sort=False).first()
        parts.append(first.reindex(_keys(units, tuple(keys))).reset_index(drop=True))
    stays = set(steady)
    moving = [name for name in values.columns if name not in stays]
    each: dict[str, pd.DataFrame] = {}
    years: dict[str, pd.Series] = {}
    for visit in _visits(cohort, cases) if moving else []:
        here = (cases[cohort.config.visit] == visit).to_numpy()
        wanted = _keys(units, tuple(keys))
        each[visit] = values.loc[here, moving].set_axis(index[here]).reindex(wanted).reset_index(drop=True)
        if YEARS in cases:
            years[visit] = cases.loc[here, YEARS].set_axis(index[here]).reindex(wanted).reset_index(drop=True)
    changes = cohort.config.changes
    if changes is not None and each:
        kept = [visit for visit in each if changes.keep == "all" or visit in changes.between[:1]]
        each = {visit: each[visit] for visit in kept if changes.keep != "none"} | changes_of(each, years, changes)
    for word, part in each.items():
        parts.append(part.set_axis([at_visit(str(name), word) for name in moving], axis=1))
    return pd.concat(parts, axis=1)


def _check_rows(
    block: str, table: FeatureTable, cohort: Cohort, cases: pd.DataFrame, units: pd.DataFrame, allow_missing: bool
) -> list[Problem]:
    """Find rows that the table lacks, and rows that no case of the cohort has."""
    where = f"features.{block}"
    wanted = _keys(cases if table.ids == (cohort.config.case,) else units, table.ids)
    lacking = wanted[~wanted.isin(table.values.index)]
    excluded = set(cohort.config.exclude)
    extra = [item for item in table.values.index[~table.values.index.isin(wanted)] if item not in excluded]
    problems = []
    if len(lacking) == len(wanted):
        examples = f"cohort has {listed(wanted)}; the table has {listed(table.values.index)}"
        told = f"no id of the cohort stands in the table ({', '.join(table.ids)}): {examples}"
        unnoted = f"; write ids as the cohort does, or name the right table under {where}"
        return [Problem(where, told + (unlike(wanted, table.values.index) or unnoted))]
    if len(lacking):
        mend = (
            "they are imputed, or predicted from other blocks, by fusion.strategy"
            if allow_missing
            else f"add them, list them under cohort.exclude, or impute them with features.{block}.allow_missing: true"
        )
        problems.append(
            Problem(
                where,
                f"the table lacks {len(lacking)} of {len(wanted)} rows: {listed(lacking)}; {mend}"
                f"{unlike(lacking, extra)}",
                severity="warning" if allow_missing else "error",
            )
        )
    if extra:
        problems.append(
            Problem(
                where,
                f"{counted(len(extra), 'row')} of the table without a case in the cohort left out: {listed(extra)}",
                severity="warning",
            )
        )
    return problems


def _names_twice(blocks: Mapping[str, pd.DataFrame]) -> list[Problem]:
    """Find columns of one name in two blocks."""
    seen: dict[str, str] = {}
    problems: list[Problem] = []
    for block, values in blocks.items():
        shared = [str(name) for name in values.columns if str(name) in seen]
        problems += [
            Problem(
                f"features.{block}",
                f"column {name!r} stands in block {seen[name]!r} too ({len(shared)} shared in all); "
                "rename it, or leave it out with `exclude`",
            )
            for name in shared[:_MANY]
        ]
        seen |= dict.fromkeys(map(str, values.columns), block)
    return problems
