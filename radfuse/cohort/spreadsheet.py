"""Reading a user's table as it comes: CSV in any common dialect, gzip, TSV, Excel, parquet."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radfuse.cohort.cells import MISSING, text_column
from radfuse.cohort.commas import read_commas
from radfuse.cohort.excel import read_excel
from radfuse.cohort.packed import refuse_size, unpacked, unreadable
from radfuse.config import kind_of
from radfuse.errors import InputError, Problem, counted, listed, short
from radfuse.given import as_path

ROW = "row_number"
"""Id column of a table that has none: rows are named by the number a spreadsheet shows."""
LARGEST = 1e100
"""No measurement is larger; the square of such numbers is infinite soon, and with it every mean and deviation."""
_TRUTHS = ({"false": 0.0, "true": 1.0}, {"no": 0.0, "yes": 1.0})
"""Pairs of words, in small letters, that are numbers where a column holds nothing else."""
_ROUNDED = bool(pd.to_numeric(pd.Series(["0.30000000000000004"], dtype=object))[0] == 0.3)
"""Whether this pandas reads decimals but for their last digit, as those before 3.1 do: a third of all with 16."""
_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
_SAID = re.compile(r'"?sep=([,;\t|])"?\n', re.IGNORECASE)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_INTEGER = re.compile(r"-?(0|[1-9]\d*)(\.0)?", re.ASCII)
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_SPREADSHEETS = {".xlsx", ".xlsm"}


@dataclass(frozen=True)
class Table:
    """A table as the file holds it: cells are stripped text, missing cells None, columns unique.

    Attributes:
        path: where it came from.
        cells: text (object dtype), or numbers where `read_table` was let to. The index counts the file's rows from 0.
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
        return values if values.dtype == object else text_column(values)


def read_table(path: str | Path | pd.DataFrame, as_text: Collection[str] | None = None, called: str = "table") -> Table:
    """Read a table.

    Args:
        path: .csv, .tsv, .txt (each also .gz), .xlsx or .parquet; or the table itself, files named in it being relative
            to the working folder.
        as_text: columns that stay text (ids: "007"); the others become numbers where they can, which is several times
            faster. None keeps all as text.
        called: the argument that it is, for messages.

    Raises:
        InputError: no such file, unreadable content, no rows, or columns of the same name.
    """
    notes: list[Problem] = []
    if isinstance(path, pd.DataFrame):
        path, cells = Path("DataFrame"), _plain_frame(path)
    elif not isinstance(path, (str, PathLike)):
        raise InputError(
            f"{called}: give a path, or a pandas DataFrame (of a single row pd.DataFrame([row])); found "
            f"{type(path).__name__}"
        )
    else:
        path = as_path(path, called)
        cells = _read_file(path, notes, as_text)
    cells.columns = pd.Index(
        [name if (name := str(column).strip()) else f"column_{i + 1}" for i, column in enumerate(cells.columns)]
    )
    _refuse_repeated(path, cells.columns)
    empty = [int(index) for index in cells.index[cells.isna().all(axis=1)]]
    if empty:
        notes.append(
            Problem(
                path.name,
                f"{counted(len(empty), 'empty row was', 'empty rows were')} left out",
                empty[0] + 2,
                None,
                "warning",
            )
        )
        cells = cells.drop(index=empty)  # the index keeps the file's numbering
    if cells.empty:
        raise InputError(
            f"{path} has no rows below its header ({counted(len(cells.columns), 'column')}); add one a case"
        )
    return Table(path, cells, tuple(notes))


def _read_file(path: Path, notes: list[Problem], as_text: Collection[str] | None) -> pd.DataFrame:
    """Return the cells of a file by its suffix."""
    kind = kind_of(path)
    if kind == "folder":
        raise InputError(f"{path} is a folder; give the table itself")
    if kind is None:
        raise InputError(f"no table at {path}; correct the path (in a study it is relative to the study file)")
    suffix = path.suffix.lower()
    if suffix in {".parquet", ".pq"}:
        return _read_parquet(path)
    if suffix in _SPREADSHEETS:
        return read_excel(path, notes)
    if suffix in {".xls", ".ods"}:
        raise InputError(f"{path}: {suffix} files are not read; save the sheet as .xlsx or as CSV UTF-8")
    return _read_text(path, notes, as_text)


