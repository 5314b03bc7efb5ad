"""Region: a named set of voxels of a grid. How they are made stands in `regions/`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from radfuse.volume.grid import Grid, part_of
from radfuse.volume.plane import positions_of

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


def parts_of(mask: np.ndarray, grid: Grid, min_voxels: int = 1, min_mm3: float = 0.0) -> list[tuple[Box, np.ndarray]]:
    """Return the connected parts of a mask, the largest first, each as its box and what it holds of it.

    Of parts of one size that goes first whose centre lies furthest to the patient's right, however voxels are stored.

    Args:
        mask: bool, shape (z, y, x); voxels that share a corner are connected.
        grid: where its voxels lie.
        min_voxels: smaller parts are left out.
        min_mm3: the same.
    """
    from scipy import ndimage

    least = max(min_voxels, min_mm3 / float(np.prod(grid.spacing_zyx_mm)) * (1 - 1e-9))
    marked, count = ndimage.label(mask, np.ones((3, 3, 3), dtype=bool))
    found = []
    for number, box in enumerate(ndimage.find_objects(marked, count), start=1):
        inside = marked[box] == number
        voxels = int(np.count_nonzero(inside))
        if voxels >= least:
            centre = positions_of(inside, part_of(grid, box)).mean(axis=0)
            found.append(((-voxels, *np.round(centre, 6)), (box, inside)))
    return [part for _, part in sorted(found, key=lambda one: one[0])]


@dataclass(frozen=True)
class Averaged:
    """How a region's features are made of those of its connected parts.

    Attributes:
        by_volume: larger parts count more, by their volume; False: all alike.
        min_voxels: smaller parts are left out, as long as there is a larger one.
        min_mm3: the same.
    """

    by_volume: bool
    min_voxels: int = 1
    min_mm3: float = 0.0


@dataclass(frozen=True)
class Region:
    """A named set of voxels.

    Attributes:
        name: as in feature columns.
        inside: bool, the region within its box.
        box: the smallest box (z, y, x) that holds the region.
        grid: of the image or mask that the region lies in.
        averaged: its radiomic features are means over its connected parts; None: they are those of all its voxels.
    """

    name: str
    inside: np.ndarray
    box: Box
    grid: Grid
    averaged: Averaged | None = None

    @classmethod
    def of(cls, name: str, mask: np.ndarray, grid: Grid, averaged: Averaged | None = None) -> Region:
        """Return the region that a mask holds.

        Args:
            name: as in feature columns.
            mask: bool, shape (z, y, x) of the grid.
            grid: where its voxels lie.
            averaged: how its features are made of its parts', where they are.
        """
        box = box_of(mask)
        return cls(name, mask[box].copy(), box, grid, averaged)

    @property
    def parts(self) -> list[Region]:
        """Its connected parts, the largest first, that `averaged` says to measure; itself where that says nothing."""
        if self.averaged is None:
            return [self]
        grid = part_of(self.grid, self.box)
        least = (self.averaged.min_voxels, self.averaged.min_mm3)
        found = parts_of(self.inside, grid, *least) or parts_of(self.inside, grid)
        parts = []
        for number, (box, inside) in enumerate(found, start=1):
            z, y, x = (
                slice(own.start + part.start, own.start + part.stop) for own, part in zip(self.box, box, strict=True)
            )
            parts.append(Region(f"{self.name} (part {number} of {len(found)})", inside, (z, y, x), self.grid))
        return parts

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
