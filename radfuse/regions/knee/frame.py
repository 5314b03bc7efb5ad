"""The knee's own frame, from its tibial cartilage: across the two plates, backwards and upwards, and where they part.

Across runs through the middles of the two plates, so that a knee turned or tilted in the scanner is cut along its own
axes; upwards is the header's, made perpendicular to it. Which half is the medial one stands in `side.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from radfuse.errors import CaseError, listed
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap

PLATES_APART_MM = (28.0, 75.0)
"""Distance between the middles of the two tibial plates of one knee; less is one plate, more two knees."""
_WIDEST_MM = 45.0
"""From side to side, of one plate; more holds a part of the other knee. Of 10 real knees they are 24 to 32 mm wide."""
_STEEPEST_DEG = 45.0
"""Angle between the line through both plates and the header's left-right axis, beyond which the header is wrong."""
_FEWEST = 50
"""Voxels of tibial cartilage without which nothing is said of a knee."""
_FAINTEST = 0.1
"""Share of the larger plate's voxels that the smaller one has at least; less is a speck beside one plate."""


@dataclass(frozen=True)
class Frame:
    """Where a knee's own axes lie.

    Attributes:
        axes: shape (3, 3), rows across (towards the patient's left), back and up, unit vectors of patient space.
        origin: in the gap between the two tibial plates, at their height, (x, y, z) in mm.
    """

    axes: np.ndarray
    origin: np.ndarray

    def at(self, points: np.ndarray) -> np.ndarray:
        """Return across, back and up in mm of points of patient space, shape (n, 3).

        They are rounded to a nanometre: voxels of one row come out equal, however the label map is stored.
        """
        return np.round((points - self.origin) @ self.axes.T, 6)


def positions_of(labels: LabelMap, numbers: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the flat index of the voxels of some labels, and their centres in patient space, shape (voxel, 3)."""
    grid = labels.grid
    boxes = [labels.boxes[number] for number in numbers if number in labels.boxes]
    if not boxes:
        return np.zeros(0, dtype=np.int64), np.zeros((0, 3))
    start = [min(box[axis].start for box in boxes) for axis in range(3)]
    stop = [max(box[axis].stop for box in boxes) for axis in range(3)]
    part = labels.array[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]
    inside = np.isin(part, numbers) if len(numbers) > 1 else part == numbers[0]
    places = [found + first for found, first in zip(np.nonzero(inside), start, strict=True)]
    return np.ravel_multi_index(tuple(places), grid.shape), _points(places, grid)


def points_of(index: np.ndarray, grid: Grid) -> np.ndarray:
    """Return the centres in patient space of voxels by their flat index, shape (voxel, 3)."""
    return _points(np.unravel_index(index, grid.shape), grid)


def _points(places: Sequence[np.ndarray], grid: Grid) -> np.ndarray:
    axes = np.array(grid.direction).reshape(3, 3) * np.array(grid.spacing_zyx_mm[::-1])
    return np.asarray(np.stack(places[::-1], axis=1) @ axes.T + np.array(grid.origin))


def frame_of(case: str, labels: LabelMap, numbers: Sequence[int]) -> Frame:
    """Return the frame of the knee in a label map.

    Args:
        case: for messages.
        labels: of one knee.
        numbers: of the tibial cartilage, both plates.

    Raises:
        CaseError: there is no tibial cartilage, one plate only, or two knees, or the header turns the knee over.
    """
    _, points = positions_of(labels, numbers)
    if len(points) < _FEWEST:
        raise CaseError(
            case,
            f"no tibia in view: its cartilage (label {listed(numbers)}) has {len(points)} voxels, needs {_FEWEST}; "
            f"labels present: {listed(labels.present())}. Name the label in the region's `tibial_cartilage`, "
            "correct the mask, or leave the case out of the cohort table",
        )
    plates = _two_plates(points)
    middles = np.array([points[plate].mean(axis=0) for plate in plates])
    line = middles[1] - middles[0]
    apart = float(np.linalg.norm(line))
    sizes = sorted(int(plate.sum()) for plate in plates)
    _check_plates(case, apart, sizes)
    across = line / apart
    tilt = float(np.rad2deg(np.arccos(np.clip(across[0], -1, 1))))
    if tilt > _STEEPEST_DEG:
        raise CaseError(
            case,
            f"the two tibial plates lie {tilt:.0f} degrees off the left-right axis of the header, at most "
            f"{_STEEPEST_DEG:g}; the header's directions are wrong: convert the images anew from DICOM",
        )
    up = np.array([0.0, 0.0, 1.0]) - across[2] * across
    up /= np.linalg.norm(up)
    axes = np.array([across, np.cross(up, across), up])
    places = [points[plate] @ across for plate in plates]
    _check_widths(case, places)
    # The innermost hundredth of each plate is set aside: one voxel painted into the gap would move the cut.
    gap = (np.quantile(places[0], 0.99) + np.quantile(places[1], 0.01)) / 2
    middle = middles.mean(axis=0)
    return Frame(axes, middle + (gap - middle @ across) * across)


def _two_plates(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which voxels belong to the plate on the patient's right and to that on the left, by two means.

    They begin along the longest axis, which joins the plates also where the header's axes are wrong.
    """
    offsets = points - points.mean(axis=0)
    longest = np.linalg.eigh(offsets.T @ offsets)[1][:, 2]
    left = offsets @ (longest if longest[0] >= 0 else -longest) > 0
    for _ in range(50):
        if left.all() or not left.any():
            break
        a, b = points[~left].mean(axis=0), points[left].mean(axis=0)
        closer = (points - (a + b) / 2) @ (b - a) > 0
        if np.array_equal(closer, left):
            break
        left = closer
    return ~left, left


def _check_widths(case: str, places: Sequence[np.ndarray]) -> None:
    """Refuse a plate so wide that it holds a part of the other knee, but for a fiftieth on either side: specks."""
    wide = max(float(np.ptp(np.quantile(place, (0.02, 0.98)))) for place in places)
    if wide > _WIDEST_MM:
        raise CaseError(
            case,
            f"one half of the tibial cartilage is {wide:.0f} mm wide, at most {_WIDEST_MM:g} in one knee: a part of "
            "the other knee is in the image; cut it into a case a knee",
        )


def _check_plates(case: str, apart_mm: float, sizes: list[int]) -> None:
    """Refuse what is not the two plates of one knee."""
    least, most = PLATES_APART_MM
    if apart_mm > most:
        raise CaseError(
            case,
            f"the tibial cartilage lies in two pieces {apart_mm:.0f} mm apart, at most {most:g} in one knee: both "
            "knees are in one image; cut it into a case a knee",
        )
    if not apart_mm >= least or sizes[0] < _FAINTEST * sizes[1]:
        raise CaseError(
            case,
            f"medial and lateral cannot be told: the tibial cartilage is no two plates (pieces of {sizes[1]} and "
            f"{sizes[0]} voxels, their middles {apart_mm:.0f} mm apart, needs {least:g}). Correct the mask, name both "
            "plates' labels in `tibial_cartilage`, or leave the case out of the cohort table",
        )
