"""Reading a cohort table: every check before compute, all faults at once."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from radfuse.cohort.case import Case, Cohort
from radfuse.cohort.clinical import read_clinical
from radfuse.cohort.column_names import tells_where_or_when, tells_who
from radfuse.cohort.config import CohortConfig
from radfuse.cohort.dates import read_dates
from radfuse.cohort.draft import Draft
from radfuse.cohort.files import check_files
from radfuse.cohort.ids import read_ids
from radfuse.cohort.outcome import leave_out, read_outcome
from radfuse.cohort.places import read_places
from radfuse.cohort.series import place_series
from radfuse.cohort.spreadsheet import Table, read_table
from radfuse.cohort.units import check_units
from radfuse.errors import InputError
from radfuse.given import as_kind


def read_cohort(
    table: str | Path | pd.DataFrame | Table | None = None,
    config: CohortConfig | None = None,
    *,
    labelled: bool = True,
    new: bool = False,
    apart: bool = False,
) -> Cohort:
    """Read and check a cohort table.

    Args:
        table: the table or its file; may be left out when `config` names it.
        config: what the columns mean; None reads ids only.
        labelled: False leaves the outcome out.
        new: True for patients that nothing will be trained on: no split, one class and constant columns are fine.
            Nor is the split looked at where nothing is predicted.
        apart: True where a case whose file is gone or closed is listed in `unusable`, and no fault of the table.

    Returns:
        A cohort whose ids are unique and whose files exist, but for those of cases in `unusable`.

    Raises:
        InputError: all faults at once, with their row numbers.
    """
    if config is None:
        if table is None:
            raise InputError("read_cohort needs a table or a config that names one")
        table = table if isinstance(table, Table) else read_table(table)
        config = CohortConfig(table=table.path)
    as_kind(config, CohortConfig, "config")
    source = config.table if table is None else table
    draft = Draft(source if isinstance(source, Table) else read_table(source), config, new, apart=apart)
    read_ids(draft)
    if labelled:
        leave_out(draft)
    read_dates(draft)
    read_clinical(draft)
    read_places(draft)
    if labelled:
        read_outcome(draft)
    place_series(draft)
    check_files(draft)
    check_units(draft)
    if not new and config.outcome is not None and config.patient in draft.columns:
        for finding in config.split.check(draft.frame(), config.patient, config.outcome):
            draft.problem(finding.message, finding.label, finding.column)
    if len(draft.unusable) == len(draft.cells):
        for index, why in draft.unusable.items():
            draft.problem(why, index)
    if any(problem.severity == "error" for problem in draft.problems):
        raise InputError(draft.problems)
    scans = {str(draft.columns[config.case][index]): scan for index, scan in draft.scans.items()}
    unusable = {str(draft.columns[config.case][index]): why for index, why in draft.unusable.items()}
    cases = draft.frame().set_index(config.case, drop=True)
    read = Cohort(config, cases, draft.folder, tuple(draft.problems), scans, _beside(draft), unusable)
    return read.without(unusable) if new else read  # patients of folds stay in them, whatever becomes of their files


def _beside(draft: Draft) -> pd.DataFrame:
    """Return the columns that nothing names and that tell site, scanner, date or person, which an audit looks at."""
    used = {*draft.columns, *draft.config.clinical_columns, *draft.config.outcome_columns}
    unused = [name for name in map(str, draft.cells.columns) if name not in used]
    names = [name for name in unused if tells_where_or_when(name) or tells_who(name)]
    found = pd.DataFrame({name: draft.text(name) for name in names}, index=draft.cells.index)
    return found.set_axis(pd.Index(draft.columns[draft.config.case]), axis=0)


def named_files(config: CohortConfig) -> dict[int, Case]:
    """Return row -> case with the files it names, there or not, whatever else is wrong with the table.

    For checks of files beside those of `read_cohort`; rows are numbered as a spreadsheet does, the header is row 1.
    Rows without an id are left out, and everything where the table cannot be read.
    """
    try:
        draft = Draft(read_table(config.table), config, new=False)
    except InputError:
        return {}
    read_ids(draft)
    place_series(draft)
    found = {}
    for index, row in zip(draft.cells.index, draft.frame().to_dict("records"), strict=True):
        if not isinstance(row.get(config.case), str):
            continue
        names = {column: row.get(column) for column in config.file_columns}
        places = {column: draft.folder / name for column, name in names.items() if isinstance(name, str)}
        images = {sequence: places[column] for sequence, column in config.images.items() if column in places}
        mask, second = places.get(config.mask or ""), places.get(config.second_mask or "")
        own, readers, repeats = (
            {name: places[column] for name, column in columns.items() if column in places}
            for columns in (config.masks, config.readers, config.repeats)
        )
        unit = tuple(str(row.get(name)) for name in config.unit_columns)
        who = (row[config.case], str(row.get(config.patient)), unit, row.get(config.visit))
        case = Case(*who, images, mask, second, own_masks=own, readers=readers, repeats=repeats)
        found[int(index) + 2] = case
    return found