def numbered(table: Table) -> Table:
    """Return the table with the column `row_number`, unless it has one."""
    if ROW in table.cells:
        return table
    rows = pd.Series([str(row) for row in table.rows], index=table.cells.index, dtype=object)
    return replace(table, cells=table.cells.assign(**{ROW: rows}))


def to_numbers(column: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return a text column as float64 (missing: NaN) and a bool mask of the cells that are no number.

    A column of true and false, or of yes and no, alone is 1 and 0.
    """
    if column.dtype != object:
        return column.astype("float64"), pd.Series(False, index=column.index)
    numbers = pd.to_numeric(column, errors="coerce").astype("float64")
    if _ROUNDED:
        known = numbers.notna()
        numbers[known] = column[known].astype("float64")
    wrong = numbers.isna() & column.notna()
    if wrong.any():
        words = column.str.lower()
        for pair in _TRUTHS:
            if words.dropna().isin(pair).all():
                return words.map(pair).astype("float64"), pd.Series(False, index=column.index)
    return numbers, wrong


def spellings(word: str) -> set[str]:
    """Return the texts of a table that say the same as a word.

    A truth in any capitals, and as parquet stores it; a whole number as a column with gaps has it, "2.0".
    """
    same = {word}
    if _INTEGER.fullmatch(word):
        same |= {word.removesuffix(".0"), f"{word.removesuffix('.0')}.0"}
    for pair in _TRUTHS:
        if word.lower() in pair:
            same |= {word.lower(), word.upper(), word.capitalize()}
            same |= {str(int(pair[word.lower()]))} if "true" in pair else set()
    return same


def _read_parquet(path: Path) -> pd.DataFrame:
    """Return numbers as numbers and the rest as text; an index with a name is a column."""
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            refuse_size(path, file.metadata.num_rows, file.metadata.num_columns)
            table = file.read()
        _refuse_repeated(path, table.column_names)
        frame = table.to_pandas()
    except InputError:
        raise
    except PermissionError as error:
        raise unreadable(path, error) from error
    except Exception as error:  # damaged files make pyarrow raise whatever it meets
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path} is not a readable parquet file ({reason}); write it again") from error
    return _plain_frame(frame)


def _plain_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Return numbers as numbers and the rest as text; an index with a name is a column."""
    if frame.columns.nlevels > 1:
        raise InputError(f"DataFrame: its columns have {frame.columns.nlevels} levels; give each column one name")
    _refuse_repeated(Path("DataFrame"), frame.columns)
    if not isinstance(frame.index, pd.RangeIndex) or frame.index.name is not None:
        extra = [name for name in frame.index.names if name not in frame.columns]
        for name in set(frame.index.names) - set(extra):
            if list(text_column(frame[name])) != list(text_column(frame.index.get_level_values(name).to_series())):
                raise InputError(
                    f"DataFrame: its index and a column are named {str(name)!r} and hold other values; rename one, "
                    "or leave the index out with reset_index(drop=True)"
                )
        unnamed = frame.index.nlevels == 1 and frame.index.name is None
        kept = frame.index.to_frame(index=False)[extra] if extra and not unnamed else None
        frame = frame.reset_index(drop=True)
        frame = frame if kept is None else pd.concat([kept, frame], axis=1)
    frame = frame.reset_index(drop=True)
    frame.columns = pd.Index([str(column) for column in frame.columns])
    typed = {name: _plain_numbers(frame[name]) for name in frame.columns}
    return pd.DataFrame(typed)


def _plain_numbers(values: pd.Series) -> pd.Series:
    """Return numbers as numpy holds them (a gap in a nullable column: text), everything else as text."""
    if not pd.api.types.is_numeric_dtype(values):
        return text_column(values)
    if values.dtype.kind == "c":  # its text is no number; a cast would drop the imaginary part
        return values.astype(str).astype(object)
    if isinstance(values.dtype, np.dtype) and values.dtype != bool:
        return values
    return text_column(values) if values.isna().any() or values.dtype == bool else values.astype("float64")


def _refuse_repeated(path: Path, names: Iterable[object]) -> None:
    count = Counter(str(name).strip() for name in names)
    twice = sorted(name for name, times in count.items() if name and times > 1)
    if twice:
        shown = listed(repr(short(name)) for name in twice)
        raise InputError(f"{path}: several columns are named {shown}; rename or remove the extra ones")


def _read_text(path: Path, notes: list[Problem], as_text: Collection[str] | None) -> pd.DataFrame:
    """Return a text table, packed or not, whatever separates its columns; rows are numbered as in the file."""
    raw = unpacked(path)
    if raw[:4] == b"PK\x03\x04":
        raise InputError(
            f"{path} is an Excel or zip file with a text name; rename it to .xlsx, or save it as CSV UTF-8"
        )
    text = _decode(path, raw, notes).replace("\r\n", "\n").replace("\r", "\n")
    _refuse_empty(path, text)
    if "\0" in text:
        raise InputError(f"{path} holds the character NUL, as no text does; save it as CSV UTF-8")
    said = _SAID.match(text)  # Excel's own first line, which it does not show
    separator, text = (said[1], text[said.end() :]) if said else (_separator(text), text)
    _refuse_empty(path, text)
    if separator != "," and path.suffixes[:1] != [".tsv"]:
        notes.append(Problem(path.name, f"columns are separated by {_SEPARATORS[separator]}", severity="warning"))
    rows = text.count("\n")
    refuse_size(path, rows, text.partition("\n")[0].count(separator) + 1)
    try:
        widths = _check_widths(path, text, separator)
        frame = _parse(text, separator, widths, as_text)
    except csv.Error as error:
        raise InputError(f"{path}: not a table of cells ({error}); save it as CSV UTF-8") from error
    except pd.errors.ParserError as error:
        if "Too many columns" in str(error):
            return _parse_short(text, separator, widths)
        raise InputError(f"{path}: a quote is opened and never closed ({error}); correct it") from error
    frame.columns = pd.Index(widths)
    if separator != ",":
        read_commas(path, frame, notes)
    while len(frame) and frame.iloc[-1].isna().all():  # blank lines at the end of the file
        frame = frame.iloc[:-1]
    return frame


def _parse(text: str, separator: str, header: list[str], as_text: Collection[str] | None) -> pd.DataFrame:
    """Return columns as stripped text; where `as_text` names some, the others are numbers if all their cells are."""
    dialect: dict[str, Any] = {
        "sep": separator,
        "header": None,
        "skiprows": 1,
        "names": list(range(len(header))),
        "index_col": False,
        "keep_default_na": False,
        "na_values": list(MISSING),
        "skip_blank_lines": False,
    }
    numbers = pd.DataFrame()
    texts = list(range(len(header)))
    if as_text is not None:
        exact = {"float_precision": "round_trip"} if int(pd.__version__.split(".")[0]) < 3 else {}  # later the default
        numbers = pd.read_csv(io.StringIO(text), low_memory=False, **exact, **dialect)
        named = {place for place, name in enumerate(header) if name.strip() in as_text}
        texts = [name for name in numbers.columns if name in named or numbers[name].dtype != np.float64]
    columns: dict[int, pd.Series] = {int(name): numbers[name] for name in numbers.columns if name not in set(texts)}
    if texts:
        read = pd.read_csv(io.StringIO(text), dtype=str, usecols=texts, **dialect).astype(object)
        for name in texts:
            stripped = [value.strip() if isinstance(value, str) else None for value in read[name]]
            values = [None if value in MISSING else value for value in stripped]
            columns[name] = pd.Series(values, index=read.index, dtype=object)
    return pd.DataFrame({place: columns[place] for place in range(len(header))})


def _refuse_empty(path: Path, text: str) -> None:
    if not text.strip():
        raise InputError(f"{path} is empty; write it again, or name another")
    if not text.partition("\n")[0].strip():
        raise InputError(f"{path}: the first line is blank; the header with the column names must stand there")


def _parse_short(text: str, separator: str, header: list[str]) -> pd.DataFrame:
    """Return a table of which every row is shorter than the header; the last columns are missing."""
    rows = list(csv.reader(io.StringIO(text), delimiter=separator))[1:]
    cells = [[cell.strip() for cell in row] + [""] * (len(header) - len(row)) for row in rows]
    values = [[None if cell in MISSING else cell for cell in row] for row in cells]
    return pd.DataFrame(values, columns=pd.Index(header), dtype=object)


def _decode(path: Path, raw: bytes, notes: list[Problem]) -> str:
    """Return a file's text: UTF-8, UTF-16 where marked, else Windows-1252 with a note; what is binary is refused."""
    marked = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    if marked or not _BINARY.search(raw[:4096]):
        try:
            return raw.decode("utf-16" if marked else "utf-8-sig")
        except UnicodeDecodeError:
            pass
    if _BINARY.search(raw[:4096]):
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
    """Return the separator that stands in the header, and as often in most rows below it."""
    lines = [re.sub(r'"[^"]*"', "", line) for line in text.splitlines()[:20] if line.strip()]
    found = {separator: lines[0].count(separator) for separator in _SEPARATORS}

    def fitness(separator: str) -> tuple[float, int]:
        below = [line.count(separator) == found[separator] for line in lines[1:]]
        return (sum(below) / len(below) if below else 0.0, found[separator])

    present = [separator for separator, count in found.items() if count]
    return max(present, key=fitness) if present else ","


def _check_widths(path: Path, text: str, separator: str) -> list[str]:
    """Return the header, after checking that no row is longer than it."""
    rows = csv.reader(io.StringIO(text), delimiter=separator)
    header = next(rows)
    if all(line.count(separator) < len(header) for line in text.splitlines()):
        return header
    widths = {}
    number = 1
    for number, row in enumerate(rows, start=2):
        if len(row) > len(header) and any(cell.strip() for cell in row[len(header) :]):
            widths[number] = len(row)
    if len(widths) > max(3, 0.5 * (number - 1)):
        raise InputError(
            f"{path}: the first line has {counted(len(header), 'cell')} ({listed(map(repr, map(short, header)), 3)}), "
            f"and {len(widths)} of {number - 1} rows below have more, {max(widths.values())} for example; the column "
            "names must stand in the first line: remove what stands before them, or name every column"
        )
    if widths:
        raise InputError(
            [
                Problem(
                    path.name,
                    f"{width} cells under {len(header)} column names; quote texts that hold {separator!r}",
                    row,
                )
                for row, width in widths.items()
            ]
        )
    return header


def safe_cells(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table that a spreadsheet takes for texts and numbers, never for formulas.

    A text, or a column's name, that begins with = + - @, a tab or a carriage return, and is no number, gets an
    apostrophe before it, as OWASP advises against CSV injection. The index stays as it is.
    """

    def safe(cell: object) -> object:
        if not isinstance(cell, str) or not cell.lstrip(" ").startswith(_FORMULA):
            return cell
        return cell if _NUMBER.fullmatch(cell) else f"'{cell}"

    texts = [place for place, kind in enumerate(frame.dtypes) if not pd.api.types.is_numeric_dtype(kind)]
    columns: dict[int, pd.Series] = {place: frame.iloc[:, place] for place in range(frame.shape[1])}
    for place in texts:
        cells = [safe(cell) for cell in columns[place].astype(object)]
        columns[place] = pd.Series(cells, index=frame.index, dtype=object)
    made = pd.DataFrame(columns, index=frame.index)
    made.columns = pd.Index([safe(name) for name in frame.columns])
    return made
