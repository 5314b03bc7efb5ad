"""What a cohort table says of its units beside what models see: readers' scores, and the groups they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from radfuse.cohort.config import CohortConfig
from radfuse.cohort.draft import Draft
from radfuse.cohort.ids import read_ids
from radfuse.cohort.spreadsheet import read_table, to_numbers
from radfuse.errors import InputError, Problem, listed
from radfuse.evaluation.config import EvaluationConfig, Reader, Subgroup

_FEW = 6
"""Numbers that a column may hold for each to be a group."""
_MANY = 12
"""Groups that a column may have."""


@dataclass(frozen=True)
class Beside:
    """Rows are units, by their columns, as the table first names them.

    Attributes:
        scores: reader -> score as the table has it, NaN where the reader did not read; of the first visit read.
        groups: column -> group of each unit, None where the table does not tell.
    """

    scores: pd.DataFrame
    groups: pd.DataFrame


def read_beside(config: CohortConfig, evaluation: EvaluationConfig) -> Beside:
    """Read readers' scores and subgroups of a cohort table.

    Args:
        config: of the cohort; its rows are checked elsewhere.
        evaluation: which columns.

    Raises:
        InputError: all faults at once: a column is not there, is constant, holds words for numbers, or has too many
            groups.
    """
    draft = Draft(read_table(config.table), config, new=False)
    read_ids(draft)
    draft.problems.clear()  # of the table's ids, which whoever reads the cohort tells
    keys = [name for name in config.unit_columns if name in draft.columns]
    scores = {name: _score(draft, name, reader) for name, reader in evaluation.readers.items()}
    values = {item.column: _values(draft, item) for item in evaluation.subgroups}
    if any(problem.severity == "error" for problem in draft.problems):
        raise InputError(draft.problems)
    rows = draft.frame()
    order = rows.sort_values(config.visit, kind="stable").index if config.visit in rows else rows.index
    by = [rows.loc[order, name] for name in keys]
    told = pd.DataFrame({**scores, **{f"\0{name}": value for name, value in values.items()}}, index=rows.index)
    units = told.loc[order].groupby(by, sort=False).first() if len(told.columns) else told
    groups = pd.DataFrame(index=units.index)
    problems: list[Problem] = []
    for item in evaluation.subgroups:
        groups[item.column] = _groups(units[f"\0{item.column}"], item)
        problems += _of_groups(draft, item.column, groups[item.column])
    if problems:
        raise InputError(problems)
    return Beside(units[list(scores)], groups)


def problems_beside(config: CohortConfig, evaluation: EvaluationConfig) -> list[Problem]:
    """Return what is wrong with the columns; nothing where the table cannot be read, which others tell."""
    if not (evaluation.readers or evaluation.subgroups):
        return []
    try:
        table = read_table(config.table)
    except InputError:
        return []
    if config.case not in table.cells and config.case != "row_number":
        return []
    try:
        read_beside(config, evaluation)
    except InputError as error:
        return list(error.problems)
    return []


def _score(draft: Draft, name: str, reader: Reader) -> pd.Series:
    """Return a reader's column as numbers."""
    where, column = f"evaluation.readers.{name}", reader.column
    if not draft.has(column, where):
        return pd.Series(dtype="float64")
    numbers, wrong = to_numbers(draft.cells[column])
    text = draft.text(column)
    for index in numbers.index[wrong | (numbers.abs() == np.inf)]:
        draft.problem(f"{text[index]!r} is no score of a reader ({where}); correct it, or empty it", index, column)
    known = numbers.dropna()
    if known.empty and not wrong.any():
        draft.problem(f"the reader read no case ({where}); fill the column, or leave the reader out", None, column)
    elif known.nunique() == 1:
        found = f"{known.iloc[0]:g}"
        draft.problem(f"the reader scored every case {found} ({where}); leave the reader out", None, column)
    elif reader.cut is not None and not known.min() <= reader.cut <= known.max():
        ends = f"{known.min():g} to {known.max():g}"
        draft.problem(f"{where}.cut {reader.cut:g} lies outside the reader's scores, {ends}; correct it", None, column)
    return numbers


def _values(draft: Draft, item: Subgroup) -> pd.Series:
    """Return a column as numbers where it holds such alone, else as text."""
    if not draft.has(item.column, "evaluation.subgroups"):
        return pd.Series(dtype=object)
    text = draft.text(item.column)
    numbers, wrong = to_numbers(draft.cells[item.column])
    words = text.str.lower().isin(["true", "false", "yes", "no"]).any()
    if wrong.any() or words:
        if item.cuts:
            found = text[wrong].iloc[0] if wrong.any() else text.dropna().iloc[0]
            draft.problem(
                f"{found!r} is no number, so that evaluation.subgroups cannot cut the column; leave out `cuts`",
                None,
                item.column,
            )
        return text
    return numbers


def _groups(values: pd.Series, item: Subgroup) -> pd.Series:
    """Return the group of each unit in words."""
    if not pd.api.types.is_numeric_dtype(values):
        return _named([str(value) for value in values], values)
    known = values.dropna()
    if not item.cuts and known.nunique() <= _FEW:
        return _named([f"{value:g}" for value in values], values)
    cuts = item.cuts or (float(known.median()),)
    if not item.cuts and cuts[0] == known.min():  # a median at the end leaves nothing below it
        cuts = (float(known[known > cuts[0]].min()),)
    names = [f"< {cuts[0]:g}", *(f"{a:g} to < {b:g}" for a, b in pairwise(cuts)), f"≥ {cuts[-1]:g}"]
    places = np.searchsorted(cuts, values.fillna(0), side="right")
    return _named([names[place] for place in places], values)


def _named(names: Sequence[str], values: pd.Series) -> pd.Series:
    """Return names where there is a value, else None."""
    known = [name if there else None for name, there in zip(names, values.notna(), strict=True)]
    return pd.Series(known, index=values.index, dtype=object)


def _of_groups(draft: Draft, column: str, groups: pd.Series) -> list[Problem]:
    found = sorted(set(groups.dropna()))
    name = draft.table.path.name
    if len(found) < 2:
        told = f"all of it is {found[0]!r}" if found else "it holds no value"
        message = f"evaluation.subgroups: {told}, so that there are no groups to compare; leave the column out"
        return [Problem(name, message, None, column)]
    if len(found) > _MANY:
        message = (
            f"evaluation.subgroups: the column has {len(found)} values ({listed(map(repr, found), 4)}), {_MANY} groups "
            "at most can be told apart; name a column of fewer"
        )
        return [Problem(name, message, None, column)]
    return []
