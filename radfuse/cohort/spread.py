"""Series whose files lie over several folders of a heap: one row each, judged as a whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from radfuse.cohort.dump_rows import MISNAMED, OTHERS, files_in, is_cut, read_headers, series_row
from radfuse.run.folder import Progress
from radfuse.run.index import grown_index
from radfuse.volume.dicom import text_of
from radfuse.volume.series import Facts, facts_of

_COPY = "copies of a series that lies in another folder as well"


@dataclass(frozen=True)
class Spread:
    """One series over several folders.

    Attributes:
        folder: its UID and person, by which it is found in the file of what is known.
        changed: a sum of what its folders are called and when they were changed.
        parts: folder below the root, and the names of its files there; None: all of the folder.
    """

    folder: str
    changed: int
    parts: tuple[tuple[str, str | None], ...]

    @classmethod
    def of(cls, uid: str, patient: str, rows: pd.DataFrame) -> Spread:
        """Return the series that some rows of an index are parts of."""
        names = [name if isinstance(name, str) else None for name in rows["names"]]
        told = repr([*zip(rows["folder"], rows["changed"], names, strict=True)])
        changed = int.from_bytes(hashlib.sha256(told.encode()).digest()[:7])
        return cls(f"{uid} {patient}", changed, tuple(zip(rows["folder"], names, strict=True)))


@dataclass(frozen=True)
class Spreads:
    """Some of them to read; travels to a worker process."""

    root: Path
    away: str
    places: tuple[Spread, ...]

    def __str__(self) -> str:
        return f"{len(self.places)} series"


def joined(index: pd.DataFrame, root: Path, file: Path, progress: Progress = lambda *_: None) -> pd.DataFrame:
    """Return an index with one row for each series of images that lies over several folders, its names below the root.

    Copies in other folders have that as their fault. What was read is kept beside the file.

    Args:
        index: a row a series of each folder.
        root: that its folders are relative to.
        file: of the index.
        progress: told of what is read.

    Raises:
        InputError: the file beside holds something else.
        RunError: it cannot be written.
    """
    index = index.assign(fault=index["fault"].mask(_copied(index), _COPY))
    named = index["series_uid"].notna() & index["patient"].notna() & ~index["modality"].isin(OTHERS)
    parts = index[named & (index["fault"].isna() & (index["rows"] > 0) | _cut_alone(index))]
    several = parts[parts.duplicated(["series_uid", "patient"], keep=False)]
    kept = file.with_name(f"{file.name.removesuffix('.series.parquet')}.spread.parquet")
    if several.empty:
        kept.unlink(missing_ok=True)  # of a heap that has changed
        return index
    places = [
        Spread.of(uid, patient, rows) for (uid, patient), rows in several.groupby(["series_uid", "patient"], sort=False)
    ]
    away = os.path.relpath(root.resolve(), file.parent.resolve())
    whole = grown_index(kept, places, lambda some: Spreads(root, away, some), read_spreads, progress)
    unnamed = several.loc[several["fault"] == MISNAMED, "series_uid"]  # its headers do not say so
    whole["fault"] = whole["fault"].mask(whole["series_uid"].isin(unnamed), MISNAMED)
    return pd.concat([index.drop(several.index), whole.assign(folder=".")], ignore_index=True)


def _copied(index: pd.DataFrame) -> pd.Series:
    """Return which rows hold the same instances as one before them; an older index does not say."""
    if "instances" not in index:
        return pd.Series(data=False, index=index.index)
    whole = index[index["fault"].isna() & index["instances"].notna()]
    return whole.duplicated(["series_uid", "patient", "instances"]).reindex(index.index, fill_value=False)


def _cut_alone(index: pd.DataFrame) -> pd.Series:
    """Return which rows hold what cannot be used, and lies nowhere else whole: without them a series lacks slices."""
    faulty = index["fault"].notna() & (index["fault"] != _COPY)
    if "instances" not in index:
        return faulty
    return faulty & ~index["instances"].isin(index["instances"][index["fault"].isna()].dropna())


def read_spreads(batch: Spreads) -> list[Facts]:
    """Return the row of each series."""
    return [_row(batch, place) for place in batch.places]


def _row(batch: Spreads, place: Spread) -> Facts:
    told: Facts = {"folder": place.folder, "changed": place.changed, "root": batch.away}
    uid, patient = place.folder.split(" ", 1)
    found = [
        (path, header)
        for path, header in read_headers([*_paths(batch.root, place)])
        if (said := facts_of(header))["series_uid"] == uid and said["patient"] == patient
    ]
    if not found:
        return told | {"series_uid": uid, "patient": patient, "fault": "its files are gone by now; index again"}
    cut = {path for path, header in found if is_cut(path, header)}
    whole = {text_of(header, "SOPInstanceUID") for path, header in found if path not in cut}
    used = [(path, header) for path, header in found
            if path not in cut or text_of(header, "SOPInstanceUID") not in whole]  # fmt: skip
    names = "\n".join(path.relative_to(batch.root).as_posix() for path, _ in used)
    return told | series_row(uid, used, alone=False) | {"names": names}


def _paths(root: Path, place: Spread) -> Iterator[Path]:
    for folder, names in place.parts:
        try:
            yield from files_in(root / folder) if names is None else (root / folder / n for n in names.split("\n"))
        except OSError:
            continue  # gone since it was indexed
