"""Why a series would not be read, as far as headers tell: for an index, long before anybody wants its voxels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from radfuse.errors import InputError
from radfuse.volume.dicom import DAMAGE, slices_among, text_of
from radfuse.volume.flat import size_of_frame
from radfuse.volume.slices import Slice, check_series

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
        for name in sorted((str(path) for path, _ in images), key=len, reverse=True):  # one may begin another
            told = told.replace(name, _NAMELESS)
        return told
    except DAMAGE as error:
        return f"{_NAMELESS} is damaged ({type(error).__name__}); copy it again"
    return None


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
    slices = _once(slices_among(images), known)
    numbered = [replace(part, path=Path(f"slice {place}"), frame=None) for place, part in enumerate(slices, start=1)]
    pairs = zip(numbered, slices, strict=True)
    headers = {shown.path: known[part.path] for shown, part in pairs if part.frame is None}
    check_series(Path("the series"), numbered, headers.get)


def _once(slices: Sequence[Slice], headers: Mapping[Path, Dataset]) -> list[Slice]:
    """Return slices along their normal; one that was sent again, by its id and place, once: pixels are not read."""
    found: dict[object, Slice] = {}
    for part in sorted(slices, key=lambda part: part.along):
        same = part.frame is None and text_of(headers[part.path], "SOPInstanceUID")
        found.setdefault((part.along, same) if same else (part.path, part.frame), part)
    return list(found.values())


def _is_placed(header: Dataset) -> bool:
    return bool(text_of(header, "ImageOrientationPatient")) or "PerFrameFunctionalGroupsSequence" in header
