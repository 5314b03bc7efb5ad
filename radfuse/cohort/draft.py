"""Draft: a cohort table while it is read; what is read of it stands beside this file, a part a file."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pandas as pd

from radfuse.cohort.config import CohortConfig
from radfuse.cohort.mends import EXCLUDE, TAKE_OUT
from radfuse.cohort.spreadsheet import ROW, Table, numbered
from radfuse.config import nearest
from radfuse.errors import Problem


class Draft:
    """A cohort in the making; it collects every problem of its table before anyone gives up.

    Args:
        table: as the file holds it.
        config: what the columns mean.
        new: True for patients that nothing will be trained on.
        apart: True where a file that is gone or closed is the loss of its row alone, as it is of new patients.

    Attributes:
        table: as the file holds it, numbered where its rows have no ids.
        cells: of the cases that are not excluded.
        config: what the columns mean.
        new: True for patients that nothing will be trained on.
        folder: what paths are relative to.
        columns: those read so far, in the rows of `cells`.
        problems: those found so far.
        scans: row's index -> what its images hold, as a text that is equal for equal images only.
        unusable: row's index -> why its files cannot be used, where that is the loss of the row alone.
    """

    def __init__(self, table: Table, config: CohortConfig, new: bool, *, apart: bool = False) -> None:
        self.table = table = numbered(table) if ROW in (config.case, config.patient) else table
        self.cells = table.cells
        self.config = config
        self.new = new
        self._apart = apart
        self.folder = table.path.parent
        self.columns: dict[str, pd.Series] = {}
        self.problems = [replace(note, message=self._told(note.message)) for note in table.notes]
        self.scans: dict[int, str] = {}
        self.unusable: dict[int, str] = {}

    def problem(
        self,
        message: str,
        index: int | None = None,
        column: str | None = None,
        severity: Literal["error", "warning"] = "error",
    ) -> None:
        """Note a problem; `index` is that of the row in `cells`."""
        row = int(index) + 2 if index is not None else None
        self.problems.append(Problem(self.table.path.name, self._told(message), row, column, severity))

    def _told(self, message: str) -> str:
        """Return a message without the setting that new patients do not have."""
        return message.replace(EXCLUDE, TAKE_OUT) if self.new else message

    def no_file(self, message: str, index: int, column: str, *, named: bool = True) -> None:
        """Note that a row's file cannot be used: a problem of the table, or the loss of that row.

        Args:
            message: why.
            index: of the row in `cells`.
            column: of the file.
            named: the table names one, which is gone or closed; False: the cell is empty.
        """
        if self.new or (self._apart and named):
            self.unusable.setdefault(index, f"row {index + 2}, {column}: {self._told(message)}")
        else:
            self.problem(message, index, column)

    def has(self, name: str, setting: str) -> bool:
        """Return whether the table has a column; note a problem that names the setting where it has not."""
        if name in self.cells:
            return True
        self.problem(f"there is no column {name!r} ({setting}){nearest(name, map(str, self.cells.columns))}")
        return False

    def text(self, name: str) -> pd.Series:
        """Return a column of the table as text, missing cells None."""
        return self.table.text(name).loc[self.cells.index]

    def frame(self) -> pd.DataFrame:
        """Return the columns read so far."""
        return pd.DataFrame(self.columns, index=self.cells.index)
