"""Enhanced DICOM: one file whose frames each say where they lie, in functional groups, and how they are rescaled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from radfuse.errors import InputError

if TYPE_CHECKING:
    from pydicom import Dataset

_GROUPS = {
    "PlanePositionSequence": ("ImagePositionPatient",),
    "PlaneOrientationSequence": ("ImageOrientationPatient",),
    "PixelMeasuresSequence": ("PixelSpacing", "SliceThickness", "SpacingBetweenSlices"),
    "PixelValueTransformationSequence": ("RescaleSlope", "RescaleIntercept"),
}
_SHARED = (
    "SeriesInstanceUID", "PatientID", "FrameOfReferenceUID", "Rows", "Columns", "BitsAllocated", "BitsStored",
    "HighBit", "PixelRepresentation", "SamplesPerPixel", "PhotometricInterpretation",
)  # fmt: skip


def has_frames(header: Dataset) -> bool:
    """Return whether a file holds frames that say where they lie."""
    return "PerFrameFunctionalGroupsSequence" in header


def frames_of(path: Path, header: Dataset) -> list[Dataset]:
    """Return a header for each frame as a file of one slice would have it.

    Raises:
        InputError: as many groups as frames are not there, or they cannot be read.
    """
    from pydicom import Dataset

    try:
        groups = list(header.PerFrameFunctionalGroupsSequence)
        together = list(header.get("SharedFunctionalGroupsSequence") or [])
        count = int(header.get("NumberOfFrames") or 1)
        found = []
        for group in groups:
            frame = Dataset()
            for name in _SHARED:
                _copy(header, frame, name)
            for sequence, names in _GROUPS.items():
                for source in (*together, group):
                    for item in source.get(sequence) or ():
                        for name in names:
                            _copy(item, frame, name)
            found.append(frame)
    except (ValueError, TypeError, AttributeError, LookupError, OSError, NotImplementedError) as error:
        raise InputError(f"{path}: its frames cannot be read ({type(error).__name__}); copy it again") from error
    if len(found) != count or not found:
        raise InputError(f"{path} says that it holds {count} frames, and places {len(found)}; export the series again")
    return found


def _copy(source: Dataset, frame: Dataset, name: str) -> None:
    """Copy a field as it stands in the file."""
    if name in source:
        item: Any = source.get_item(name)
        frame[item.tag] = item


def read_frames(frames: Sequence[tuple[Path, int, float, float]]) -> np.ndarray:
    """Return frames as voxels, shape (frame, row, column): stored numbers, or float64 where they are rescaled.

    Args:
        frames: file, number of the frame in it from 0, slope and intercept of each.

    Raises:
        InputError: pixels are damaged, or packed in a way that is not read here.
    """
    pixels: dict[Path, np.ndarray] = {}
    for path, *_ in frames:
        if path not in pixels:
            pixels[path] = frame_pixels(path)
    plain = all(slope == 1 and inter == 0 for _, _, slope, inter in frames)
    if plain:
        return np.stack([pixels[path][number] for path, number, _, _ in frames])
    return np.stack([pixels[path][number] * float(slope) + float(inter) for path, number, slope, inter in frames])


def frame_pixels(path: Path) -> np.ndarray:
    """Return the stored pixels of a file, shape (frame, row, column).

    Raises:
        InputError: as `read_frames`.
    """
    import pydicom

    try:
        array = pydicom.dcmread(path).pixel_array
    except (ValueError, TypeError, AttributeError, LookupError, OSError, NotImplementedError, RuntimeError) as error:
        raise InputError(
            f"{path}: its pixels are damaged, or packed in a way that is not read ({error}); save it uncompressed, for "
            "example with dcmdjpeg, or copy it again"
        ) from error
    return array[None] if array.ndim == 2 else array
