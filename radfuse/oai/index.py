"""The index of OAI's series: resumed where it stopped, one row a series, as parquet beside the cohort table."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from radfuse.errors import CaseError, InputError, RunError
from radfuse.oai.headers import Batch, read_batch
from radfuse.oai.layout import Place, Unread, walk
from radfuse.run.disk import write_atomically, writing
from radfuse.run.workers import Crew
from radfuse.volume.series import Facts

Progress = Callable[[str, int, int], None]
_FEW = 48
"""Up to so many new series are read here: starting processes would take longer."""
_BATCH = 100
_SAVED_EVERY = 15.0
"""Seconds after which what was read is on the disk."""
_KEY = ["folder", "changed"]


def index_series(root: Path, file: Path, progress: Progress = lambda *_: None) -> tuple[pd.DataFrame, list[Unread]]:
    """Return a row a series, and the folders that nobody may look into; reads what is new or changed alone.

    Args:
        root: OAI's folder, at or above its releases.
        file: parquet that holds the index; written while it grows, so that a kill loses some seconds.
        progress: told of the series read.

    Raises:
        InputError: no folder, no release below it, or a file that is no index.
        RunError: it cannot be written.
    """
    if not root.is_dir():
        raise InputError(f"there is no folder {root}; give the one in which OAI's releases lie, as 0.C.2 or 0.E.1")
    found = list(walk(root))
    places = [item for item in found if isinstance(item, Place)]
    unread = [item for item in found if isinstance(item, Unread)]
    if not places:
        lying = f"; {unread[0].folder or root} {unread[0].reason}" if unread else ""
        raise InputError(
            f"{root} holds no series of OAI: RELEASE/ID/YYYYMMDD/BARCODE, as 0.C.2/9007827/20041006/10263609{lying}"
        )
    known = _known(file)
    fresh, new = _apart(known, places)
    progress("reading headers", len(places) - len(new), len(places))
    rows, saved = [fresh], time.monotonic()
    for part in _read(root, new):
        rows.append(pd.DataFrame(part))
        done = sum(len(item) for item in rows)
        progress("reading headers", done, len(places))
        if time.monotonic() - saved > _SAVED_EVERY:
            rows, saved = [_joined(rows)], time.monotonic()
            _write(file, rows[0])
    index = _joined(rows).sort_values("folder", ignore_index=True)
    if len(new) or len(index) != len(known):
        _write(file, index)
    return index, unread


def _read(root: Path, places: list[Place]) -> Iterator[list[Facts]]:
    """Yield rows as they are read, on all cores."""
    batches = [Batch(root, tuple(places[start : start + _BATCH])) for start in range(0, len(places), _BATCH)]
    with Crew(1 if len(places) <= _FEW else None) as crew:
        for _, rows in crew.each(read_batch, batches):
            if isinstance(rows, CaseError):
                raise RunError(f"headers could not be read: {rows.message}; run again, what was read is kept")
            yield rows


def _apart(known: pd.DataFrame, places: list[Place]) -> tuple[pd.DataFrame, list[Place]]:
    """Return the rows whose folder is there unchanged, without those that could not be read, and the other places."""
    here = {(place.folder, place.changed) for place in places}
    if known.empty:
        return known, places
    keys = list(zip(known["folder"], known["changed"], strict=True))
    kept = known[known["fault"].isna() & pd.Series([key in here for key in keys], index=known.index)]
    same = set(zip(kept["folder"], kept["changed"], strict=True))
    return kept, [place for place in places if (place.folder, place.changed) not in same]


def _known(file: Path) -> pd.DataFrame:
    if not file.is_file():
        return pd.DataFrame()
    try:
        known = pd.read_parquet(file)
    except (OSError, ValueError) as error:
        raise InputError(f"{file} is no index of series ({error}); move it away, and run again") from error
    if not {*_KEY, "protocol", "fault"} <= set(known):
        raise InputError(f"{file} is no index of OAI's series; choose another name with --out")
    return known


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [part for part in parts if len(part)]
    return pd.DataFrame([row for part in filled for row in part.to_dict("records")]) if filled else pd.DataFrame()


def _write(file: Path, index: pd.DataFrame) -> None:
    import io

    content = io.BytesIO()
    index.to_parquet(content, index=False)
    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, content.getvalue())
