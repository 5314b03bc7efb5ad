"""Distance from a region, as a tumour, to the surface of a bone or of anything else that has a label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np

from radfuse.morphometry.measure import Labels, Measure, Measured, Subject, many
from radfuse.volume.grid import Grid

if TYPE_CHECKING:
    from radfuse.volume.region import Region

_FEATURES = ("Distance", "ContactShare")


class DistanceMeasure(Measure):
    """The shortest way from each region to a body."""

    kind: Literal["distance"] = "distance"
    to: Labels
    """Label or labels of the body, by name or number."""

    def labels_named(self) -> tuple[str | int, ...]:
        """Return the labels it refers to."""
        return many(self.to)

    def measured(self, subject: Subject) -> Mapping[str, Measured]:
        """Return region -> its features.

        Distance in mm runs between the borders of the voxels, 0 where they touch or overlap. ContactShare is the share
        of the region's outer voxels that touch the body, face to face, or lie in it.
        """
        body = subject.of(self.to)
        if not body.any():
            nothing = Measured.nothing(_FEATURES, f"the mask has no voxel of {' or '.join(map(str, many(self.to)))}")
            return dict.fromkeys(self.regions, nothing)
        grid = subject.scene.labels.grid
        return {name: _of_region(subject.regions[name], body, grid) for name in self.regions}


def _of_region(region: Region, body: np.ndarray, grid: Grid) -> Measured:
    from scipy import ndimage

    outer = region.inside & ~ndimage.binary_erosion(region.inside)
    rim = np.argwhere(outer) + np.array([side.start for side in region.box])
    touching = body[tuple(rim.T)]
    for axis in range(3):
        for step in (-1, 1):
            beside = rim.copy()
            beside[:, axis] = np.clip(beside[:, axis] + step, 0, grid.shape[axis] - 1)
            touching = touching | body[tuple(beside.T)]
    share = float(touching.mean())
    distance = 0.0 if share else _gap_mm(rim, body, np.array(grid.spacing_zyx_mm))
    return Measured(dict(zip(_FEATURES, (distance, share), strict=True)))


def _gap_mm(rim: np.ndarray, body: np.ndarray, spacing: np.ndarray) -> float:
    """Return the shortest way between voxels, as boxes: their centres are a voxel further apart along each axis."""
    from scipy import ndimage
    from scipy.spatial import cKDTree

    from radfuse.volume.region import box_of

    box = box_of(body)
    inside = body[box]
    shell = np.argwhere(inside & ~ndimage.binary_erosion(inside)) + np.array([side.start for side in box])
    distance, _ = cKDTree(shell * spacing).query(rim * spacing)
    # A box may be nearest whose centre is not: all within a voxel's diagonal of the nearest centre are looked at.
    reach = float(distance.min() + np.linalg.norm(spacing))
    close = rim[distance <= reach]
    pairs = cKDTree(close * spacing).sparse_distance_matrix(cKDTree(shell * spacing), reach, output_type="ndarray")
    apart = np.abs(close[pairs["i"]] - shell[pairs["j"]])
    return float(np.linalg.norm(np.maximum(apart - 1, 0) * spacing, axis=1).min())
