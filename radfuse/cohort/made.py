"""Cohort tables that radfuse writes itself: where they may lie, and what they may take the place of."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from radfuse.errors import InputError, listed
from radfuse.run.disk import check_folder


def check_table(place: Path) -> None:
    """Refuse a place where no table can be, before anything is read.

    Raises:
        InputError: another ending than .csv, a folder of that name, or no folder that could hold it.
        RunError: the system does not let us look.
    """
    if place.suffix.lower() != ".csv":
        raise InputError(f"--out {place}: name a table that ends in .csv")
    if place.is_dir():
        raise InputError(f"--out {place} is a folder; name a table, for example {place / 'cohort.csv'}")
    check_folder(place.parent)


def require_own(place: Path, columns: Iterable[str]) -> None:
    """Refuse to take the place of a table that somebody else made, or added columns to.

    Args:
        place: of the table.
        columns: that will be written.

    Raises:
        InputError: a table with other columns lies there.
    """
    if not place.is_file():
        return
    with place.open(encoding="utf-8", errors="replace", newline="") as file:
        foreign = [name for name in next(csv.reader(file), []) if name not in set(columns)]
    if foreign:
        raise InputError(
            f"{place} is there and has columns that are not of this index, {listed(foreign)}, which would be lost; "
            "choose another --out, or move it away"
        )
