"""Units of prediction: each of one patient, its visits told apart, with one outcome."""

from __future__ import annotations

import pandas as pd

from radfuse.cohort.case import Cohort
from radfuse.cohort.draft import Draft
from radfuse.cohort.remarks import rows_of
from radfuse.config import nearest
from radfuse.errors import Problem, listed

_RARE = 0.05
"""Of the cases of the most frequent visit: what fewer have is worth a look."""


def check_units(draft: Draft) -> None:
    """Find units of two patients, of visits that cannot be told apart, or of two outcomes."""
    config = draft.config
    needed = {*config.unit_columns, config.patient}
    if not needed <= set(draft.columns) or config.case in config.unit_columns:
        return
    unit_columns = list(config.unit_columns)
    frame = draft.frame()
    several = frame[frame.duplicated(unit_columns, keep=False)]
    doubtful = several[_doubtful(several, draft)]
    for unit, rows in doubtful.groupby(unit_columns, sort=False):
        name = "/".join(map(str, unit))
        _one_unit(draft, name, rows)
    if config.visit in draft.columns and not draft.new:
        _remark_rare_visits(draft, draft.columns[config.visit])


def _remark_rare_visits(draft: Draft, visits: pd.Series) -> None:
    """Remark visits that hardly any unit has: each gives columns of its own, and a misspelled one takes its case along.

    Args:
        draft: to remark on.
        visits: its column of visits.
    """
    counts = visits.value_counts()
    for visit, count in counts.items():
        if count <= _RARE * counts.iloc[0]:
            where = visits.index[visits == visit]
            usual, mend = (
                counts.index[counts > _RARE * counts.iloc[0]],
                "correct it, or list the cases under cohort.exclude",
            )
            hint = nearest(str(visit), map(str, usual), mend)
            draft.problem(
                f"few units have a visit {visit!r} ({rows_of(where)}), whose columns the others lack{hint}",
                int(where[0]),
                draft.config.visit,
                "warning",
            )


def _doubtful(rows: pd.DataFrame, draft: Draft) -> pd.Series:
    """Return of each row whether its unit, of several cases, may be wrong: looking at each closely takes minutes."""
    config = draft.config
    if config.visit not in rows:
        return pd.Series(True, index=rows.index)
    units = list(config.unit_columns)
    found = rows[config.visit].isna() | rows.duplicated([*units, config.visit])
    for name in (config.patient, *(column for column in config.outcome_columns if column in rows)):
        if name not in units:
            first = rows.groupby(units, sort=False, dropna=False)[name].transform("first")
            found |= rows[name].notna() & (rows[name] != first)
    return found.groupby([rows[name] for name in units], dropna=False).transform("any")


def units_of_two_sites(cohort: Cohort) -> list[Problem]:
    """Return an error for each unit whose cases are not all of one site: such a unit cannot be harmonised."""
    config = cohort.config
    if config.site is None or config.case in config.unit_columns:
        return []
    problems = []
    for unit, sites in cohort.cases.groupby(list(config.unit_columns), sort=False)[config.site]:
        if sites.nunique(dropna=False) > 1:
            name, several = "/".join(map(str, unit)), listed(sites.fillna("none").unique())
            message = (
                f"unit {name} has cases of several sites ({several}), and harmonisation needs one; correct them, or "
                f"add {config.site!r} to cohort.unit"
            )
            problems.append(Problem(config.table.name, message, None, config.site))
    return problems


def _one_unit(draft: Draft, name: str, rows: pd.DataFrame) -> None:
    """Find what is wrong with the rows of one unit."""
    config = draft.config
    known = rows[rows[config.patient].notna()]
    first = known.index[0] if len(known) else rows.index[0]
    for index in known.index[known[config.patient] != rows.loc[first, config.patient]]:
        draft.problem(
            f"unit {name} belongs to {rows.loc[first, config.patient]!r} (row {int(first) + 2}) and to "
            f"{rows.loc[index, config.patient]!r}; add {config.patient!r} to cohort.unit",
            index,
            config.patient,
        )
    if config.visit not in rows:
        draft.problem(
            f"unit {name} has {len(rows)} cases, but there is no visit column {config.visit!r} (cohort.visit); add it",
            rows.index[1],
        )
    else:
        for index in rows.index[rows[config.visit].isna()]:
            draft.problem(f"unit {name} has {len(rows)} cases, so each needs its visit; fill it", index, config.visit)
        for index in rows.index[rows[config.visit].duplicated() & rows[config.visit].notna()]:
            draft.problem(
                f"unit {name} has two cases at visit {rows.loc[index, config.visit]!r}; correct one",
                index,
                config.visit,
            )
    for outcome in (column for column in config.outcome_columns if column in rows):
        told = rows[rows[outcome].notna()]
        first = told.index[0] if len(told) else rows.index[0]
        for index in told.index[told[outcome] != rows.loc[first, outcome]]:
            draft.problem(
                f"unit {name} has another outcome in row {int(first) + 2}; correct one of them", index, outcome
            )
