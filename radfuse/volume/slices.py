"""The slices of one series: whether they lie above one another as the voxels of one image do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from radfuse.errors import InputError, listed
from radfuse.volume.layout import MOST_VOXELS
from radfuse.volume.resent import HeaderOf

_LOOK = {"size": slice(0, 2), "spacing": slice(2, 4), "orientation": slice(4, None)}
_SAME_TURN = 1e-4
"""By how much a direction's part may differ between slices: they round it, each by itself."""
SUBJECT = ("PatientID", "FrameOfReferenceUID")
_SAME_PLACE_MM = 1e-4
"""Slices nearer to each other are at one place."""
_WHOLE = 0.1
"""Slices by which a gap may differ from a whole number of them and still be one where some are missing."""
_KINDS = ("EchoTime", "DiffusionBValue", "InversionTime", "FlipAngle", "TemporalPositionIdentifier", "TriggerTime",
          "ImageType")  # fmt: skip
"""What tells several images of one place apart."""
_ASIDE, _ASIDE_PER_MM = 0.1, 1e-3
"""A slice lies beside the others by more than so much of a pixel, and of its distance from the first: the stack leans.
Rounded directions of three decimals stay below; the least gantry tilt that scanners have, half a degree, does not."""


@dataclass(frozen=True)
class Slice:
    """One slice.

    Attributes:
        path: of its file.
        series: its series.
        look: rows, columns, pixel spacing and directions; the same for all slices of a stack.
        origin: centre of its first pixel, (x, y, z) in mm.
        along: of its origin along the normal, in mm.
        values: how its pixels are stored and rescaled.
        subject: whose it is, and what its positions are counted from; the same for all slices of a series.
        turn: directions of its rows and columns, as the header has them.
        frame: which one of its file, from 0; None where the file is the slice.
    """

    path: Path
    series: str
    look: tuple[float, ...]
    origin: np.ndarray
    along: float
    values: tuple[float, ...]
    subject: tuple[str, ...]
    turn: tuple[float, ...]
    frame: int | None = None

    def __str__(self) -> str:
        return self.path.name if self.frame is None else f"frame {self.frame + 1} of {self.path.name}"


def _check_looks(folder: Path, series: list[Slice]) -> None:
    """Refuse slices that are not of one size, spacing and orientation; names the first of the fewer."""
    looks = Counter(part.look for part in series)
    usual, _ = looks.most_common(1)[0]
    first = next(part for part in series if part.look == usual)
    odd = next((part for part in series if part.look != usual and not _is_like(part, first)), None)
    if odd is not None:
        what = next(what for what, at in _LOOK.items() if odd.look[at] != usual[at])
        raise InputError(f"{folder}: slices differ in {what}, as {odd} from most others; keep those of one stack")


def _is_like(part: Slice, other: Slice) -> bool:
    """Return whether slices look alike but for directions that came out on either side of a rounding."""
    if part.look[:4] != other.look[:4]:
        return False
    return bool(np.abs(np.subtract(part.turn, other.turn)).max() <= _SAME_TURN)


def _varying(series: list[Slice], header_of: HeaderOf) -> str:
    """Return in words by which of `_KINDS` slices of one place differ, with the values; empty where none tells."""
    headers = [header for part in series if part.frame is None and (header := header_of(part.path)) is not None]
    for name in _KINDS:
        values = [header[name].value for header in headers if name in header]
        found = {"\\".join(map(str, value)) if _is_many(value) else str(value) for value in values}
        if len(found) > 1:
            in_order: list[str] = sorted(found, key=_by_size)
            return f" ({name} {listed(in_order, 4)})"
    return ""


def _is_many(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _by_size(text: str) -> tuple[float, str]:
    """Sort 80 before 100."""
    try:
        return float(text), text
    except ValueError:
        return 0.0, text


def check_series(folder: Path, series: list[Slice], header_of: HeaderOf) -> None:
    """Refuse slices that do not look alike, and positions that are doubled, left out, or not above one another.

    Args:
        folder: that they lie in.
        series: along their normal.
        header_of: reads what a file says.

    Raises:
        InputError: as above.
    """
    _check_looks(folder, series)
    for place, name in enumerate(SUBJECT):
        if len({part.subject[place] for part in series}) > 1:
            raise InputError(f"{folder}: {name} differs between slices of one series; keep those of one stack")
    if len(series) < 2:
        raise InputError(f"{folder} holds one slice; a volume needs two or more")
    rows, columns, row_mm, column_mm, *_ = series[0].look
    if rows * columns * len(series) > MOST_VOXELS:
        raise InputError(f"{folder} has more than {MOST_VOXELS} voxels; crop or resample it")
    gaps = np.diff([part.along for part in series])
    usual = float(np.median(gaps))
    if usual <= _SAME_PLACE_MM:
        raise InputError(
            f"{folder}: several slices lie at one position{_varying(series, header_of)}; keep one time point or echo"
        )
    twice = np.flatnonzero(gaps <= _SAME_PLACE_MM)
    if len(twice):
        at = int(twice[0])
        more = f", and {len(twice) - 1} more pairs" if len(twice) > 1 else ""
        raise InputError(
            f"{folder}: {series[at]} and {series[at + 1]} lie at one position{more}; take away the one that is a copy"
        )
    odd = np.flatnonzero(np.abs(gaps - usual) > 0.02 * usual + 1e-3)
    if len(odd):
        first = int(odd[0])
        steps = float(gaps[first]) / usual
        missing = round(steps) - 1 if abs(steps - round(steps)) < _WHOLE else 0
        lacking = "1 slice is missing" if missing == 1 else f"{missing} slices are missing"
        what, mend = (
            (lacking, "copy the series again")
            if missing > 0
            else ("the distance changes", "copy the series again, or resample it to even slices")
        )
        raise InputError(
            f"{folder}: {what} between {series[first]} and {series[first + 1]} "
            f"({gaps[first]:.3f} mm apart, usually {usual:.3f} mm); {mend}"
        )
    apart = np.array([part.origin for part in series]) - series[0].origin
    depth = np.array([part.along for part in series]) - series[0].along
    aside = np.sqrt(np.maximum((apart**2).sum(axis=1) - depth**2, 0))
    leaning = np.flatnonzero(aside > _ASIDE * min(row_mm, column_mm) + _ASIDE_PER_MM * depth)
    if len(leaning):
        at = int(leaning[0])
        raise InputError(
            f"{folder}: {series[at]} lies {aside[at]:.3f} mm beside {series[0]}, not straight "
            "above it (a tilted gantry?); resample the series to a rectangular grid, for example with dcm2niix"
        )
