"""Cells are places of the region, however it lies and whichever side it is of."""

from __future__ import annotations

import numpy as np
from boxes import box, grid

from radfuse.regions.cells import cells_on, region_cells
from radfuse.volume.grid import Grid
from radfuse.volume.region import CELLS, Region


def test_cells_run_along_the_region_and_turn_with_it() -> None:
    mask = box((6, 40, 12), (1, 2, 2), (5, 38, 10))
    cells = region_cells(mask, grid(mask.shape))
    rows = (cells[mask] - 1) // CELLS[1]
    along = np.argwhere(mask)[:, 1]
    assert rows.min() == 0
    assert rows.max() == CELLS[0] - 1
    assert (np.diff([along[rows == row].mean() for row in range(CELLS[0])]) > 5).all()
    turned = Grid(mask.shape, (1.0, 1.0, 1.0), (0, 0, 0), (1, 0, 0, 0, -1, 0, 0, 0, 1))
    assert np.array_equal(region_cells(mask[:, ::-1], turned), cells[:, ::-1])


def test_the_other_side_is_read_as_a_mirror_image() -> None:
    mask = box((6, 12, 40), (1, 2, 2), (5, 10, 38))
    right = region_cells(mask, grid(mask.shape))
    assert np.array_equal(region_cells(mask[:, :, ::-1], grid(mask.shape), mirrored=True), right[:, :, ::-1])


def test_a_region_of_fewer_voxels_than_cells_has_none() -> None:
    assert not region_cells(box((5, 5, 5), (0, 0, 0), (1, 1, 3)), grid((5, 5, 5))).any()


def test_cells_of_regions_lie_on_the_grid_asked_for() -> None:
    where, finer = grid((6, 40, 12)), Grid((6, 80, 12), (1.0, 0.5, 1.0))
    mask = box(where.shape, (1, 2, 2), (5, 38, 10))
    found = cells_on([Region.of("r", mask, where)], where, finer)
    assert list(found) == ["r"]
    assert found["r"].shape == finer.shape
    assert set(np.unique(found["r"])) == {*range(CELLS[0] * CELLS[1] + 1)}
