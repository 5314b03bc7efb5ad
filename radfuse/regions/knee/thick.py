"""Thick slices: what is cut out of them is cut on thinner ones, or distances would jump from slice to slice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from radfuse.volume.grid import Grid, with_spacing
from radfuse.volume.image import LabelMap

if TYPE_CHECKING:
    from radfuse.regions.scene import Scene

_THICK_MM = 2.5
"""Voxels no longer than that, or than the shortest side of theirs, are cut as they are."""


def cut_finely(scene: Scene, cut: Callable[[Scene], np.ndarray]) -> np.ndarray:
    """Return the voxels whose middle is in what is cut out of thinner slices with the same labels, bool (z, y, x).

    A mask's surface lies half a voxel beyond the centre of its last voxel. In slices of 5 mm that is as much as a
    margin is wide, and the distance between centres would be no measure of it.

    Args:
        scene: the case; all that is cut out of it shares its thinner slices.
        cut: returns the voxels of a region in a scene.
    """
    pieces = _pieces(scene.labels.grid)
    if max(pieces) == 1:
        return cut(scene)
    fine = scene.once("thinner slices", lambda: replace(scene, labels=_cut_up(scene.labels, pieces), memo={}))
    z, y, x = (slice(count // 2, None, count) for count in pieces)
    return np.ascontiguousarray(cut(fine)[z, y, x])


def _pieces(grid: Grid) -> tuple[int, int, int]:
    """Return into how many a voxel is cut along (z, y, x): an odd number, so that one of them has its middle."""
    usual = max(_THICK_MM, min(grid.spacing_zyx_mm))
    z, y, x = (1 + 2 * int(np.ceil((step / usual - 1) / 2 - 1e-6)) for step in grid.spacing_zyx_mm)
    return z, y, x


def _cut_up(labels: LabelMap, pieces: tuple[int, int, int]) -> LabelMap:
    array, (z, y, x) = labels.array, labels.spacing_zyx_mm
    for axis, count in enumerate(pieces):
        array = np.repeat(array, count, axis=axis) if count > 1 else array
    finer = with_spacing(labels.grid, (z / pieces[0], y / pieces[1], x / pieces[2]))
    return LabelMap(array, finer, labels.names, labels.name)
