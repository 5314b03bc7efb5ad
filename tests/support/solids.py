"""Solids drawn on grids, for shapes whose measures are known on paper."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from radfuse.morphometry.measure import Subject
from radfuse.regions.scene import Scene
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.region import Region

DESS = (0.7, 0.365, 0.365)
"""Spacing of the usual knee scan, (z, y, x) in mm."""


def centred(size_mm: tuple[float, float, float], spacing: tuple[float, float, float] = DESS) -> Grid:
    """Return a grid of about this size, its middle at the origin."""
    shape = tuple(int(size / step) for size, step in zip(size_mm, spacing, strict=True))
    first = tuple(-(count - 1) / 2 * step for count, step in zip(shape, spacing, strict=True))
    return Grid(shape, spacing, first[::-1])


def coordinates(grid: Grid) -> list[np.ndarray]:
    """Return z, y and x of the voxels of an unturned grid in mm, each of the grid's shape."""
    steps = [
        first + np.arange(count) * step
        for first, count, step in zip(grid.origin[::-1], grid.shape, grid.spacing_zyx_mm, strict=True)
    ]
    return list(np.meshgrid(*steps, indexing="ij"))


def subject(
    array: np.ndarray,
    grid: Grid,
    numbers: Mapping[str, int],
    regions: Mapping[str, np.ndarray] | None = None,
    image: np.ndarray | None = None,
) -> Subject:
    """Return a case with these labels; each label is a region too."""
    scene = Scene(LabelMap(array, grid), numbers)
    masks = {name: array == number for name, number in numbers.items() if (array == number).any()} | dict(regions or {})
    grey = np.zeros(array.shape, dtype=np.float32) if image is None else image.astype(np.float32)
    return Subject(scene, {name: Region.of(name, mask, grid) for name, mask in masks.items()}, Volume(grey, grid))
