"""What a DICOM header says of its series, as plain values for an index: no pixels are read."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from radfuse.volume.dicom import DAMAGE, has_real_pixels, quiet, text_of, whole_of

if TYPE_CHECKING:
    from pydicom import Dataset

Facts = dict[str, str | float | int | None]
"""Name of a column of an index -> value; None where the header does not say it."""

_TEXTS = {
    "series_uid": "SeriesInstanceUID",
    "study_uid": "StudyInstanceUID",
    "patient": "PatientID",
    "date": "StudyDate",
    "modality": "Modality",
    "description": "SeriesDescription",
    "scanner": "ManufacturerModelName",
}
_NUMBERS = {"tr_ms": "RepetitionTime", "te_ms": "EchoTime", "flip_deg": "FlipAngle", "thickness_mm": "SliceThickness"}
_TELLING = 4
"""Characters of a part of a name from which on it is sought in descriptions: shorter ones are words of anything."""
_PLANES = ("sagittal", "coronal", "axial")
_PACKED = 0xFFFFFFFF
_SIDES = {"R": "right", "L": "left"}


def facts_of(header: Dataset) -> Facts:
    """Return what one header says: ids, modality, protocol, size of a slice in pixels and mm, plane and side."""
    found: Facts = {name: _spelled(header, field) or None for name, field in _TEXTS.items()}
    found |= {name: _number(text_of(header, field)) for name, field in _NUMBERS.items()}
    found |= {"rows": whole_of(header, "Rows"), "columns": whole_of(header, "Columns")}
    spacing = _numbers(text_of(header, "PixelSpacing"), 2)
    found |= {"row_mm": spacing[0] if spacing else None, "column_mm": spacing[1] if spacing else None}
    found["nameless"] = _nameless(header, found["description"])
    found["frames"] = int(_number(text_of(header, "NumberOfFrames")) or 1)
    found["plane"] = plane_of(header)
    word = text_of(header, "ImageLaterality") or text_of(header, "Laterality")
    found["laterality"] = _SIDES.get(word.strip().upper())
    return found


def _spelled(header: Dataset, name: str) -> str:
    """Return a text in the file's own character set."""
    text = text_of(header, name)
    if text.isascii():
        return text
    with quiet():  # of character sets that nobody knows
        try:
            return str(header[name].value).strip()
        except DAMAGE:
            return text


def _nameless(header: Dataset, description: object) -> str | None:
    """Return a description with a blank for each part of the person's name that stands in it as a word."""
    if not isinstance(description, str):
        return None
    person, name = text_of(header, "PatientID").strip(), _spelled(header, "PatientName")
    for part in () if name == person else re.split(r"[\W_]+", name):  # a pseudonym stands for an id
        if len(part) >= _TELLING:
            description = re.sub(word_of(part), "", description, flags=re.IGNORECASE)
    return " ".join(description.split())


def word_of(text: str) -> str:
    """Return the pattern of a text where it stands as a word and as no part of a number."""
    return rf"(?<![^\W_])(?<!\d\.){re.escape(text)}(?!\.\d)(?![^\W_])"


def plane_of(header: Dataset) -> str | None:
    """Return the plane that a slice is nearest to; None where the header does not say how it lies."""
    turn = _numbers(text_of(header, "ImageOrientationPatient"), 6)
    if turn is None:
        return None
    sizes = [abs(part) for part in _normal(turn)]
    return _PLANES[sizes.index(max(sizes))] if max(sizes) > 0 else None


def depth_of(first: Dataset, last: Dataset) -> float | None:
    """Return how far two slices lie apart along their normal, in mm; None where one does not say where it lies."""
    turn = _numbers(text_of(first, "ImageOrientationPatient"), 6)
    found = [_numbers(text_of(header, "ImagePositionPatient"), 3) for header in (first, last)]
    places = [place for place in found if place is not None]
    if turn is None or len(places) < 2:
        return None
    return abs(sum(n * (b - a) for n, a, b in zip(_normal(turn), *places, strict=True)))


def place_along(header: Dataset) -> float | None:
    """Return where a slice lies along its normal, in mm; None where its header does not say it."""
    turn = _numbers(text_of(header, "ImageOrientationPatient"), 6)
    place = _numbers(text_of(header, "ImagePositionPatient"), 3)
    if turn is None or place is None:
        return None
    return sum(n * value for n, value in zip(_normal(turn), place, strict=True))


def _normal(turn: list[float]) -> tuple[float, float, float]:
    """Return what stands at right angles on two directions; plain numbers, since numpy is slow for so few."""
    a, b, c, d, e, f = turn
    return b * f - c * e, c * d - a * f, a * e - b * d


def missing_bytes(header: Dataset | None, size: int) -> int:
    """Return how many bytes the pixels of a file lack, of packed ones 0: nobody knows how many they are.

    Args:
        header: of the file; None where it is no DICOM.
        size: of the file in bytes.
    """
    if header is None:
        return 0
    frames = int(_number(text_of(header, "NumberOfFrames")) or 1)
    voxels = whole_of(header, "Rows") * whole_of(header, "Columns") * frames
    promised = voxels * max(whole_of(header, "SamplesPerPixel"), 1) * whole_of(header, "BitsAllocated") // 8
    if has_real_pixels(header):
        return 0
    if "PixelData" not in header:
        return max(promised, 1)  # cut before the pixels, and maybe before their number
    pixels: Any = header.get_item("PixelData", keep_deferred=True)
    start, length = getattr(pixels, "value_tell", None), getattr(pixels, "length", _PACKED)
    return 0 if start is None or length == _PACKED else max(start + promised - size, 0)


def _number(text: str) -> float | None:
    try:
        value = float(text.split("\\")[0])
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _numbers(text: str, count: int) -> list[float] | None:
    parts = text.split("\\")
    found = [value for part in parts if (value := _number(part)) is not None] if len(parts) == count else []
    return found if len(found) == count else None
