"""An index of folders that grows: read on all cores, on the disk while it grows, and only what is new the next time."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pandas as pd

from radfuse.errors import CaseError, InputError, RunError
from radfuse.run.disk import write_atomically, writing
from radfuse.run.folder import Progress
from radfuse.run.workers import Crew

_FEW = 48
"""Up to so many new folders are read here: starting processes would take longer."""
_BATCH = 100
_SAVED_EVERY = 15.0
"""Seconds after which what was read is on the disk."""


class Place(Protocol):
    """A folder to read: where it is, and when it was changed last."""

    @property
    def folder(self) -> str:
        """Its path below the root."""

    @property
    def changed(self) -> int:
        """When it was changed last, ns."""


PlaceKind = TypeVar("PlaceKind", bound=Place)
Batch = TypeVar("Batch")


def grown_index(
    file: Path,
    places: Sequence[PlaceKind],
    batch_of: Callable[[tuple[PlaceKind, ...]], Batch],
    read: Callable[[Batch], list[dict[str, Any]]],
    progress: Progress,
) -> pd.DataFrame:
    """Return the rows of all places, and keep them in a parquet file; reads what is new, changed or had a fault.

    Args:
        file: of the index; a kill loses what was read in the last seconds.
        places: folders, each once.
        batch_of: makes of some places what travels to a worker process.
        read: a function of a module; returns one row or more a place, with `folder`, `changed`, and `fault` or None.
        progress: told of the folders read.

    Raises:
        InputError: the file holds something else.
        RunError: it cannot be written, or a worker fails.
    """
    known = _known(file)
    fresh, new = _apart(known, places)
    progress("reading headers", len(places) - len(new), len(places))
    rows, saved, done = fresh.to_dict("records"), time.monotonic(), len(places) - len(new)
    batches = [tuple(new[start : start + _BATCH]) for start in range(0, len(new), _BATCH)]
    for part, count in _read(batches, batch_of, read):
        rows += part
        done += count
        progress("reading headers", done, len(places))
        if time.monotonic() - saved > _SAVED_EVERY:
            write_index(file, pd.DataFrame(rows))
            saved = time.monotonic()
    index = pd.DataFrame(rows).sort_values("folder", kind="stable", ignore_index=True)
    if new or len(index) != len(known):
        write_index(file, index)
    return index


def _read(
    batches: Sequence[tuple[PlaceKind, ...]],
    batch_of: Callable[[tuple[PlaceKind, ...]], Batch],
    read: Callable[[Batch], list[dict[str, Any]]],
) -> Iterator[tuple[list[dict[str, Any]], int]]:
    """Yield rows as they are read, and of how many places they are."""
    few = sum(map(len, batches)) <= _FEW
    with Crew(1 if few else None) as crew:
        made = [batch_of(batch) for batch in batches]
        jobs = {id(job): len(batch) for job, batch in zip(made, batches, strict=True)}
        for job, rows in crew.each(read, made):
            if isinstance(rows, CaseError):
                raise RunError(f"headers could not be read: {rows.message}; run again, what was read is kept")
            yield rows, jobs[id(job)]


def _apart(known: pd.DataFrame, places: Sequence[PlaceKind]) -> tuple[pd.DataFrame, list[PlaceKind]]:
    """Return the rows of folders that are there unchanged and had no fault, and the places of the others."""
    if known.empty:
        return known, list(places)
    here = {(place.folder, place.changed) for place in places}
    keys = list(zip(known["folder"], known["changed"], strict=True))
    faulty = set(known["folder"][known["fault"].notna()])
    kept = {key for key in keys if key in here and key[0] not in faulty}
    fresh = known[[key in kept for key in keys]]
    return fresh, [place for place in places if (place.folder, place.changed) not in kept]


def _known(file: Path) -> pd.DataFrame:
    if not file.is_file():
        return pd.DataFrame()
    try:
        known = pd.read_parquet(file)
    except (OSError, ValueError) as error:
        raise InputError(f"{file} is no index of series ({error}); move it away, and run again") from error
    if not {"folder", "changed", "fault"} <= set(known):
        raise InputError(f"{file} is no index of series; choose another name with --out")
    return known


def write_index(file: Path, index: pd.DataFrame) -> None:
    """Write an index whole or not at all.

    Raises:
        RunError: it cannot be written.
    """
    content = io.BytesIO()
    index.to_parquet(content, index=False)
    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, content.getvalue())
