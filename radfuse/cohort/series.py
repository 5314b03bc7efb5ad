"""Images that a cohort table names by their series UID: looked up in an index of `radfuse dicom index`."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pandas as pd

from radfuse.cohort.draft import Draft
from radfuse.errors import InputError

_UID = re.compile(r"[0-9]+(\.[0-9]+){3,}")
_LONGEST_UID = 64
NEEDED = ("series_uid", "root", "folder", "alone")
"""Columns of an index that are read here."""


def place_series(draft: Draft) -> None:
    """Put the folder of a series in the place of its UID in all columns of files; note UIDs that are not there."""
    file = draft.config.series_index
    if file is None:
        return
    try:
        index = read_index(file)
    except InputError as error:
        draft.problem(str(error))
        return
    for column in draft.config.file_columns:
        if column not in draft.columns:
            continue
        values = draft.columns[column].copy()
        for row, text in values.items():
            if isinstance(text, str) and len(text) <= _LONGEST_UID and _UID.fullmatch(text):
                values[row] = _placed(draft, index, text, int(row), column)
        draft.columns[column] = values


def read_index(file: Path) -> pd.DataFrame:
    """Return an index of series, index `series_uid`.

    Raises:
        InputError: no file, or none that `radfuse dicom index` wrote.
    """
    if not file.is_file():
        raise InputError(f"cohort.series_index: there is no file {file}; `radfuse dicom index` writes one")
    try:
        found = pd.read_parquet(file)
    except (OSError, ValueError) as error:
        raise InputError(f"cohort.series_index: {file} is no parquet file ({error}); index the images again") from error
    if not set(NEEDED) <= set(found):
        raise InputError(f"cohort.series_index: {file} is no index that `radfuse dicom index` wrote; index again")
    return found.assign(here=str(file.parent)).set_index("series_uid")


def _placed(draft: Draft, index: pd.DataFrame, uid: str, row: int, column: str) -> str:
    """Return the folder of a series, relative to the table; the UID itself where there is none."""
    known = index.loc[[uid]] if uid in index.index else index.iloc[:0]
    images: list[str] = [*known["image"].dropna().unique()] if "image" in known else []
    shared = "patient" in known and known["patient"].nunique(dropna=False) > 1  # whose it is, the UID does not say
    if len(images) == 1 and not shared:
        return os.path.relpath(Path(known["here"].iloc[0]) / images[0], draft.folder)
    if len(known) == 1 and bool(known["alone"].iloc[0]):
        first = known.iloc[0]
        return os.path.relpath(Path(first["here"]) / first["root"] / first["folder"], draft.folder)
    if known.empty:
        fault = "no series of this UID is in cohort.series_index; index the images again, or correct the cell"
    elif images and shared:
        fault = "persons share this UID in cohort.series_index; take the `image` of the table that was written with it"
    else:
        fault = "this series lies beside others or in several folders; run `radfuse dicom index` again, which links it"
    draft.problem(fault, row, column)
    return uid
