"""How deep the voxels of a bone lie below its cartilage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from radfuse.volume.grid import Grid
from radfuse.volume.region import Box, box_of

USUAL_DEPTH_MM = 10.0
"""So deep is looked at once, for all regions that ask for no more."""


@dataclass(frozen=True)
class Depths:
    """The voxels of a bone near its cartilage.

    Attributes:
        index: into the flattened label array, shape (voxel,).
        mm: distance from the centre of the nearest voxel of cartilage, shape (voxel,).
    """

    index: np.ndarray
    mm: np.ndarray

    def band(self, from_mm: float, to_mm: float) -> np.ndarray:
        """Return which voxels lie deeper than one depth and no deeper than another."""
        return (self.mm > from_mm * (1 + 1e-9)) & (self.mm <= to_mm * (1 + 1e-9))


def depths_of(bone: np.ndarray, cartilage: np.ndarray, grid: Grid, reach_mm: float) -> Depths:
    """Return the depths of a bone's voxels.

    Args:
        bone: its voxels, bool of shape (z, y, x).
        cartilage: that they are measured from, the same.
        grid: where they lie.
        reach_mm: deeper voxels are left out.
    """
    box = widened(box_of(cartilage), bone.shape, [int(np.ceil(reach_mm / step)) for step in grid.spacing_zyx_mm])
    if not cartilage[box].any():
        return Depths(np.zeros(0, dtype=np.int64), np.zeros(0))
    nearest = ndimage.distance_transform_edt(
        ~cartilage[box], sampling=grid.spacing_zyx_mm, return_distances=False, return_indices=True
    )
    here = np.nonzero(bone[box])
    # Distances of the bone's voxels alone: those of the whole box would take as much memory again.
    squares = [
        ((there[here] - at) * step) ** 2 for there, at, step in zip(nearest, here, grid.spacing_zyx_mm, strict=True)
    ]
    mm = np.sqrt(squares[0] + squares[1] + squares[2])
    near = mm <= reach_mm * (1 + 1e-9)
    places = [found[near] + side.start for found, side in zip(here, box, strict=True)]
    return Depths(np.ravel_multi_index(tuple(places), grid.shape), mm[near])


def beside(mask: np.ndarray) -> np.ndarray:
    """Return the voxels of a mask and those that share a face with them, bool of the mask's shape."""
    box = widened(box_of(mask), mask.shape, [1, 1, 1])
    found = np.zeros(mask.shape, dtype=bool)
    found[box] = ndimage.binary_dilation(mask[box])
    return found


def widened(box: Box, shape: tuple[int, ...], by: list[int]) -> Box:
    """Return a box (z, y, x) that is some voxels wider on every side, inside an array of a shape."""
    z, y, x = (
        slice(max(side.start - more, 0), min(side.stop + more, size))
        for side, more, size in zip(box, by, shape, strict=True)
    )
    return z, y, x
