"""One OAI series as a row of the index, from its first and last header and the sizes of its files."""

from __future__ import annotations

import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from radfuse.errors import InputError
from radfuse.oai.layout import PROTOCOLS, USUAL_DESS, Place, protocol_of, side_of, visit_of
from radfuse.volume.dicom import header_of, text_of
from radfuse.volume.refused import refusal_of_slice
from radfuse.volume.series import Facts, depth_of, facts_of, missing_bytes

_USUAL_MM = (0.6, 0.8), (0.35, 0.38)
"""Between slices, and between pixels, of a sagittal DESS."""
_HEADERS_DIFFER = 64
"""Bytes by which the headers of one series may differ."""


@dataclass(frozen=True)
class Batch:
    """Some series to read; travels to a worker process."""

    root: Path
    places: tuple[Place, ...]

    def __str__(self) -> str:
        return f"{len(self.places)} series"


def read_batch(batch: Batch) -> list[Facts]:
    """Return a row a series; a series that cannot be read has its `fault`, and stops no other."""
    return [read_place(batch.root, place) for place in batch.places]


def read_place(root: Path, place: Place) -> Facts:
    """Return one row: where it lies, what its headers say, protocol, visit, side, remark, and fault or None."""
    row: Facts = asdict(place)
    visit = visit_of(place.release)
    row |= {"visit": visit[0] if visit else None, "months": visit[1] if visit else None}
    row |= dict.fromkeys(("files", "protocol", "side", "slice_mm", "remark", "fault"))
    try:
        found = _read(root / place.folder)
    except InputError as error:
        return row | {"fault": str(error).replace(f"{root / place.folder}{os.sep}", "file ")}
    except OSError as error:
        return row | {"fault": f"cannot be read ({error.strerror or error}); look at its permissions and the disk"}
    row |= found
    remarks = [str(row["remark"])] if row["remark"] else []
    if visit is None:
        remarks.append(f"release {place.release} is of no visit that is known")
    if row["patient"] not in (None, place.person):
        row["fault"] = "PatientID is not the person whose folder it lies in; put the series where it belongs"
    return row | {"remark": "; ".join(remarks) or None}


def _read(folder: Path) -> Facts:
    """Return what the files of a folder say together.

    Raises:
        InputError: no DICOM file, a header that is damaged.
    """
    with os.scandir(folder) as items:
        seen = [item for item in items if item.name[0] != "."]
        sizes = {item.name: item.stat().st_size for item in seen if item.is_file()}
    names = sorted(sizes, key=_natural)
    if not names:
        deeper = ", but a folder; move what is in that up" if seen else "; copy the series again"
        raise InputError(f"the folder holds no file{deeper}")
    if hollow := [name for name in names if not sizes[name]]:
        raise InputError(f"{len(hollow)} of {len(names)} files are empty, as {hollow[0]}; copy the series again")
    ends = {name: header_of(folder / name) for name in (names[0], names[-1])}
    first, last = ends[names[0]], ends[names[-1]]
    if first is None or last is None:
        name = names[0] if first is None else names[-1]
        raise InputError(f"file {name} is no DICOM; take it away, or copy the series again")
    row = facts_of(first)
    protocol, remarks = protocol_of(row)
    side, told = side_of(row)
    depth = depth_of(first, last)
    step = depth / (len(names) - 1) if depth and len(names) > 1 else row["thickness_mm"]
    row |= {"files": len(names), "protocol": protocol, "side": side, "slice_mm": step}
    row |= {"remark": "; ".join([*remarks, *told, *_odd(row)]) or None}
    if (text_of(last, "SeriesInstanceUID") or None) != row["series_uid"]:
        fault = f"two series in one folder ({names[0]} and {names[-1]}); put each into a folder of its own"
        return row | {"fault": fault}
    if protocol in PROTOCOLS:  # what else is there nobody reads
        refused = [refusal_of_slice(folder / name, header) for name, header in ((names[0], first), (names[-1], last))]
        if any(refused):
            return row | {"fault": refused[0] or refused[1]}
    smallest = min(names, key=lambda name: sizes[name])
    if sizes[smallest] < sizes[names[0]] - _HEADERS_DIFFER or smallest in (names[0], names[-1]):
        lacking = missing_bytes(header_of(folder / smallest), sizes[smallest])
        if lacking:
            return row | {"fault": f"file {smallest} is cut off ({lacking} bytes are missing); copy it again"}
    return row


def _odd(row: Facts) -> list[str]:
    """Return what is unusual about the size of a DESS; it is kept."""
    if row["protocol"] != "dess":
        return []
    size = (row["files"], row["rows"], row["columns"])
    remarks = []
    if size != USUAL_DESS:
        remarks.append(
            f"{size[1]} x {size[2]} x {size[0]}, usually {USUAL_DESS[1]} x {USUAL_DESS[2]} x {USUAL_DESS[0]}"
        )
    for name, (low, high) in zip(("slice_mm", "row_mm"), _USUAL_MM, strict=True):
        value = row[name]
        if isinstance(value, (int, float)) and not low <= value <= high:
            remarks.append(f"{name.replace('_mm', '')} {value:.4g} mm")
    return remarks


def _natural(name: str) -> tuple[int, str]:
    """Sort 2 before 10."""
    number = re.search(r"\d+", name)
    return int(number[0]) if number else -1, name
