"""Any heap of DICOM files, as a PACS hands it out: an index of its series, and a cohort table of them."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from radfuse.cohort.dump_rows import MISNAMED, OTHERS, UNREADABLE, files_in, series_row
from radfuse.cohort.spread import joined
from radfuse.cohort.times import days_of
from radfuse.errors import InputError, listed
from radfuse.run.folder import Progress
from radfuse.run.index import grown_index, write_index
from radfuse.volume.dicom import header_of
from radfuse.volume.series import Facts, facts_of, word_of

_PACKED = {".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".7z", ".rar"}
_KEPT = ("modality", "description", "plane", "laterality", "rows", "columns", "row_mm", "column_mm", "slice_mm")
_WHOLE = ("days", "rows", "columns", "files")
_TELLING = 4
"""Characters of an id from which on it is sought in descriptions: shorter ones are numbers of anything there."""
COLUMNS = ("case_id", "patient_id", "study", "days", *_KEPT, "files", "remark")
"""Of a table of series."""


@dataclass(frozen=True)
class Folder:
    """A folder with files: its path below the root, and when it was changed last, ns."""

    folder: str
    changed: int


@dataclass(frozen=True)
class Folders:
    """Some folders to read; travels to a worker process.

    Attributes:
        root: that they lie below.
        away: the same, relative to the index.
        places: the folders.
    """

    root: Path
    away: str
    places: tuple[Folder, ...]

    def __str__(self) -> str:
        return f"{len(self.places)} folders"


def index_dump(root: Path, file: Path, progress: Progress = lambda *_: None) -> pd.DataFrame:
    """Return a row for each series below a root, over however many folders; reads what is new or changed alone.

    Columns: those of `volume.series.facts_of`, folder, root (relative to the file), files, names (of the files, where
    the folder holds others too, and of a single file), alone, slice_mm, fault, and remark: why it will not be read, as
    far as headers tell; a folder that holds no DICOM has a row without series_uid. The file has a row for each folder.

    Raises:
        InputError: no folder, no DICOM file below it, or a file that is no index.
        RunError: it cannot be written.
    """
    if not root.is_dir():
        raise InputError(f"there is no folder {root}; give the one in which the DICOM files lie")
    places = list(_walk(root))
    if not places:
        raise InputError(f"{root} holds no files; give the folder in which the DICOM files lie")
    away = os.path.relpath(root.resolve(), file.parent.resolve())
    index = grown_index(file, places, lambda some: Folders(root, away, some), read_folders, progress)
    if index["series_uid"].isna().all():
        faults = listed(index["fault"].dropna().unique())
        told = "" if faults == "none" else f" ({faults})"
        raise InputError(f"{root} holds no DICOM file that can be used{told}; give the folder in which they lie")
    return joined(index, root, file, progress)


def note_images(file: Path, images: Mapping[tuple[str, str], str]) -> None:
    """Note in an index where each series is read from, column `image`, for tables that name it by its UID.

    Args:
        file: of the index.
        images: UID and PatientID of a series -> folder or file, relative to the index; others have none.

    Raises:
        RunError: it cannot be written.
    """
    index = pd.read_parquet(file)
    keys = zip(index["series_uid"], index["patient"], strict=True)
    said = [images.get(key) for key in keys]
    before = [one if isinstance(one, str) else None for one in index["image"]] if "image" in index else None
    if said != before:
        write_index(file, index.assign(image=pd.Series(said, index.index, dtype=object)))


def _walk(root: Path) -> Iterator[Folder]:
    """Yield the folders that hold files, or may not be read, each once: links are followed when all else is seen."""
    home, seen = os.path.realpath(root), set()
    starts, closed = [root], list[str]()
    for start in starts:  # grows
        for place, folders, files in os.walk(start, onerror=lambda error: closed.append(error.filename)):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            real = os.path.realpath(place)
            if real in seen or home.startswith(f"{real.rstrip(os.sep)}{os.sep}"):  # a link that leads back or above
                folders.clear()
                continue
            seen.add(real)
            starts += [link for name in folders if (link := Path(place) / name).is_symlink()]
            if any(not name.startswith(".") for name in files):
                yield _folder(root, place)
    yield from (_folder(root, place) for place in closed)


def _folder(root: Path, place: str) -> Folder:
    here = Path(place)
    try:
        changed = here.stat().st_mtime_ns
    except OSError:  # in a folder that may not be entered, or gone by now; `_rows` says why
        changed = 0
    return Folder(_as_text(here.relative_to(root).as_posix()), changed)


def read_folders(batch: Folders) -> list[Facts]:
    """Return the rows of some folders."""
    return [row for place in batch.places for row in _rows(batch, place)]


def _rows(batch: Folders, place: Folder) -> list[Facts]:
    """Return a row a series of a folder; one without a series where there is none."""
    told: Facts = {"folder": place.folder, "changed": place.changed, "root": batch.away}
    series: dict[tuple[str, str], list[tuple[Path, Any]]] = defaultdict(list)
    faults: list[str] = []
    packed, misnamed = 0, set[tuple[str, str]]()
    try:
        for path in files_in(batch.root / place.folder):
            if path.suffix.lower() in _PACKED:
                packed += 1
                continue
            odd = path.name != _as_text(path.name)
            faults += [UNREADABLE] * odd
            header = _header(path, faults)
            if header is None:
                continue
            said = facts_of(header)
            key = str(said["series_uid"] or ""), str(said["patient"] or "")  # anonymisers may give all persons one UID
            if odd:
                misnamed.add(key)
            else:
                series[key].append((path, header))
    except FileNotFoundError:
        return [told | {"series_uid": None, "fault": UNREADABLE}]
    except OSError as error:
        return [told | {"series_uid": None, "fault": f"cannot be read ({error.strerror}); look at its permissions"}]
    alone = len(series) == 1 and not faults
    rows = [told | row for row in _of_series(series, misnamed, alone)]
    if packed:
        fault = "files that are packed (zip, gz, tar, ...) are not looked into; unpack them"
        rows.append(told | {"series_uid": None, "fault": fault, "files": packed})
    if faults or not rows:
        rows.append(told | {"series_uid": None, "fault": faults[0] if faults else None, "files": len(faults)})
    return rows


def _of_series(
    series: Mapping[tuple[str, str], Sequence[tuple[Path, Any]]], misnamed: set[tuple[str, str]], alone: bool
) -> Iterator[Facts]:
    """Yield a row for each series of a folder, with its fault where a slice of it cannot be named."""
    for key, files in series.items():
        row = series_row(key[0], files, alone=alone)
        yield row | {"fault": row["fault"] or (MISNAMED if key in misnamed else None)}
    for uid, patient in misnamed - series.keys():  # its other slices may lie in other folders
        yield {"series_uid": uid, "patient": patient, "alone": False, "rows": 0, "fault": MISNAMED}


def _header(path: Path, faults: list[str]) -> Any:
    """Return what a file of a series says, None of another; what is wrong with it is added to the faults."""
    try:
        header = header_of(path)
    except InputError as error:
        faults.append(str(error).replace(str(path), "a file", 1))
        return None
    return None if header is None or "DirectoryRecordSequence" in header else header


def _as_text(name: str) -> str:
    """Return a name with question marks for bytes that are no UTF-8, and for ends of lines: an index lists names so."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\n", "\N{REPLACEMENT CHARACTER}")


