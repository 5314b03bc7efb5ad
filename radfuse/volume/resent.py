"""Slices that were sent twice: of files that hold one slice, byte by byte, the first by name is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from pydicom import Dataset

_PLACE = ("SOPInstanceUID", "SeriesInstanceUID", "ImagePositionPatient", "ImageOrientationPatient")
_PIXELS = ("PixelSpacing", "Rows", "Columns", "RescaleSlope", "RescaleIntercept", "PixelRepresentation", "PixelData")


class Placed(Protocol):
    """A slice, as `dicom` has it."""

    @property
    def path(self) -> Path:
        """Its file."""

    @property
    def along(self) -> float:
        """How far along the normal it lies, in mm."""

    @property
    def frame(self) -> int | None:
        """Which one of its file it is; None where the file is the slice."""


Slice = TypeVar("Slice", bound=Placed)
HeaderOf = Callable[[Path], "Dataset | None"]
"""Reads what a file says, its pixels left on the disk."""


def in_order(slices: Sequence[Slice], header_of: HeaderOf) -> tuple[list[Slice], list[tuple[Slice, Slice]]]:
    """Return slices sorted along their normal, each once, and those left out as copies: a slice and its copy.

    A copy has the id, the place and the pixels of the slice before it; what differs in one of them stays.
    """
    kept: list[Slice] = []
    copies: list[tuple[Slice, Slice]] = []
    for part in sorted(slices, key=lambda part: part.along):
        if kept and kept[-1].along == part.along and _is_copy(kept[-1], part, header_of):
            copies.append((kept[-1], part))
        else:
            kept.append(part)
    return kept, copies


def _is_copy(first: Placed, second: Placed, header_of: HeaderOf) -> bool:
    if first.frame is not None or second.frame is not None:
        return False
    headers = [header_of(part.path) for part in (first, second)]  # without pixels, which phases at one place need not
    if len({str(header and header.get("SOPInstanceUID")) for header in headers}) > 1:
        return False
    return _said(first.path) == _said(second.path)


def _said(path: Path) -> list[object]:
    """Return what makes a slice the slice it is; its pixels as they stand in the file."""
    import pydicom

    header = pydicom.dcmread(path)
    fields = [header.get_item(name) if name in header else None for name in (*_PLACE, *_PIXELS)]
    return [header.file_meta.get("TransferSyntaxUID"), *(getattr(field, "value", None) for field in fields)]
