"""Cells of a table as text, whatever type a file gave them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from datetime import datetime

import pandas as pd

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", ".", "#N/A")
"""Cell texts read as missing."""
_WHOLE = re.compile(r"([+-]?\d+)\.0+", re.ASCII)
"""How pandas writes whole numbers of a column that has a gap."""


def unseen(text: str) -> str:
    """Return the name of a character of a text that nobody sees, such as a zero-width space; "" without any.

    Two ids that differ by one look the same and are two people.
    """
    found = next((letter for letter in text if unicodedata.category(letter) in {"Cc", "Cf", "Zl", "Zp"}), "")
    return found and unicodedata.name(found, f"U+{ord(found):04X}")


def text_column(values: pd.Series) -> pd.Series:
    """Turn a typed column into text that reads back as the same number."""

    def text(value: object) -> str | None:
        if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and value != value):
            return None
        if isinstance(value, bool):
            return str(int(value))
        if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        if isinstance(value, datetime):
            midnight = (value.hour, value.minute, value.second, value.microsecond) == (0, 0, 0, 0)
            return value.date().isoformat() if midnight else value.isoformat()
        stripped = str(value).strip()
        return None if stripped in MISSING else stripped

    return pd.Series([text(value) for value in values.astype(object)], index=values.index, dtype=object)


def declared(text: pd.Series, words: Collection[str]) -> pd.Series:
    """Return a text column in which "1.0" is "1", where that is one of some words and "1.0" is none."""
    return pd.Series([_plain(cell, words) for cell in text], index=text.index, dtype=object)


def whole_numbers(text: pd.Series) -> pd.Series:
    """Return a text column with "1" for "1.0", where all its cells are whole numbers; else the column as it is."""
    plain = [_WHOLE.sub(r"\1", cell) if isinstance(cell, str) else None for cell in text]
    whole = all(cell is None or cell.lstrip("+-").isdecimal() for cell in plain)
    return pd.Series(plain, index=text.index, dtype=object) if whole else text


def _plain(cell: object, words: Collection[str]) -> str | None:
    if not isinstance(cell, str):
        return None
    number = None if cell in words else _WHOLE.fullmatch(cell)
    return number[1] if number is not None and number[1] in words else cell
