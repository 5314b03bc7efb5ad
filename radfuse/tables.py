"""Reading a user's table as it comes: CSV in any common dialect, gzip, TSV, Excel, parquet."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radfuse.errors import InputError, Problem

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", ".", "#N/A")
"""Cell texts read as missing."""
ROW = "row_number"
"""Id column of a table that has none: rows are named by the number a spreadsheet shows."""
_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
_COMMA_NUMBER = re.compile(r"\s*[+-]?\d+,\d+([eE][+-]?\d+)?\s*")
_SPREADSHEETS = {".xlsx", ".xlsm"}


@dataclass(frozen=True)
class Table:
    """A table as the file holds it: cells are stripped text, missing cells None, columns unique.

    Attributes:
        path: where it came from.
        cells: columns that hold nothing but decimals are float64, all others text (object dtype): ids such as "007"
            stay as they are. The index counts the file's rows from 0.
        notes: what was unusual about the file and how it was read.
    """

    path: Path
    cells: pd.DataFrame
    notes: tuple[Problem, ...] = ()

    @property
    def rows(self) -> list[int]:
        """The row numbers a spreadsheet shows (the header is row 1)."""
        return [int(index) + 2 for index in self.cells.index]

    def text(self, column: str) -> pd.Series:
        """Return a column as text, also where the file holds numbers (1.0 reads "1")."""
        values = self.cells[column]
        return values if values.dtype == object else _text_column(values)


def read_table(path: str | Path) -> Table:
    """Read a table.

    Args:
        path: .csv, .tsv, .txt (each also .gz), .xlsx or .parquet.

    Raises:
        InputError: no such file, unreadable content, no rows, or columns of the same name.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder; give the table itself")
    if not path.is_file():
        raise InputError(f"no table at {path}; paths in a study are relative to the study file")
    suffix = path.suffix.lower()
    notes: list[Problem] = []
    if suffix in {".parquet", ".pq"}:
        cells = _read_parquet(path)
    elif suffix in _SPREADSHEETS:
        cells = _read_excel(path, notes)
    elif suffix in {".xls", ".ods"}:
        raise InputError(f"{path}: {suffix} files are not read; save the sheet as .xlsx or as CSV UTF-8")
    else:
        cells = _read_text(path, notes)
    cells.columns = pd.Index(
        [name if (name := str(column).strip()) else f"column_{i + 1}" for i, column in enumerate(cells.columns)]
    )
    twice = sorted(set(cells.columns[cells.columns.duplicated()]))
    if twice:
        raise InputError(
            f"{path}: several columns are named {', '.join(map(repr, twice))}; rename or remove the extra ones"
        )
    empty = [int(index) for index in cells.index[cells.isna().all(axis=1)]]
    if empty:
        notes.append(Problem(path.name, f"{len(empty)} empty rows were left out", empty[0] + 2, None, "warning"))
        cells = cells.drop(index=empty)  # the index keeps the file's numbering
    if cells.empty:
        raise InputError(f"{path} has no rows below its header ({len(cells.columns)} columns)")
    return Table(path, cells, tuple(notes))


def numbered(table: Table) -> Table:
    """Return the table with the column `row_number`, unless it has one."""
    if ROW in table.cells:
        return table
    rows = pd.Series([str(row) for row in table.rows], index=table.cells.index, dtype=object)
    return replace(table, cells=table.cells.assign(**{ROW: rows}))


