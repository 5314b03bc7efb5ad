"""Files beside a file that hold or say something of it: voxels apart from their header, sizes of pixels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import takewhile
from pathlib import Path

_PICTURES = frozenset((".png", ".jpg", ".jpeg", ".dcm"))
"""Files that spacing.json may say something of: how large their pixels are."""
_DETACHED = frozenset((".mhd", ".mha", ".nhdr", ".nrrd"))
"""Formats whose header may name the file of its voxels, whatever the end of its name promises."""
_LONGEST = 1 << 16
"""Bytes of a header before its list of files; most have some hundreds."""
_NAMED = re.compile(rb"^(?:data ?file *: *|ElementDataFile *= *)([^\r\n]+)(?:\r?\n|$)", re.IGNORECASE | re.MULTILINE)
_END = re.compile(rb"\r?\n\r?\n")
"""Ends the header of an NRRD file; its voxels may follow."""
_NUMBER = re.compile(r"%\d{0,2}[diu]")
"""Where a number stands in a pattern of names."""
_FAR = 10**9
"""Where numbers end at the latest; the files end them before."""


def companions(path: Path) -> list[Path]:
    """Return the files that what is read from a file depends on beside it, those that are there.

    Raises:
        OSError: a header cannot be read.
    """
    return [*spacings_of(path), *voxels_of(path)]


def spacings_of(path: Path) -> list[Path]:
    """Return the spacing.json beside a picture, where there is one; none of another file."""
    beside = path.parent / "spacing.json"
    return [beside] if path.suffix.lower() in _PICTURES and beside.is_file() else []


def voxels_of(path: Path) -> list[Path]:
    """Return the files that hold the voxels of a detached header of MetaImage or NRRD; none of another file.

    In the order of the header, those that are there; of numbered ones those before the first that is not.

    Raises:
        OSError: the header cannot be read.
    """
    if path.suffix.lower() not in _DETACHED or not path.is_file():
        return []
    with path.open("rb") as stream:
        head = stream.read(_LONGEST)
        end = _END.search(head) if path.suffix.lower() in (".nhdr", ".nrrd") else None
        found = _NAMED.search(head if end is None else head[: end.end()])
        name = "" if found is None else found[1].strip().decode("utf-8", "replace")
        if found is None or name.upper() in ("", "LOCAL"):
            return []
        first, *more = name.split()
        if first != "LIST":  # in capitals, as ITK has it
            counted = _NUMBER.search(first)
            names = [name] if counted is None else _numbered(first, counted[0], more)
            return list(takewhile(Path.is_file, (path.parent / item for item in names)))
        listed = (head[found.end() :] + stream.read()).decode("utf-8", "replace").splitlines()
    places = [path.parent / line.strip() for line in listed if line.strip()]
    return [place for place in places if place.is_file()]


def _numbered(pattern: str, place: str, numbers: Sequence[str]) -> Iterable[str]:
    """Yield the names of "slice%03d.raw 1 100 1", whose place is "%03d": first, last, step; 1, no end and 1 unsaid."""
    said = [int(number) for number in numbers[:3] if re.fullmatch(r"[+-]?\d{1,9}", number)]
    first, last, step = [*said, *(1, _FAR, 1)[len(said) :]]
    for number in range(first, last + (-1 if step < 0 else 1), step or 1):
        yield pattern.replace(place, place % number)
