"""Region: a named set of voxels of a grid. How they are made stands in `regions/`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from radfuse.volume.grid import Grid

Box = tuple[slice, slice, slice]
CELLS = (4, 5)
"""Cells of a region along its longest and its second longest axis."""


def box_of(mask: np.ndarray) -> Box:
    """Return the smallest box (z, y, x) that holds the voxels of a bool mask, an empty one where there are none."""
    box: list[slice] = []
    part = mask
    for axis in range(3):
        # What is left after the axes before is small, and rows of an array are looked through fast.
        filled = np.flatnonzero(np.moveaxis(part, axis, 0).reshape(part.shape[axis], -1).any(axis=1))
        if not len(filled):
            return (slice(0, 0),) * 3
        box.append(slice(int(filled[0]), int(filled[-1]) + 1))
        part = part[(slice(None),) * axis + (box[-1],)]
    return box[0], box[1], box[2]


@dataclass(frozen=True)
class Region:
    """A named set of voxels.

    Attributes:
        name: as in feature columns.
        inside: bool, the region within its box.
        box: the smallest box (z, y, x) that holds the region.
        grid: of the image or mask that the region lies in.
    """

    name: str
    inside: np.ndarray
    box: Box
    grid: Grid

    @classmethod
    def of(cls, name: str, mask: np.ndarray, grid: Grid) -> Region:
        """Return the region that a mask holds.

        Args:
            name: as in feature columns.
            mask: bool, shape (z, y, x) of the grid.
            grid: where its voxels lie.
        """
        box = box_of(mask)
        return cls(name, mask[box].copy(), box, grid)

    @property
    def mask(self) -> np.ndarray:
        """The region on its grid, a new bool array of shape (z, y, x)."""
        mask = np.zeros(self.grid.shape, dtype=bool)
        mask[self.box] = self.inside
        return mask

    @cached_property
    def voxels(self) -> int:
        """Number of voxels."""
        return int(np.count_nonzero(self.inside))

    @property
    def volume_mm3(self) -> float:
        """Volume."""
        return float(self.voxels * np.prod(self.grid.spacing_zyx_mm))
