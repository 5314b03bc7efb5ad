"""A folder of DICOM slices, or of frames in one enhanced file, as one image."""

from __future__ import annotations

import re
import struct
import threading
import warnings
from collections.abc import Iterable, Iterator, MutableSequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from radfuse.errors import InputError, counted, listed
from radfuse.given import utf8_name
from radfuse.volume.frames import frames_of, has_frames, read_frames
from radfuse.volume.grid import Grid, triple
from radfuse.volume.resent import in_order
from radfuse.volume.sitk import from_sitk, read_slices, reason_of
from radfuse.volume.slices import SUBJECT, Slice, check_series

if TYPE_CHECKING:
    from pydicom import Dataset

_NEEDED = ("SeriesInstanceUID", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns")
_STORED = ("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation")
_SUFFIXES = {".dcm", ".dicom", ".ima"}
_OTHERWISE = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd", ".png", ".jpg", ".jpeg", ".zip")
_BESIDE = ("Segmentation Storage", "Label Map Segmentation Storage", "RT Dose Storage", "MR Spectroscopy Storage")
_PRIVATE = ("1.3.12.2.1107.5.9.1", "1.3.46.670589.11.0.0.12.")
"""Classes of what Siemens (CSA Non-Image) and Philips (series data, exam cards, spectra) store beside their images."""
_DEFLATED = b"1.2.840.10008.1.2.1.99"
"""Transfer syntax whose whole file is packed; pydicom would unpack it at once, of whatever size."""
_UNREAD = re.compile(r"1\.2\.840\.10008\.1\.2\.4\.(9[45]|[12]\d\d)")
"""Transfer syntaxes that GDCM does not unpack: JPIP, MPEG, JPEG XL, high-throughput JPEG 2000."""
_BARE, _ROOT = (b"\x02\0", b"\x08\0"), b"1.2.840.10008."
"""What begins a file without preamble, which ITK reads sometimes and pydicom not; what its first UIDs begin with."""
_PACKED = 0xFFFFFFFF
"""Length of pixels that are compressed: unknown; GDCM finds out."""
_LARGE = 4096
"""Fields of more bytes, such as pixels, are left on the disk."""
DAMAGE = (OSError, EOFError, ValueError, NotImplementedError, LookupError, AttributeError, TypeError, struct.error)
"""What pydicom raises at damaged files: whatever its parsing meets first. Each becomes an error that names the file."""
_QUIET = threading.RLock()
_UNIT = 1e-2
"""How far from 1 the length of a direction may be, and from 0 the cosine of two that are at right angles."""


def read_dicom(folder: Path) -> tuple[np.ndarray, Grid]:
    """Read the one series of a folder, shape (z, y, x), slices sorted by position. Names no identifier.

    An enhanced file, whose frames say where they lie, may be given itself. Voxels have the type that ITK gives them
    where all slices are stored and rescaled alike, otherwise float64.

    Raises:
        InputError: no slices, several series, a slice that is missing, damaged or lacks what places it, pixels without
            a size, slices that are not one above the other.
    """
    slices = _slices(folder)
    if not slices:
        raise InputError(
            f"{folder} holds no DICOM image slices{_held(folder)}; give the folder in which the slices of one series "
            "lie themselves"
        )
    names = [part.series for part in slices]
    if len(set(names)) > 1:
        counts = ", ".join(str(names.count(name)) for name in dict.fromkeys(names))
        raise InputError(
            f"{folder} mixes {len(set(names))} series (slices: {counts}); put each into a folder of its own, as "
            "`radfuse dicom index` does by links"
        )
    for part in slices:
        utf8_name(part.path)
    slices, _ = in_order(slices, header_of)
    check_series(folder, slices, header_of)
    if any(part.frame is not None for part in slices):
        frames = [(part.path, part.frame or 0, part.values[-2], part.values[-1]) for part in slices]
        return read_frames(frames), _grid_of(slices)
    alike = len({part.values for part in slices}) == 1
    try:
        return from_sitk(read_slices([part.path for part in slices], real=not alike))
    except RuntimeError as error:
        raise InputError(
            f"{folder} cannot be read ({reason_of(error)}); a slice may be truncated: copy it again"
        ) from error


def _held(folder: Path) -> str:
    """Return what else a folder holds that somebody may have meant, in words."""
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    names = [item.name for item in inside if item.name.lower().endswith(_OTHERWISE) or item.is_dir()]
    return f", but {listed(names, 3)}; an image that is no DICOM is named itself, not by its folder" if names else ""


def headers_of(folder: Path) -> list[Dataset]:
    """Return what the slices of a folder say, in the order of their names; one or more.

    Raises:
        InputError: as `read_dicom`.
    """
    paths = sorted(item for item in folder.iterdir() if item.is_file() and not item.name.startswith("."))
    found = [header for path in paths if (header := header_of(path)) is not None and is_image(header)]
    if not found:
        raise InputError(f"{folder} holds no DICOM image slices; give the folder in which those of one series lie")
    return found


def sorted_headers(folder: Path) -> list[Dataset]:
    """Return what the files of the one series of a folder say, in the order of `read_dicom`'s voxels.

    An enhanced file, which holds all of them, may be given itself.

    Raises:
        InputError: as `read_dicom`; no folder.
    """
    if not (folder.is_dir() or (folder.is_file() and is_enhanced(folder))):
        raise InputError(f"{folder.name} is no folder of DICOM slices, and so belongs to no study; give such a folder")
    slices, _ = in_order(_slices(folder), header_of)
    headers = [header_of(path) for path in dict.fromkeys(part.path for part in slices)]
    if not headers:
        raise InputError(f"{folder} holds no DICOM image slices; give the folder in which those of one series lie")
    return [header for header in headers if header is not None]


def resent_in(folder: Path) -> list[str]:
    """Return the names of files that are copies of another slice of a folder, and are not read."""
    return [copy.path.name for _, copy in in_order(_slices(folder), header_of)[1]]


def _slices(folder: Path) -> list[Slice]:
    """Return the slices of a folder."""
    inside = folder.iterdir() if folder.is_dir() else [folder]
    paths = sorted(item for item in inside if item.is_file() and not item.name.startswith("."))
    headers = ((path, header_of(path)) for path in paths)
    return slices_among((path, header) for path, header in headers if header is not None and is_image(header))


def slices_among(images: Iterable[tuple[Path, Dataset]]) -> list[Slice]:
    """Return the slices of images, as files and headers; one that no one can place is refused where it is of a series.

    Raises:
        InputError: as `read_dicom`, of single slices.
    """
    slices, lacking = [], []
    for path, header in images:
        if has_real_pixels(header):
            raise InputError(
                f"{path}: its pixels are real numbers (FloatPixelData), which are not read; save it as NIfTI"
            )
        if has_frames(header):
            slices += _frames(path, header)
            continue
        found = [name for name in _NEEDED if not text_of(header, name)] + ["PixelData"] * ("PixelData" not in header)
        if found:
            lacking.append((text_of(header, "SeriesInstanceUID"), path, found, text_of(header, "NumberOfFrames")))
        else:
            slices.append(_slice_of(path, header))
    known = {part.series for part in slices}
    for series, path, names, frames in lacking:
        if known and series and series not in known and "PixelData" not in names:
            continue
        if {"Rows", "PixelData"} <= set(names):
            raise InputError(f"{path} is cut off before its pixels; copy it again, or take it away if it is no slice")
        if frames not in {"", "1"}:
            raise _several_frames(path, frames)
        flat = "" if known or "PixelData" in names else "; flat images are named file by file, not by their folder"
        raise InputError(
            f"{path} lacks {', '.join(names)}, without which no one knows where its pixels lie; "
            f"export the series again, or take the file away if it is no slice{flat}"
        )
    return slices


def _several_frames(path: Path, frames: str) -> InputError:
    return InputError(
        f"{path} holds {frames} frames in one file, and does not say where each lies; convert it to NIfTI, for "
        "example with dcm2niix"
    )


def _grid_of(slices: list[Slice]) -> Grid:
    """Return where the voxels of sorted slices lie, which `check_series` took for one stack."""
    rows, columns, row_mm, column_mm, *_ = slices[0].look
    first, second = np.reshape(slices[0].turn, (2, 3))
    step = (slices[-1].along - slices[0].along) / (len(slices) - 1)
    axes = np.stack([first, second, np.cross(first, second)], axis=1)
    axes /= np.linalg.norm(axes, axis=0)
    return Grid(
        (len(slices), int(rows), int(columns)),
        (float(step), float(row_mm), float(column_mm)),
        triple(slices[0].origin, float),
        tuple(float(value) + 0.0 for value in axes.ravel()),
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Have pydicom warn of nothing; one thread at a time, as they share what is warned of."""
    with _QUIET, warnings.catch_warnings(action="ignore"):
        yield


def is_enhanced(path: Path) -> bool:
    """Return whether a file is DICOM whose frames say where they lie."""
    header = header_of(path) if path.name.lower().endswith(".dcm") else None
    return header is not None and has_frames(header)


def header_of(path: Path) -> Dataset | None:
    """Return what a file says, its pixels left on the disk; None where it is no DICOM file."""
    import pydicom
    from pydicom.errors import BytesLengthException, InvalidDicomError

    try:
        with path.open("rb") as stream:
            head = stream.read(4096)
        if _DEFLATED in head:
            raise InputError(f"{path} is a deflated DICOM file; save it uncompressed, for example with dcmconv +te")
        if head.startswith(_BARE) and _ROOT in head:
            raise InputError(f"{path} lacks DICOM's preamble; save it with one, for example with dcmconv +te")
        with quiet():  # what is wrong is told here, in words of its own
            return pydicom.dcmread(path, defer_size=_LARGE)
    except InvalidDicomError as error:
        if path.suffix.lower() in _SUFFIXES:
            raise InputError(f"{path} is no DICOM file, whatever its name; copy it again, or take it away") from error
        return None
    except PermissionError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); look at its permissions") from error
    except (BytesLengthException, *DAMAGE) as error:
        raise InputError(f"{path} is damaged ({type(error).__name__}); copy it again") from error


def is_image(header: Dataset) -> bool:
    """Return whether a file is an image by its class or its fields; one cut too short to tell is taken for one.

    Segmentations and doses, which lie beside the slices they were made of, have pixels and are none.
    """
    from pydicom import config, uid

    kind = text_of(header.file_meta, "MediaStorageSOPClassUID") or text_of(header, "SOPClassUID")
    name = uid.UID(kind, config.IGNORE).name
    unknown = name == kind and not kind.startswith(_PRIVATE)
    return name not in _BESIDE and ("Rows" in header or unknown or "Image" in name)


def _frames(path: Path, header: Dataset) -> list[Slice]:
    """Return the frames of an enhanced file, each placed by what it says itself or all say together."""
    slices = []
    frames = frames_of(path, header)
    for number, frame in enumerate(frames):
        found = [name for name in _NEEDED if not text_of(frame, name)]
        if found:
            raise InputError(f"{path}: frame {number + 1} lacks {', '.join(found)}; export the series again")
        if number == 0:
            _check_pixels(path, frame, header, len(frames))
        slices.append(replace(_placed(path, frame), frame=number))
    return slices


def _slice_of(path: Path, header: Dataset) -> Slice:
    """Return one slice, after a look at its pixels."""
    part = _placed(path, header)
    _check_pixels(path, header, header)
    return part


def _placed(path: Path, header: Dataset) -> Slice:
    """Return where a slice lies; numbers are read as they stand in the file: pydicom warns of some, mends others."""
    spacing = _numbers(path, header, "PixelSpacing", 2)
    if not (np.isfinite(spacing) & (spacing > 0)).all():
        said = " x ".join(f"{value:g}" for value in spacing)
        raise InputError(f"{path}: PixelSpacing is {said} mm; correct the header, or export the series again")
    turn = _numbers(path, header, "ImageOrientationPatient", 6).reshape(2, 3)
    if not (np.abs(turn @ turn.T - np.eye(2)) < _UNIT).all():
        raise InputError(
            f"{path}: ImageOrientationPatient is {turn.tolist()}, no two directions at right angles; "
            "export the series again"
        )
    origin = _numbers(path, header, "ImagePositionPatient", 3)
    slope, inter = (
        _numbers(path, header, name, 1)[0] if text_of(header, name) else otherwise
        for name, otherwise in (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0))
    )
    if not (np.isfinite([*origin, slope, inter]).all() and slope != 0):
        raise InputError(
            f"{path}: ImagePositionPatient {origin.tolist()}, RescaleSlope {slope:g} and RescaleIntercept {inter:g} "
            "must be finite, the slope not 0; export the series again"
        )
    normal = np.cross(*turn)
    normal /= np.linalg.norm(normal)
    look = (whole_of(header, "Rows"), whole_of(header, "Columns"), *spacing, *np.round(turn.ravel(), 4))
    values = (*(whole_of(header, name) for name in _STORED), slope, inter)
    subject = tuple(text_of(header, name) for name in SUBJECT)
    return Slice(
        path,
        text_of(header, "SeriesInstanceUID"),
        look,
        origin,
        float(normal @ origin),
        values,
        subject,
        tuple(turn.ravel()),
    )


def _check_pixels(path: Path, header: Dataset, file: Dataset, frames: int = 1) -> None:
    """Refuse pixels that are no single whole number, too few or too many, which GDCM takes as it comes.

    Args:
        path: of the file.
        header: of a slice, or of a frame.
        file: that holds the pixels.
        frames: how many it holds.
    """
    kind, samples = text_of(header, "PhotometricInterpretation"), whole_of(header, "SamplesPerPixel")
    if kind not in {"MONOCHROME1", "MONOCHROME2"} or samples > 1:
        raise InputError(
            f"{path}: pixels are {kind or 'of no kind'} with {samples} values each; a slice has one grey value. "
            "Take another series, or export this one in grey"
        )
    if kind == "MONOCHROME1":
        raise InputError(
            f"{path}: pixels are MONOCHROME1, where small values are bright; ITK turns the values themselves over. "
            "Convert the series to MONOCHROME2 or NIfTI, for example with dcm2niix"
        )
    refuse_tables(path, header)
    refuse_packing(path, file)
    allocated = check_bits(path, header)
    rows, columns = whole_of(header, "Rows"), whole_of(header, "Columns")
    if frames == 1 and text_of(file, "NumberOfFrames") not in {"", "1"}:
        raise _several_frames(path, text_of(file, "NumberOfFrames"))
    pixels: Any = file.get_item("PixelData", keep_deferred=True)
    row = columns * allocated // 8
    whole = rows * row * frames
    here = min(pixels.length, path.stat().st_size - pixels.value_tell)
    if pixels.length != _PACKED and not whole <= here <= pixels.length < whole + max(row, 2):
        raise InputError(
            f"{path} is truncated, or its header lies: {here} bytes of {whole} ({columns} x {rows} pixels of "
            f"{allocated} bits{f', {frames} frames' if frames > 1 else ''}); copy it again"
        )


def refuse_packing(path: Path, file: Dataset) -> None:
    """Refuse pixels that are packed in a way that nothing here unpacks."""
    packed = file.file_meta.get("TransferSyntaxUID")
    if packed is not None and _UNREAD.fullmatch(packed):
        raise InputError(
            f"{path} is packed as {packed.name}, which is not read; save it uncompressed, or as NIfTI, where it was "
            "made"
        )


def refuse_tables(path: Path, header: Dataset) -> None:
    """Refuse pixels that a table gives their values, which is not applied, and slices side by side in one picture."""
    if "MOSAIC" in text_of(header, "ImageType"):
        raise InputError(
            f"{path} is a mosaic, several slices side by side in one picture; convert the series to NIfTI, for example "
            "with dcm2niix"
        )
    if "ModalityLUTSequence" in header:
        raise InputError(
            f"{path}: a table (ModalityLUTSequence) says what its pixels mean, which is not applied; export it "
            "with RescaleSlope and RescaleIntercept"
        )


def check_bits(path: Path, header: Dataset) -> int:
    """Return the bits that a pixel takes; refuse numbers that begin at another bit than the lowest.

    Raises:
        InputError: GDCM would read the lowest bits, whatever they hold, and pydicom all.
    """
    allocated, stored, highest, _ = (whole_of(header, name) for name in _STORED)
    if allocated not in {8, 16, 32} or not 0 < stored == highest + 1 <= allocated:
        raise InputError(
            f"{path}: {stored} bits stored of {allocated}, the highest {highest}; numbers that do not begin at the "
            "lowest bit are not read: export it again, or convert it, for example with dcm2niix"
        )
    return allocated


def text_of(header: Dataset, name: str) -> str:
    """Return what a field holds as text; empty where it is not there."""
    raw = header.get_item(name) if name in header else None
    value = getattr(raw, "value", None)
    if isinstance(value, MutableSequence):  # numbers that somebody asked for before
        return "\\".join(map(str, value))
    return value.decode("latin-1").strip("\0 ") if isinstance(value, bytes) else str(value or "")


def has_real_pixels(header: Dataset) -> bool:
    """Return whether the pixels are real numbers, which nobody here reads."""
    return "FloatPixelData" in header or "DoubleFloatPixelData" in header


def whole_of(header: Dataset, name: str) -> int:
    """Return a field of 16 bits; 0 where it is not there."""
    raw = header.get_item(name) if name in header else None
    value = getattr(raw, "value", None)
    if isinstance(value, bytes):
        return int.from_bytes(value[:2], "little" if getattr(raw, "is_little_endian", True) else "big")
    return int(value or 0)


def _numbers(path: Path, header: Dataset, name: str, count: int) -> np.ndarray:
    """Return so many numbers of a field, shape (count,)."""
    text = text_of(header, name)
    try:
        found = [float(part) for part in text.split("\\")]
    except ValueError:
        found = []
    if len(found) != count or "_" in text:
        raise InputError(f"{path}: {name} is {text[:80]!r}, not {counted(count, 'number')}; export the series again")
    return np.array(found)