@dataclass(frozen=True)
class Dump:
    """A cohort table of a heap of DICOM files.

    Attributes:
        rows: case_id, patient_id, study (1, 2, ... of the patient, in time), days (since the patient's first study),
            modality, description, sizes, files, remark (why it will not be read).
        series: case_id -> its folder, or its files where the folder holds others too; of a flat image its file.
        flat: cases whose image is one file that does not say where it lies, a radiograph for example.
        keys: case_id -> UID and PatientID of its series.
        left_out: why series are not in the table, with their number.
    """

    rows: pd.DataFrame
    series: Mapping[str, Path | list[Path]]
    keys: Mapping[str, tuple[str, str]]
    left_out: Mapping[str, int]
    flat: frozenset[str] = frozenset()


def cohort_of(index: pd.DataFrame, root: Path, names: Mapping[str, str] | None) -> Dump:
    """Return a row a series of images, ids and dates of the persons left out where there are names for them.

    Args:
        index: from `index_dump`.
        root: that its folders are relative to.
        names: PatientID -> pseudonym; None: the ids as they are.

    Raises:
        InputError: no series can be used.
    """
    left_out: dict[str, int] = defaultdict(int)
    for fault, some in index[index["fault"].notna()].groupby("fault"):
        left_out[str(fault)] += len(some)
    usable = index[index["fault"].isna() & index["series_uid"].notna()]
    if nameless := int(usable["patient"].isna().sum()):
        left_out["no PatientID, so that nobody knows whose they are; export them with one, a pseudonym will do"] += (
            nameless
        )
    usable = usable[usable["patient"].notna()]
    others = usable["modality"].isin(OTHERS) | (usable["rows"] == 0)
    if others.any():
        left_out["no images (reports, segmentations, plans)"] += int(others.sum())
    usable = usable[~others]
    if usable.empty:
        why = listed(f"{why} ({count})" for why, count in left_out.items())
        raise InputError(f"no series below {root} can be used: {why}; look at the files, and export them again")
    usable = _renamed(usable, names or {})
    usable = usable.assign(days=days_of(usable["date"].map(_dashed)))
    first = usable.groupby("patient_id")["days"].transform("min")
    usable = usable.assign(days=usable["days"] - first)
    studies: dict[str, dict[str, int]] = defaultdict(dict)
    rows, flat, count = [], set(), dict.fromkeys(usable["patient_id"], 0)
    series: dict[str, Path | list[Path]] = {}
    keys: dict[str, tuple[str, str]] = {}
    for _, one in usable.sort_values(["patient_id", "days", "series_uid"]).iterrows():
        patient = one["patient_id"]
        count[patient] += 1
        known = studies[patient]
        study = known.setdefault(str(one["study_uid"]), len(known) + 1)
        case = f"{patient}_{study}_{count[patient]:03d}"
        files = [] if one["alone"] and int(one["files"]) > 1 else _files(one, root)
        if len(files) == 1 and pd.isna(one["plane"]) and one["frames"] == 1:
            flat.add(case)
            series[case] = files[0]
        else:
            series[case] = root / one["folder"] if one["alone"] else files
        keys[case] = (one["series_uid"], one["patient"])
        told = {"case_id": case, "patient_id": patient, "study": study, "days": one["days"]}
        rows.append(told | {name: one[name] for name in (*_KEPT, "files")} | {"remark": one.get("remark")})
    table = pd.DataFrame(rows)
    whole = {name: table[name].astype("Float64").round().astype("Int64") for name in _WHOLE}
    return Dump(table.assign(**whole), series, keys, left_out, frozenset(flat))