def to_numbers(column: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return a text column as float64 (missing: NaN) and a bool mask of the cells that are no number."""
    if column.dtype != object:
        return column.astype("float64"), pd.Series(False, index=column.index)
    numbers = pd.to_numeric(column, errors="coerce").astype("float64")
    return numbers, numbers.isna() & column.notna()


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is not a readable parquet file ({error}); write it again") from error
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index()
    frame.columns = pd.Index([str(column) for column in frame.columns])
    typed = {
        name: frame[name] if pd.api.types.is_numeric_dtype(frame[name]) else _text_column(frame[name])
        for name in frame.columns
    }
    return pd.DataFrame(typed)


def _read_excel(path: Path, notes: list[Problem]) -> pd.DataFrame:
    try:
        sheets = pd.read_excel(path, sheet_name=None, dtype=object, keep_default_na=False, engine="openpyxl")
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is not a readable Excel file ({error}); save it again, or as CSV UTF-8") from error
    filled = [name for name, sheet in sheets.items() if not sheet.empty]
    if not filled:
        raise InputError(f"{path}: every sheet is empty")
    if len(filled) > 1:
        others = ", ".join(map(repr, filled[1:]))
        notes.append(Problem(path.name, f"read sheet {filled[0]!r}; sheets {others} were not read", severity="warning"))
    sheet = sheets[filled[0]]
    sheet.columns = pd.Index(["" if str(name).startswith("Unnamed: ") else name for name in sheet.columns])
    texts = {position: _text_column(sheet.iloc[:, position]) for position in range(sheet.shape[1])}
    frame = pd.DataFrame(texts)
    frame.columns = sheet.columns
    return frame


def _text_column(values: pd.Series) -> pd.Series:
    """Turn a typed column into text that reads back as the same number."""

    def text(value: object) -> str | None:
        if value is None or value is pd.NaT or (isinstance(value, float) and value != value):
            return None
        if isinstance(value, bool):
            return str(int(value))
        if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        if isinstance(value, pd.Timestamp):
            return value.date().isoformat() if value == value.normalize() else value.isoformat()
        stripped = str(value).strip()
        return None if stripped in MISSING else stripped

    return pd.Series([text(value) for value in values.astype(object)], index=values.index, dtype=object)


def _read_text(path: Path, notes: list[Problem]) -> pd.DataFrame:
    raw = path.read_bytes()
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError) as error:
            raise InputError(f"{path} is a damaged gzip file ({error}); copy it again") from error
    if raw[:4] == b"PK\x03\x04":
        raise InputError(
            f"{path} is an Excel or zip file with a text name; rename it to .xlsx, or save it as CSV UTF-8"
        )
    text = _decode(path, raw, notes)
    if not text.strip():
        raise InputError(f"{path} is empty")
    separator = _separator(text)
    if separator != "," and path.suffixes[:1] != [".tsv"]:
        notes.append(Problem(path.name, f"columns are separated by {_SEPARATORS[separator]}", severity="warning"))
    widths = _check_widths(path, text, separator)
    frame = _parse(text, separator, len(widths))
    if separator == ";":
        _decimal_commas(path, frame, notes)
    frame.columns = pd.Index(widths)
    while len(frame) and frame.iloc[-1].isna().all():  # blank lines at the end of the file
        frame = frame.iloc[:-1]
    return frame


def _parse(text: str, separator: str, width: int) -> pd.DataFrame:
    """Return decimals as float64 (fast, and most of a feature table), every other column as stripped text."""
    dialect: dict[str, Any] = {
        "sep": separator,
        "header": None,
        "skiprows": 1,
        "names": list(range(width)),
        "index_col": False,
        "keep_default_na": False,
        "na_values": list(MISSING),
        "skip_blank_lines": False,
    }
    frame = pd.read_csv(io.StringIO(text), low_memory=False, **dialect)
    as_text = [name for name in frame.columns if frame[name].dtype != np.float64 or frame[name].isna().all()]
    if as_text:
        texts = pd.read_csv(io.StringIO(text), dtype=str, usecols=as_text, **dialect).astype(object)
        for name in as_text:
            stripped = [value.strip() if isinstance(value, str) else None for value in texts[name]]
            values = [None if value in MISSING else value for value in stripped]
            frame[name] = pd.Series(values, index=frame.index, dtype=object)
    return frame


def _decode(path: Path, raw: bytes, notes: list[Problem]) -> str:
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"", "utf-8-sig")):
        if raw.startswith(mark):
            try:
                return raw.decode(encoding)
            except UnicodeDecodeError:
                continue
    if b"\x00" in raw[:4096]:
        raise InputError(f"{path} is binary, not a text table; save it as CSV UTF-8")
    notes.append(
        Problem(
            path.name,
            "not UTF-8; read as Windows-1252. Check names with accents, or save the file as CSV UTF-8",
            severity="warning",
        )
    )
    return raw.decode("cp1252", errors="replace")


def _separator(text: str) -> str:
    header = text.splitlines()[0]
    outside = re.sub(r'"[^"]*"', "", header)
    counts = {separator: outside.count(separator) for separator in _SEPARATORS}
    best = max(counts, key=lambda separator: counts[separator])
    return best if counts[best] else ","


def _check_widths(path: Path, text: str, separator: str) -> list[str]:
    """Return the header, after checking that no row is longer than it."""
    rows = csv.reader(io.StringIO(text), delimiter=separator)
    header = next(rows)
    problems: list[Problem] = []
    if all(line.count(separator) < len(header) for line in text.splitlines()):
        return header
    for number, row in enumerate(rows, start=2):
        if len(row) > len(header) and any(cell.strip() for cell in row[len(header) :]):
            problems.append(
                Problem(
                    path.name,
                    f"{len(row)} cells under {len(header)} column names; quote texts that hold {separator!r}",
                    number,
                )
            )
    if problems:
        raise InputError(problems)
    return header


def _decimal_commas(path: Path, frame: pd.DataFrame, notes: list[Problem]) -> None:
    changed = False
    for position in frame.columns:
        values = frame[position].dropna()
        if len(values) and frame[position].dtype == object and values.str.fullmatch(_COMMA_NUMBER).any():
            plain = pd.to_numeric(values.str.replace(",", ".", regex=False), errors="coerce")
            if plain.notna().all():
                frame.loc[values.index, position] = values.str.replace(",", ".", regex=False)
                changed = True
    if changed:
        notes.append(Problem(path.name, "decimal commas were read as decimal points", severity="warning"))
