"""What the header of an NRRD file says of its voxels. Where they lie is ITK's to say.

Source: https://teem.sourceforge.net/nrrd/format.html.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from radfuse.errors import InputError
from radfuse.volume.layout import Layout, Packing, numbers_in

_TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long", "signed long long int", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}
_CODES = {name: code for code, names in _TYPES.items() for name in names}
_PACKINGS: dict[str, Packing] = {
    "raw": "raw",
    "gz": "gzip",
    "gzip": "gzip",
    "txt": "text",
    "text": "text",
    "ascii": "text",
    "bz2": "other",
    "bzip2": "other",
}
_PLACES = {"domain", "space", "time", "???", "none"}
"""Kinds of an axis along which voxels lie; along any other lie the values of one voxel."""
_NAME = "_Name"
_LONGEST = 1 << 24
"""Bytes of a header; those of Slicer's segmentations have some thousands."""


def nrrd_layout(path: Path) -> Layout:
    """Read how an .nrrd or .nhdr file holds its voxels.

    Raises:
        InputError: no NRRD file, or a header field that cannot be; names the field and the mend.
    """
    fields, end = _read_fields(path)
    needed = ["type", "sizes", "encoding"]
    if not _CODES.get(fields.get("type", ""), "u1").endswith("1"):
        needed.append("endian")
    if lacking := [name for name in needed if name not in fields]:
        raise InputError(f"{path}: the header lacks {', '.join(lacking)}; write the file again from its source")
    if fields["type"] not in _CODES:
        known = ", ".join(names[0] for names in _TYPES.values())
        raise InputError(f"{path}: header field type is {fields['type']!r}, no type of one number; known: {known}")
    sizes = numbers_in(path, "sizes", fields["sizes"], whole=True)
    axis = _channel_axis(fields, len(sizes))
    _check_geometry(path, fields, len(sizes), axis)
    dtype = np.dtype((">" if fields.get("endian") == "big" else "<") + _CODES[fields["type"]])
    packing = _PACKINGS.get(fields["encoding"].lower())
    name = fields.get("data file", fields.get("datafile", ""))
    left_to_itk = "line skip" in fields or name.startswith("LIST") or "%" in name
    if packing is None or (packing == "text" and left_to_itk):  # ITK crashes at text that is none
        beside = ", with a line skip or in several files" if packing else ""
        raise InputError(
            f"{path}: header field encoding is {fields['encoding']!r}{beside}, which cannot be read; save it as raw "
            "or gzip"
        )
    if left_to_itk:
        packing, name = "other", ""
    data, start = (path.parent / name, 0) if name else (path, end)
    skip = int(numbers_in(path, "byte skip", fields.get("byte skip", "0"), whole=True)[0])
    if packing == "raw" and skip >= 0:
        start, skip = start + skip, 0
    shape = tuple(int(size) for size in sizes[::-1])
    channel_axis = None if axis is None else len(sizes) - 1 - axis
    if skip >= 0:
        return Layout(path, data, shape, dtype, start, skip, packing, channel_axis=channel_axis)
    bytes_ = Layout(path, data, shape, dtype).promised  # -1: the voxels end with the file
    start = data.stat().st_size - bytes_ if data.is_file() else 0
    return Layout(path, data, shape, dtype, max(start, end), 0, packing, channel_axis=channel_axis)


def segments_of(path: Path) -> dict[int, str]:
    """Return label -> name of the segments that 3D Slicer notes in a header; empty where it does not."""
    notes = _read_header(path)[1]
    names = {key.removesuffix(_NAME): value for key, value in notes.items() if key.endswith(_NAME)}
    labels = {segment: notes.get(f"{segment}_LabelValue", "") for segment in names if segment.startswith("Segment")}
    return {int(label): names[segment] for segment, label in labels.items() if label.isdecimal()}


def _read_fields(path: Path) -> tuple[dict[str, str], int]:
    """Return the fields, names in lower case, and the byte after the header."""
    fields, _, end = _read_header(path)
    return fields, end


def _read_header(path: Path) -> tuple[dict[str, str], dict[str, str], int]:
    """Return the fields, names in lower case, what programs note beside them by key, and the byte after the header."""
    fields: dict[str, str] = {}
    notes: dict[str, str] = {}
    with path.open("rb") as stream:
        first = stream.readline(16)
        if not first.startswith(b"NRRD"):
            raise InputError(
                f"{path} is no image that can be read: it begins with {first[:8]!r}, not NRRD; copy it again"
            )
        while line := stream.readline(_LONGEST).rstrip(b"\r\n"):
            text = line.decode("latin-1")
            name, sign, value = text.partition(": ")
            if sign and not text.startswith("#") and ":=" not in name:
                fields[name.strip().lower()] = value.strip()
            elif ":=" in text and not text.startswith("#"):
                key, _, note = line.decode(errors="replace").partition(":=")
                notes[key.strip()] = note.strip()
            if stream.tell() > _LONGEST:
                raise InputError(f"{path}: the header has more than {_LONGEST} bytes; write the file again")
        return fields, notes, stream.tell()


def _vectors(path: Path, fields: dict[str, str], name: str) -> list[list[float] | None]:
    """Return the vectors of a field; None where it says "none"."""
    parts = re.findall(r"none|\([^)]*\)", fields.get(name, ""))
    return [None if part == "none" else numbers_in(path, name, part.strip("()").replace(",", " ")) for part in parts]


def _channel_axis(fields: dict[str, str], axes: int) -> int | None:
    """Return which axis, the fastest first, holds the values of one voxel."""
    places = [part != "none" for part in re.findall(r"none|\([^)]*\)", fields.get("space directions", ""))]
    kinds = [kind.lower() in _PLACES for kind in re.findall(r'"[^"]*"|\S+', fields.get("kinds", ""))]
    both = [*([places] if axes > 3 else []), kinds]
    return next((axis for axis in range(axes) if any(part[axis : axis + 1] == [False] for part in both)), None)


def _check_geometry(path: Path, fields: dict[str, str], axes: int, channel_axis: int | None) -> None:
    """Refuse a spacing that is left out or cannot be, and other units than mm."""
    if "space directions" in fields:
        if axes == 3 and "none" in fields["space directions"]:
            raise InputError(
                f"{path}: space directions are {fields['space directions']}, so that no one knows how voxels lie along "
                "each of three axes; correct the header"
            )
        lengths = [
            float(np.linalg.norm(vector)) for vector in _vectors(path, fields, "space directions") if vector is not None
        ]
    elif "spacings" in fields:
        found = numbers_in(path, "spacings", fields["spacings"])
        lengths = [length for axis, length in enumerate(found) if axis != channel_axis]
    else:
        raise InputError(
            f"{path}: the header has neither 'space directions' nor 'spacings', so that no one knows how large a voxel "
            "is; add one of them"
        )
    if not all(np.isfinite(length) and length > 0 for length in lengths):
        said = " x ".join(f"{length:g}" for length in lengths)
        raise InputError(f"{path}: the voxel spacing is {said} mm; correct the header")
    origin = _vectors(path, fields, "space origin")
    if not all(np.isfinite(vector).all() for vector in origin if vector is not None):
        raise InputError(f"{path}: the space origin is {fields['space origin']} mm; correct the header")
    units = [unit.strip().lower() for unit in re.findall(r'"([^"]*)"', fields.get("space units", ""))]
    if other := [unit for unit in units if unit not in {"", "mm", "millimeter", "millimeters", "millimetre"}]:
        raise InputError(f"{path}: space units are {other[0]!r}; write the file again in mm")
