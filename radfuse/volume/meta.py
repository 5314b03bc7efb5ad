"""What the header of a MetaImage file, MHA or MHD, says of its voxels. Where they lie is ITK's to say.

Source: https://itk.org/Wiki/ITK/MetaIO/Documentation.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from radfuse.errors import InputError
from radfuse.volume.layout import Layout, Packing, numbers_in

_TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_SYNONYMS = (("TransformMatrix", "Rotation", "Orientation"), ("Offset", "Origin", "Position"))
_LONGEST = 1 << 24
"""Bytes of a header; most have some hundreds."""


def meta_layout(path: Path) -> Layout:
    """Read how an .mha or .mhd file holds its voxels.

    Raises:
        InputError: no MetaImage file, or a header field that cannot be; names the field and the mend.
    """
    fields, end = _read_fields(path)
    if lacking := [name for name in ("NDims", "DimSize", "ElementType", "ElementDataFile") if name not in fields]:
        raise InputError(f"{path}: the header lacks {', '.join(lacking)}; write the file again from its source")
    if fields["ElementType"] not in _TYPES:
        raise InputError(
            f"{path}: header field ElementType is {fields['ElementType']!r}, no type of a known number of bytes; "
            f"known: {', '.join(_TYPES)}"
        )
    sizes = _check_geometry(path, fields)
    channels = int(_number(path, fields, "ElementNumberOfChannels", 1))
    order = ">" if _true(fields, "BinaryDataByteOrderMSB", "ElementByteOrderMSB") else "<"
    packing: Packing = "zlib" if _true(fields, "CompressedData") else "raw"
    if not _true(fields, "BinaryData", default=True):
        packing = "text"
    name = fields["ElementDataFile"]
    local = name.upper() == "LOCAL"
    if name.startswith("LIST") or "%" in name:
        raise InputError(
            f"{path}: its voxels lie in several files (ElementDataFile = {name}), and ITK does not say when one "
            "is wrong; save it as one file"
        )
    _check_values(path, fields)
    data, start = (path, end) if local else (path.parent / name, 0)
    shape = tuple(sizes[::-1]) if channels == 1 else (*sizes[::-1], channels)
    axis = None if channels == 1 else len(sizes)
    dtype = np.dtype(order + _TYPES[fields["ElementType"]])
    header = int(_number(path, fields, "HeaderSize", 0))
    if header == -1 and data.is_file():  # the voxels end with the file
        start = max(start, data.stat().st_size - Layout(path, data, shape, dtype).promised)
    elif header > 0:
        start = header
    size = int(_number(path, fields, "CompressedDataSize", 0)) if packing == "zlib" else 0
    return Layout(path, data, shape, dtype, start, 0, packing, size or None, axis)


def _read_fields(path: Path) -> tuple[dict[str, str], int]:
    """Return the fields, of which ElementDataFile is the last, and the byte after the header."""
    fields: dict[str, str] = {}
    with path.open("rb") as stream:
        while stream.tell() < _LONGEST:
            line = stream.readline(_LONGEST).decode("latin-1")
            name, sign, value = line.partition("=")
            if not sign:
                break
            fields[name.strip()] = value.strip()
            if name.strip() == "ElementDataFile":
                return fields, stream.tell()
    began = ", ".join(fields) or repr(line[:16])
    raise InputError(
        f"{path} is no image that can be read: it is no MetaImage header that ends with ElementDataFile "
        f"(found {began}); copy it again"
    )


def _check_geometry(path: Path, fields: dict[str, str]) -> list[int]:
    """Return voxels along the axes, fastest first; refuse fields of another length, and what ITK mends or dies of."""
    axes = int(_number(path, fields, "NDims", 0))
    if not 1 <= axes <= 5:
        raise InputError(f"{path}: header field NDims is {fields['NDims']}; an image has 3 axes. Correct the header")
    sizes = numbers_in(path, "DimSize", fields["DimSize"], whole=True)
    spacing = next((fields[name] for name in ("ElementSpacing", "ElementSize") if name in fields), None)
    if spacing is None:
        raise InputError(
            f"{path}: the header has no ElementSpacing, so that no one knows how large a voxel is; add it, in mm"
        )
    lengths = numbers_in(path, "ElementSpacing", spacing)
    if not all(np.isfinite(length) and length > 0 for length in lengths):
        said = " x ".join(f"{length:g}" for length in lengths)
        raise InputError(f"{path}: the voxel spacing is {said} mm; correct the header")
    counts = {"DimSize": len(sizes), "ElementSpacing": len(lengths)}
    for name in ("Offset", "Origin", "Position", "TransformMatrix", "Rotation", "Orientation", "CenterOfRotation"):
        if name in fields:
            found = numbers_in(path, name, fields[name])
            if not np.isfinite(found).all():
                raise InputError(f"{path}: header field {name} is {fields[name]}; correct the header")
            counts[name] = len(found)
    for name, count in counts.items():
        wanted = axes**2 if name in {"TransformMatrix", "Rotation", "Orientation"} else axes
        if count != wanted:
            raise InputError(f"{path}: header field {name} has {count} numbers, not {wanted}; correct the header")
    return [int(size) for size in sizes]


def _check_values(path: Path, fields: dict[str, str]) -> None:
    """Refuse what ITK passes over: values that mean others than those stored, other units, fields said twice."""
    for name, plain in (("ElementToIntensityFunctionSlope", 1.0), ("ElementToIntensityFunctionOffset", 0.0)):
        if name in fields and numbers_in(path, name, fields[name]) != [plain]:
            raise InputError(
                f"{path}: header field {name} is {fields[name]}, which ITK does not apply; save the image with its "
                f"values as they are meant, and the field at {plain:g}"
            )
    if (unit := fields.get("DistanceUnits", "mm")).lower() not in {"mm", "?", "other"}:
        raise InputError(f"{path}: header field DistanceUnits is {unit}; write the file again in mm")
    for names in _SYNONYMS:
        if len(said := [name for name in names if name in fields]) > 1:
            raise InputError(f"{path}: header fields {' and '.join(said)} say the same; keep the one that is right")


def _number(path: Path, fields: dict[str, str], name: str, otherwise: int) -> float:
    return numbers_in(path, name, fields[name], whole=True)[0] if name in fields else otherwise


def _true(fields: dict[str, str], *names: str, default: bool = False) -> bool:
    return next((fields[name].upper()[:1] in {"T", "1"} for name in names if name in fields), default)
