"""What the header of a NIfTI file says, held against the standard. Where voxels lie is ITK's to say.

Source: the NIfTI-1 data format, nifti1.h, https://nifti.nimh.nih.gov.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np

from radfuse.errors import InputError
from radfuse.volume.layout import Layout, Packing

_FIELDS: Any = {
    "dim": ("8i2", 40),
    "datatype": ("i2", 70),
    "bitpix": ("i2", 72),
    "pixdim": ("8f4", 76),
    "vox_offset": ("f4", 108),
    "scl_slope": ("f4", 112),
    "scl_inter": ("f4", 116),
    "qform_code": ("i2", 252),
    "sform_code": ("i2", 254),
    "quatern": ("3f4", 256),
    "qoffset": ("3f4", 268),
    "srow": ("(3,4)f4", 280),
    "magic": ("S4", 344),
}
_SIZE, _EARLIEST = 348, 352
"""Bytes of the header, and the first byte that may hold voxels."""
_SECOND = 540
"""Bytes of a NIfTI-2 header."""
_TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}
_SHEARED = 1e-3
"""Cosine between two axes of an sform from which on ITK passes over it, where there is a qform."""
_COLOURS = {128: 3, 2304: 4}
"""Data types of several bytes a voxel: RGB and RGBA."""


def nifti_layout(path: Path) -> Layout:
    """Read how a .nii or .nii.gz file holds its voxels.

    Raises:
        InputError: no NIfTI file, or a header field that cannot be; names the field and the mend.
    """
    packed = path.name.lower().endswith(".gz")
    header, order = _read_header(path, packed)
    offset = float(header["vox_offset"])
    if not (offset >= _EARLIEST and np.isfinite(offset) and offset == np.rint(offset)):
        raise InputError(
            f"{path}: header field vox_offset is {offset:g}; voxels begin at byte {_EARLIEST} or later. "
            "Correct the header, or write the file again from its source"
        )
    code = int(header["datatype"])
    if code not in _TYPES and code not in _COLOURS:
        raise InputError(
            f"{path}: header field datatype is {code}, which is no type of one real number a voxel "
            f"(known: {', '.join(map(str, _TYPES))}); save it as 16-bit integers or 32-bit floats (4 or 16)"
        )
    dtype = np.dtype(order + _TYPES.get(code, "u1"))
    bits = 8 * dtype.itemsize * _COLOURS.get(code, 1)
    if header["bitpix"] != bits:
        raise InputError(
            f"{path}: header field bitpix is {header['bitpix']}, but datatype {code} takes {bits} bits a voxel; "
            "correct the header, or write the file again from its source"
        )
    shape = _shape_of(path, header)
    channel_axis = 0 if len(shape) == 5 and shape[0] > 1 else None
    if code in _COLOURS:
        shape, channel_axis = (*shape, _COLOURS[code]), len(shape)
    slope, inter = _scale_of(path, header)
    _check_geometry(path, header)
    start, skip = (0, int(offset)) if packed else (int(offset), 0)
    packing: Packing = "gzip" if packed else "raw"
    return Layout(path, path, shape, dtype, start, skip, packing, None, channel_axis, slope, inter)


def _read_header(path: Path, packed: bool) -> tuple[np.void, str]:
    """Return the header's fields, and its byte order."""
    with path.open("rb") as stream:
        raw = stream.read(1 << 16)
    if packed:
        if raw[:2] != b"\x1f\x8b":
            raise InputError(f"{path} is named .gz but is not compressed; rename it to {path.stem}, or copy it again")
        try:
            raw = zlib.decompressobj(31).decompress(raw, 1 << 10)
        except zlib.error as error:
            raise InputError(f"{path} is damaged in its first bytes ({error}); copy it again") from error
    elif raw[:2] == b"\x1f\x8b":
        raise InputError(f"{path} is compressed and is not named so; rename it to {path.name}.gz")
    order = next((order for order in "<>" if raw[:4] == np.array(_SIZE, f"{order}i4").tobytes()), None)
    if order is None:
        if raw[:4] in {np.array(_SECOND, f"{order}i4").tobytes() for order in "<>"}:
            raise InputError(f"{path} is a NIfTI-2 file, which ITK does not read; save it as NIfTI-1 or NRRD")
        raise InputError(
            f"{path} is no image that can be read: it begins with {raw[:8]!r}, no NIfTI header; copy it again"
        )
    if len(raw) < _SIZE:
        raise InputError(f"{path} is truncated: it ends within the header; copy it again")
    formats, offsets = zip(*_FIELDS.values(), strict=True)
    kind: Any = {"names": list(_FIELDS), "formats": formats, "offsets": offsets, "itemsize": _SIZE}
    header = np.frombuffer(raw, np.dtype(kind).newbyteorder(order), 1)[0]
    if header["magic"] != b"n+1":
        raise InputError(
            f"{path} is no whole NIfTI file: its magic is {bytes(header['magic'])!r}, not b'n+1'. Analyze images and "
            ".hdr/.img pairs say too little of where voxels lie; convert it to .nii.gz"
        )
    return header, order


