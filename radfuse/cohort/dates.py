"""The dates of visits, where a study asks what changed between them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from radfuse.cohort.changes import DATED, WORDS, YEARS, Changes, in_time
from radfuse.cohort.draft import Draft
from radfuse.cohort.remarks import rows_of
from radfuse.cohort.times import times_of
from radfuse.config import nearest
from radfuse.errors import listed

_DAYS_A_YEAR = 365.25


def read_dates(draft: Draft) -> None:
    """Read when each visit was; find visits that the table lacks, that are called like a change, or out of order."""
    config = draft.config.changes
    if config is None:
        return
    if config.date is not None and draft.has(config.date, "cohort.changes.date"):
        cells = draft.cells[config.date]
        times, are_dates = times_of(cells)
        draft.columns[YEARS] = times / _DAYS_A_YEAR if are_dates else times
        empty = cells.isna()
        for index in times.index[~np.isfinite(times) & ~empty]:
            draft.problem(
                f"{cells[index]!r} is no date; write 2019-05-31, or a number of years, or leave the cell empty",
                index,
                config.date,
            )
        _remark_undated(draft, cells.index[empty], config)
    visits = draft.columns.get(draft.config.visit)
    if visits is None:
        draft.problem(f"cohort.changes needs the column of the visit {draft.config.visit!r} (cohort.visit); add it")
        return
    found = set(visits.dropna())
    for visit in sorted(found & set(WORDS.values())):
        draft.problem(f"a visit called {visit!r} cannot be told from a change; rename it", None, draft.config.visit)
    for visit in config.between if not draft.new else ():
        if visit not in found:
            draft.problem(
                f"cohort.changes.between names the visit {visit!r}, and there are {listed(in_time(found))}"
                f"{nearest(visit, found)}",
                None,
                draft.config.visit,
            )
    if YEARS in draft.columns and not draft.new:
        _remark_order(draft)


def _remark_undated(draft: Draft, rows: pd.Index, config: Changes) -> None:
    """Remark visits without a date: they have no change a year, as units without the visit have no change."""
    if not len(rows):
        return
    if len(rows) == len(draft.cells):
        draft.problem("no visit has a date; write 2019-05-31, or a number of years", None, config.date)
        return
    yearly = [name for name in config.kinds if name in DATED]
    lost = f"have no {' and no '.join(yearly)}, which is imputed" if yearly else "have no rate a year in the report"
    draft.problem(
        f"the visit has no date ({rows_of(rows)}), so that its unit may {lost}; write 2019-05-31, or a number of years",
        int(rows[0]),
        config.date,
        "warning",
    )


def _remark_order(draft: Draft) -> None:
    """Remark units whose follow-up is not on that side of their baseline in time where nearly all others have it."""
    config = draft.config
    assert config.changes is not None
    names = [*config.unit_columns, config.visit, YEARS]
    if not set(names) <= set(draft.columns):
        return
    frame = draft.frame()[names].dropna().drop_duplicates(names[:-1]).assign(row=lambda found: found.index)
    start, end = (
        frame[frame[config.visit] == visit].set_index(list(config.unit_columns)) for visit in config.changes.between
    )
    later = np.sign(end[YEARS] - start[YEARS]).dropna()
    usual = 1 if (later > 0).mean() >= 0.5 else -1
    odd = end["row"].reindex(later.index[later != usual])
    if 0 < len(odd) < len(later):
        first, second = config.changes.between
        draft.problem(
            f"visit {second!r} is dated on the other side of {first!r} than in most units, or on the same day, so that "
            f"its change a year cannot be right ({rows_of(odd)}); correct the dates",
            int(odd.iloc[0]),
            config.changes.date,
            "warning",
        )
