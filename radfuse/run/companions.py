"""Files beside a file that hold or say something of it: voxels apart from their header, sizes of pixels."""

from __future__ import annotations

import re
from pathlib import Path

_SPACINGS = frozenset((".png", ".jpg", ".jpeg", ".dcm"))
"""Files that spacing.json may say something of: how large their pixels are."""
_DETACHED = frozenset((".mhd", ".nhdr"))
"""Headers whose voxels lie in a file of their own."""
_LONGEST = 1 << 16
"""Bytes of a header; most have some hundreds."""
_NAMED = re.compile(rb"^(?:data ?file *: *|ElementDataFile *= *)([^\r\n]+)(?:\r?\n|$)", re.IGNORECASE | re.MULTILINE)


def companions(path: Path) -> list[Path]:
    """Return the files that what is read from a file depends on beside it, those that are there."""
    said = [path.parent / "spacing.json"] if path.suffix.lower() in _SPACINGS else []
    return [item for item in (*said, *voxels_of(path)) if item.is_file()]


def voxels_of(path: Path) -> list[Path]:
    """Return the files that hold the voxels of a detached header, MHD or NHDR, as it names them; none of another file.

    Raises:
        OSError: the header cannot be read.
    """
    if path.suffix.lower() not in _DETACHED or not path.is_file():
        return []
    with path.open("rb") as stream:
        head = stream.read(_LONGEST)
    found = _NAMED.search(head)
    if found is None or (name := found[1].strip().decode("utf-8", "replace")).upper() == "LOCAL":
        return []
    if name.upper().startswith("LIST"):
        listed = head[found.end() :].decode("utf-8", "replace").splitlines()
        return [path.parent / line.strip() for line in listed if line.strip()]
    if "%" in name:  # slice%03d.raw 1 100 1
        return sorted(path.parent.glob(re.sub(r"%\d*d", "*", name.split()[0])))
    return [path.parent / name]
