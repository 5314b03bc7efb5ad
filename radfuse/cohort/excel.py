"""Excel files: the first sheet that is not empty."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pandas as pd

from radfuse.cohort.cells import text_column
from radfuse.cohort.packed import refuse_size, refuse_zip_bomb, unreadable
from radfuse.errors import InputError, Problem

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
        sheets = pd.read_excel(
            path, sheet_name=None, dtype=object, keep_default_na=False, engine="openpyxl", header=None
        )
    except InputError:
        raise
    except PermissionError as error:
        raise unreadable(path, error) from error
    except Exception as error:  # damaged files make zip, XML and openpyxl raise whatever they meet
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{path} is not a readable Excel file ({reason}); save it again, or as CSV UTF-8") from error
    filled = [name for name, sheet in sheets.items() if not sheet.empty]
    if not filled:
        raise InputError(f"{path}: every sheet is empty")
    if len(filled) > 1:
        others = ", ".join(map(repr, filled[1:]))
        notes.append(Problem(path.name, f"read sheet {filled[0]!r}; sheets {others} were not read", severity="warning"))
    sheet = sheets[filled[0]]
    refuse_size(path, *sheet.shape)
    header = ["" if name is None or name != name else str(name) for name in sheet.iloc[0]]
    body = sheet.iloc[1:].reset_index(drop=True)
    frame = pd.DataFrame({position: text_column(body.iloc[:, position]) for position in range(body.shape[1])})
    frame.columns = pd.Index(header)
    return frame


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
