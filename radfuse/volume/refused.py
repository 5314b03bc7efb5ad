"""Why a series would not be read, as far as headers tell: for an index, long before anybody wants its voxels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from radfuse.errors import InputError
from radfuse.volume.dicom import header_of, is_image, slices_among, text_of
from radfuse.volume.flat import size_of_frame
from radfuse.volume.resent import in_order
from radfuse.volume.slices import check_series

if TYPE_CHECKING:
    from pydicom import Dataset

_NAMELESS = "a file"
_UNSIZED = "does not say how large its pixels are; say it in the study, sequences.NAME.spacing_mm: [0.14, 0.14]"


def refusal_of(images: Sequence[tuple[Path, Dataset]]) -> str | None:
    """Return why the images of one series cannot be read as a volume, or one alone as a flat image; None: they may be.

    Names no file, whose name may hold an id: slices are numbered along their stack.
    """
    try:
        _read(images)
    except InputError as error:
        told = str(error)
        for path, _ in images:
            told = told.replace(str(path), _NAMELESS)
        return told
    return None


def refusal_among(paths: Sequence[Path]) -> str | None:
    """Return the same of files that are to be one series."""
    headers = ((path, header_of(path)) for path in paths)
    return refusal_of([(path, header) for path, header in headers if header is not None and is_image(header)])


def refusal_of_slice(path: Path, header: Dataset) -> str | None:
    """Return why a slice cannot be one of any series."""
    try:
        slices_among([(path, header)])
    except InputError as error:
        return str(error).replace(str(path), f"file {path.name}")
    return None


def _read(images: Sequence[tuple[Path, Dataset]]) -> None:
    path, header = images[0]
    if len(images) == 1 and not _is_placed(header) and text_of(header, "NumberOfFrames") in {"", "1"}:
        if size_of_frame(path, header) is None:
            raise InputError(f"{path} {_UNSIZED}")
        return
    known = dict(images)
    slices, _ = in_order(slices_among(images), known.get)
    numbered = [replace(part, path=Path(f"slice {place}"), frame=None) for place, part in enumerate(slices, start=1)]
    pairs = zip(numbered, slices, strict=True)
    headers = {shown.path: known[part.path] for shown, part in pairs if part.frame is None}
    check_series(Path("the series"), numbered, headers.get)


def _is_placed(header: Dataset) -> bool:
    return bool(text_of(header, "ImageOrientationPatient")) or "PerFrameFunctionalGroupsSequence" in header
