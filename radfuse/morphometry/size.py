"""Size of a tumour: volume, and the two diameters that RECIST and the WHO criteria read off an axial slice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np

from radfuse.morphometry.measure import Measure, Measured, Subject
from radfuse.volume.grid import Grid

if TYPE_CHECKING:
    from radfuse.volume.region import Region

_FLAT = 1e-9


class SizeMeasure(Measure):
    """Volume and axial diameters of each region."""

    kind: Literal["size"] = "size"

    def labels_named(self) -> tuple[str | int, ...]:
        """Return the labels it refers to."""
        return ()

    def measured(self, subject: Subject) -> Mapping[str, Measured]:
        """Return region -> its features.

        Volume in mm3 is that of the voxels. LongestAxialDiameter in mm is the longest line between two points of the
        border of one connected part in one slice; slices are those of the image across the axis nearest to the
        patient's head-foot axis. PerpendicularDiameter in mm is the longest line at right angles to it within the same
        outline's convex hull; where several lines are the longest, of the one that has more across it. Borders run half
        way between voxels inside and outside, so that a row of n voxels is n voxels long.

        Source:
            Eisenhauer 2009, RECIST 1.1, doi:10.1016/j.ejca.2008.10.026.
        """
        found = {}
        for name in self.regions:
            region = subject.regions[name]
            longest, across = axial_diameters(region)
            values = {
                "Volume": region.volume_mm3,
                "LongestAxialDiameter": longest,
                "PerpendicularDiameter": across,
            }
            found[name] = Measured(values)
        return found


def axial_axis(grid: Grid) -> int:
    """Return the array's axis, of (z, y, x), that lies nearest to the patient's head-foot axis."""
    return 2 - int(np.abs(np.array(grid.direction).reshape(3, 3)[2]).argmax())


def axial_diameters(region: Region) -> tuple[float, float]:
    """Return the longest axial diameter of a region and the longest one perpendicular to it, in mm."""
    from scipy import ndimage

    axis = axial_axis(region.grid)
    slices = np.moveaxis(region.inside, axis, 0)
    spacing = np.delete(np.array(region.grid.spacing_zyx_mm), axis)
    parts, count = ndimage.label(slices, np.ones((3, 3, 3)))
    best = (0.0, 0.0)
    for part, box in enumerate(ndimage.find_objects(parts, count), start=1):
        for flat in parts[box] == part:
            if not flat.any():
                continue
            hull = _hull(flat, spacing)
            # No outline is longer than its box is across: most slices need no pairs.
            if np.hypot(*np.ptp(hull, axis=0)) > best[0] - _FLAT:
                best = max(best, _diameters(hull), key=_ranked)
    return best


def _ranked(diameters: tuple[float, float]) -> tuple[float, float]:
    """Return what diameters are compared by: rounding does not part equal ones."""
    return round(diameters[0], 6), diameters[1]


def _hull(flat: np.ndarray, spacing_mm: np.ndarray) -> np.ndarray:
    """Return the corners of the convex hull of a slice's outline, shape (n, 2), in mm."""
    from scipy.spatial import ConvexHull

    index = np.argwhere(flat)
    ends = np.array([[0.5, 0], [-0.5, 0], [0, 0.5], [0, -0.5]])
    points = (index[:, None] + ends).reshape(-1, 2) * spacing_mm
    return np.asarray(points[ConvexHull(points).vertices])


def _diameters(hull: np.ndarray) -> tuple[float, float]:
    """Return the longest line and the longest across it; of several longest ones, the one with more across it."""
    apart = hull[:, None] - hull
    lengths = np.hypot(apart[..., 0], apart[..., 1])
    pairs = np.argwhere(np.triu(lengths > lengths.max() - _FLAT))
    return max((_diameters_along(hull, first, second) for first, second in pairs), key=_ranked)


def _diameters_along(hull: np.ndarray, first: int, second: int) -> tuple[float, float]:
    line = hull[second] - hull[first]
    longest = float(np.hypot(*line))
    along = (hull - hull[first]) @ line / longest
    across = (hull - hull[first]) @ np.array([-line[1], line[0]]) / longest
    upper, lower = (_side(along, sign * across) for sign in (1, -1))
    places = np.sort(along)
    width = np.interp(places, *upper) + np.interp(places, *lower)
    return longest, float(width.max())


def _side(along: np.ndarray, across: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners of the hull on one side of its longest line, in order along it, its ends included."""
    kept = across >= -_FLAT
    order = np.argsort(along[kept], kind="stable")
    return along[kept][order], across[kept][order]