def _shape_of(path: Path, header: np.void) -> tuple[int, ...]:
    """Return voxels along the axes, slowest first; axes that hold one voxel are left out from the end."""
    count, sizes = int(header["dim"][0]), [int(size) for size in header["dim"][1:]]
    if not 1 <= count <= 7 or any(size < 1 for size in sizes[:count]):
        said = ", ".join(str(int(size)) for size in header["dim"])
        raise InputError(
            f"{path}: header field dim is ({said}), the number of axes and the voxels along each; correct the header"
        )
    used = sizes[:count]
    while len(used) > 3 and used[-1] == 1:
        used.pop()
    return tuple(used[::-1])


def _scale_of(path: Path, header: np.void) -> tuple[float, float]:
    """Return slope and intercept; a slope of 0 or NaN stands for none, as the standard and nibabel have it."""
    slope, inter = float(header["scl_slope"]), float(header["scl_inter"])
    unset = slope == 0 or np.isnan(slope)
    if unset and (inter == 0 or np.isnan(inter)):
        return 1.0, 0.0
    if unset or not (np.isfinite(slope) and np.isfinite(inter)):
        raise InputError(
            f"{path}: header fields scl_slope {slope:g} and scl_inter {inter:g} do not say what a voxel's value is; "
            "set them to 1 and 0, or to what they were in its source"
        )
    return slope, inter


def forms_of(path: Path) -> list[np.ndarray]:
    """Return where a file says that its voxels lie: affine maps (3, 4) from (x, y, z, 1) to mm.

    These grow to the right, to the front and to the head. The qform goes first, then the sform; one that is not set is
    left out, as is a sheared sform beside a qform.
    """
    header, _ = _read_header(path, path.name.lower().endswith(".gz"))
    rows = np.array(header["srow"], dtype=float)
    found = [_qform(header)] if header["qform_code"] > 0 else []
    if header["sform_code"] > 0 and not (found and _shear(rows) >= _SHEARED):
        found.append(rows)
    return found


def _qform(header: np.void) -> np.ndarray:
    b, c, d = (float(part) for part in header["quatern"])
    a = np.sqrt(max(0.0, 1 - b * b - c * c - d * d))
    turn = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    spacing = np.array(header["pixdim"][1:4], dtype=float)
    spacing[2] *= -1 if header["pixdim"][0] < 0 else 1
    return np.column_stack([turn * spacing, np.array(header["qoffset"], dtype=float)])


def _shear(rows: np.ndarray) -> float:
    """Return the largest cosine between two axes of an sform."""
    axes = rows[:, :3] / np.sqrt((rows[:, :3] ** 2).sum(axis=0))
    return float(np.abs(axes.T @ axes - np.eye(3)).max())


def _check_geometry(path: Path, header: np.void) -> None:
    """Refuse what ITK or its NIfTI library would mend without a word."""
    spacing = np.array(header["pixdim"][1:4], dtype=float)
    if not (np.isfinite(spacing) & (spacing > 0)).all():
        raise InputError(
            f"{path}: the voxel spacing is {' x '.join(f'{value:g}' for value in spacing)} mm; correct the header "
            "(pixdim)"
        )
    if header["qform_code"] > 0:
        turn = np.array([*header["quatern"], *header["qoffset"], header["pixdim"][0]], dtype=float)
        if not np.isfinite(turn).all() or (turn[:3] ** 2).sum() > 1.001:
            said = " ".join(f"{value:g}" for value in turn[:6])
            raise InputError(
                f"{path}: the qform's turn and offset ({said}) cannot be; correct the header, or set qform_code to 0"
            )
    if header["sform_code"] > 0:
        rows = np.array(header["srow"], dtype=float)
        lengths = np.sqrt((rows[:, :3] ** 2).sum(axis=0))
        if not np.isfinite(rows).all() or not lengths.all():
            raise InputError(f"{path}: the sform's rows {rows.tolist()} cannot be; correct the header")
        used = header["qform_code"] <= 0 or _shear(rows) < _SHEARED
        if used and (np.abs(lengths - spacing) > 1e-3 * spacing).any():
            told = [" x ".join(f"{value:g}" for value in values) for values in (spacing, lengths)]
            raise InputError(
                f"{path}: the header contradicts itself: voxels of {told[0]} mm (pixdim), and of {told[1]} mm (sform); "
                "correct the one that is wrong"
            )
