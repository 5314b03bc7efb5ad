"""Cells of a table as text, whatever type a file gave them."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", ".", "#N/A")
"""Cell texts read as missing."""


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
