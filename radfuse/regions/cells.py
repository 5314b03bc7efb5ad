"""Cells: a grid along and across a region's two longest principal axes.

Cells are anatomical coordinates: the same cell is the same place in every case, so that where something sits is kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap
from radfuse.volume.region import CELLS, Region
from radfuse.volume.resample import resample_labels


def cells_on(regions: Sequence[Region], grid: Grid, onto: Grid, *, mirrored: bool = False) -> dict[str, np.ndarray]:
    """Return region -> cell of each voxel of another grid; see `region_cells`.

    Args:
        regions: with masks of the shape of `grid`.
        grid: of the image that the regions lie on.
        onto: where the cells are wanted.
        mirrored: True for the side that shall be read as the mirror image of the other (left knees).
    """
    return {
        region.name: region_cells(
            resample_labels(LabelMap(region.mask.astype(np.uint8), grid), onto).array > 0, onto, mirrored=mirrored
        )
        for region in regions
    }


def region_cells(mask: np.ndarray, grid: Grid, *, mirrored: bool = False) -> np.ndarray:
    """Return the cell of each voxel of a region, counted from 1; 0 outside.

    Axes are the principal ones of the voxels' positions in mm, each pointing so that its largest component is
    positive in patient space (left, posterior, superior; left turned to right where `mirrored`). Cell borders are
    quantiles of the position along the longest axis, and within each row along the second.

    Args:
        mask: bool, shape (z, y, x).
        grid: where its voxels lie.
        mirrored: True for the other side.
    """
    cells = np.zeros(mask.shape, dtype=np.int16)
    index = np.argwhere(mask)
    if len(index) < CELLS[0] * CELLS[1]:
        return cells
    axes = np.array(grid.direction).reshape(3, 3) * np.array(grid.spacing_zyx_mm[::-1])
    position = index[:, ::-1] @ axes.T
    if mirrored:
        position[:, 0] *= -1
    position -= position.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov(position.T))
    along, across = (_pointing(vectors[:, place]) for place in (2, 1))
    rows = _parts(position @ along, CELLS[0])
    second = position @ across
    columns = np.zeros(len(index), dtype=int)
    for row in range(CELLS[0]):
        columns[rows == row] = _parts(second[rows == row], CELLS[1])
    cells[tuple(index.T)] = 1 + rows * CELLS[1] + columns
    return cells


def _pointing(axis: np.ndarray) -> np.ndarray:
    return axis * np.sign(axis[np.abs(axis).argmax()])


def _parts(values: np.ndarray, count: int) -> np.ndarray:
    """Return which of `count` parts of equal range each value lies in, the outer 2 % of values set aside."""
    if not len(values):  # a row in a gap of the region
        return np.zeros(0, dtype=int)
    low, high = np.percentile(values, (2, 98))
    scaled = (values - low) / max(float(high - low), 1e-9)
    return np.clip((scaled * count).astype(int), 0, count - 1)
