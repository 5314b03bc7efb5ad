"""Cohort tables that radfuse writes itself: where they may lie, and what they may take the place of."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path

from radfuse.errors import InputError, listed
from radfuse.run.disk import check_folder, write_atomically, writing


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


def require_own(place: Path, columns: Iterable[str] | None = None, *, force: bool = False) -> None:
    """Refuse to take the place of a table that somebody edited or made; one as it was written here may be renewed.

    Args:
        place: of the table.
        columns: that will be written; None: those that there are.
        force: take its place whatever it is.

    Raises:
        InputError: a table with other columns lies there, or another than was written last.
    """
    if force or not place.is_file() or unedited(place, place):
        return
    with place.open(encoding="utf-8", errors="replace", newline="") as file:
        header = next(csv.reader(file), [])
    foreign = [name for name in header if columns is not None and name not in set(columns)]
    found = (
        f"has columns that are not of this index, {listed(foreign)}, which"
        if foreign
        else "is not as this index wrote it: it was edited, or comes from elsewhere, and what it holds"
    )
    raise InputError(
        f"{place} is there and {found} would be lost; choose another --out, move it away, or write over it with --force"
    )


def unedited(file: Path, table: Path) -> bool:
    """Return whether a file is as `write_made` wrote it beside a table, the last time or the one before."""
    return written_before(file, file.read_bytes(), table)


def written_before(file: Path, content: bytes, table: Path) -> bool:
    """Return whether `write_made` wrote a file with such content beside a table, the last time or the one before."""
    return sha256(content).hexdigest() in _known(table).get(file.name, [])


def write_made(table: Path, files: Mapping[Path, bytes]) -> None:
    """Write a table and what lies beside it, so that `unedited` knows them again: `TABLE.written.json` holds digests.

    Those are written first: whoever is killed then leaves files that are as they were before.

    Raises:
        RunError: the disk is full, or may not be written to.
    """
    with writing(table):
        table.parent.mkdir(parents=True, exist_ok=True)
        known = _known(table)
        for file, content in files.items():
            digest = sha256(content).hexdigest()
            known[file.name] = [digest, *(old for old in known.get(file.name, []) if old != digest)][:2]
        write_atomically(_record(table), json.dumps(known, indent=1).encode())
        for file, content in files.items():
            write_atomically(file, content)


def _record(table: Path) -> Path:
    return table.with_name(f"{table.stem}.written.json")


def _known(table: Path) -> dict[str, list[str]]:
    """Return name -> digests of what was written; one that cannot be read knows nothing."""
    try:
        found = json.loads(_record(table).read_bytes())
    except (OSError, ValueError):
        return {}
    lists = found.items() if isinstance(found, dict) else ()
    return {name: list(map(str, digests)) for name, digests in lists if isinstance(digests, list)}
