"""The dates of visits, where a study asks what changed between them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from radfuse.cohort.changes import WORDS, YEARS, in_time
from radfuse.cohort.draft import Draft
from radfuse.cohort.times import times_of
from radfuse.config import nearest
from radfuse.errors import listed

_DAYS_A_YEAR = 365.25


def read_dates(draft: Draft) -> None:
    """Read when each visit was; find visits that the table lacks or that are called like a change."""
    config = draft.config.changes
    if config is None:
        return
    if config.date is not None and draft.has(config.date, "cohort.changes.date"):
        cells = draft.cells[config.date]
        times, are_dates = times_of(cells)
        draft.columns[YEARS] = times / _DAYS_A_YEAR if are_dates else times
        for index in times.index[~np.isfinite(times)]:
            wrong = "the visit has no date" if pd.isna(cells[index]) else f"{cells[index]!r} is no date"
            draft.problem(f"{wrong}; write 2019-05-31, or a number of years", index, config.date)
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
                f"cohort.changes.between names the visit {visit!r}{nearest(visit, found)}; there are: "
                f"{listed(in_time(found))}",
                None,
                draft.config.visit,
            )