def _renamed(usable: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Return the rows with `patient_id`, the id or its pseudonym; descriptions that hold the id bear it, too.

    With pseudonyms descriptions lose the parts of persons' names; of an older index, which lacks these, they are empty.
    """
    told = usable["description"] if not names else usable.get("nameless", pd.Series(None, usable.index, dtype=object))
    descriptions = [
        _without_id(said, person, names[person]) if person in names and isinstance(said, str) else said
        for person, said in zip(usable["patient"], told, strict=True)
    ]
    return usable.assign(
        patient_id=[names.get(person, person) for person in usable["patient"]], description=descriptions
    )


def _without_id(said: str, person: str, name: str) -> str:
    """Return a description with the pseudonym for the id, where that stands as a word and as no part of a number."""
    if len(person) < _TELLING:
        return said
    return re.sub(word_of(person), lambda _: name, said, flags=re.IGNORECASE)


def _dashed(date: object) -> str | None:
    """Return 20041006 as 2004-10-06."""
    text = str(date)
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}" if len(text) == 8 and text.isdigit() else None


def _files(one: pd.Series, root: Path) -> list[Path]:
    """Return the files of a series that lies in several folders, or beside others."""
    folder = root / one["folder"]
    names = one["names"]
    return [folder / name for name in names.split("\n")] if isinstance(names, str) else files_in(folder)
