"""Excel files: the first sheet that is not empty."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pandas as pd

from radfuse.cohort.cells import text_column
from radfuse.cohort.packed import refuse_size, refuse_zip_bomb, unreadable
from radfuse.errors import InputError, Problem, counted

_HIDDEN = re.compile(rb'<row [^>]*\bhidden="(?:1|true)"')
_BLOCK = 1 << 20
_DEEP_ENOUGH = 16
"""Bytes of one block that are looked at again with the next: a word may lie across."""


def read_excel(path: Path, notes: list[Problem]) -> pd.DataFrame:
    """Return the first sheet that is not empty, as text.

    Raises:
        InputError: damaged, larger than a table may be, or holding entity declarations, as no spreadsheet does.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            refuse_zip_bomb(path, archive)
            _refuse_entities(path, archive)
            formulas, hidden, merged = _looked_at(archive)
        sheets = _sheets(path, formulas)
    except InputError:
        raise
    except PermissionError as error:
        raise unreadable(path, error) from error
    except Exception as error:  # damaged files make zip, XML and openpyxl raise whatever they meet
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{path} is not a readable Excel file ({reason}); save it again, or as CSV UTF-8") from error
    filled = [name for name, rows in sheets.items() if rows]
    if not filled:
        raise InputError(f"{path}: every sheet is empty; fill one, or name another file")
    if len(filled) > 1:
        others = ", ".join(map(repr, filled[1:]))
        notes.append(Problem(path.name, f"read sheet {filled[0]!r}; sheets {others} were not read", severity="warning"))
    if hidden:
        notes.append(
            Problem(
                path.name,
                f"{counted(hidden, 'hidden row')}, by a filter perhaps, read like the others; delete those that do not "
                "belong here",
                severity="warning",
            )
        )
    if merged:
        groups = counted(merged, "group")
        message = f"{groups} of merged cells, of which the first alone holds the value; unmerge and fill them"
        notes.append(Problem(path.name, message, severity="warning"))
    rows = sheets[filled[0]]
    width = max(map(len, rows))
    refuse_size(path, len(rows), width)
    named = sum(cell is not None for cell in rows[0])
    if named < 0.5 * width and any(sum(cell is not None for cell in row) > 0.5 * width for row in rows[1:]):
        raise InputError(
            f"{path}: the first row of sheet {filled[0]!r} holds {named} of {width} column names ({rows[0][0]!r}); the "
            "names must stand there: delete the rows above them, or name every column"
        )
    header, *body = [[*row, *[None] * (width - len(row))] for row in rows]
    columns = {place: pd.Series([row[place] for row in body], dtype=object) for place in range(width)}
    frame = pd.DataFrame({place: text_column(column) for place, column in columns.items()})
    frame.columns = pd.Index(["" if name is None else str(name) for name in header])
    return frame


def _sheets(path: Path, formulas: bool) -> dict[str, list[Sequence[Any]]]:
    """Return each sheet's rows up to the last that holds something, as long as they are filled.

    A formula that nobody computed, as scripts write them, has no value: its text stands there, which is no number.
    """
    from openpyxl import load_workbook

    found: dict[str, list[Sequence[Any]]] = {}
    for computed in (False, True) if formulas else (True,):
        with path.open("rb") as stream:  # openpyxl leaves a damaged file open
            book = load_workbook(stream, read_only=True, data_only=computed, keep_links=False)
            for sheet in book.worksheets:
                sheet.reset_dimensions()  # what the file says of its size may be a million rows of nothing
                rows = [_filled(row) for row in sheet.iter_rows(values_only=True)]
                if written := found.get(sheet.title):
                    rows = [_merged(values, texts) for values, texts in zip_longest(rows, written, fillvalue=())]
                while rows and not rows[-1]:
                    rows.pop()
                found[sheet.title] = rows
    return found


def _merged(values: Sequence[Any], texts: Sequence[Any]) -> Sequence[Any]:
    """Return the values of a row, and where a formula has none, its text."""
    return [text if value is None else value for value, text in zip_longest(values, texts)]


def _filled(row: Sequence[Any]) -> Sequence[Any]:
    """Return a row up to its last cell that holds something."""
    length = len(row)
    while length and (row[length - 1] is None or (isinstance(row[length - 1], str) and not row[length - 1].strip())):
        length -= 1
    return row[:length]


def _looked_at(archive: zipfile.ZipFile) -> tuple[bool, int, int]:
    """Return whether sheets hold formulas, how many rows are hidden, and how many groups of cells are merged."""
    parts = [archive.read(part) for part in archive.infolist() if part.filename.startswith("xl/worksheets/sheet")]
    formulas = any(b"<f>" in part or b"<f " in part for part in parts)
    hidden = sum(len(_HIDDEN.findall(part)) for part in parts)
    return formulas, hidden, sum(part.count(b"<mergeCell ") for part in parts)


def _refuse_entities(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuse document type declarations: they can make a few bytes of XML grow without end."""
    for part in archive.infolist():
        if not part.filename.lower().endswith((".xml", ".rels", ".vml")):
            continue
        with archive.open(part) as stream:
            kept = b""
            while block := stream.read(_BLOCK):
                text = kept + block.replace(b"\0", b"")  # UTF-16 as well
                if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
                    raise InputError(
                        f"{path}: {part.filename} declares XML entities, which no spreadsheet does and which can grow "
                        "without end; save the sheet again, or as CSV UTF-8"
                    )
                kept = text[-_DEEP_ENOUGH:]
