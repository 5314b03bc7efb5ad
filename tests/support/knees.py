"""Knees for tests: one of boxes, whose cuts can be counted, and the phantom's; and label maps turned about."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from radfuse.phantom.knee_shapes import LABELS, KneeShape, frame, labels_of, surfaces
from radfuse.regions.scene import Scene
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap

BOX_LABELS = {"femur": 1, "femoral_cartilage": 2, "tibia": 3, "tibial_cartilage": 4, "meniscus": 6}


def box_knee(x_mm: float = -90.0) -> LabelMap:
    """Return a right knee of boxes, voxels of 1 mm, axes those of patient space; the first voxel lies at x `x_mm`.

    Tibial plates at x 5 to 24 (lateral) and 35 to 54, y 10 to 49, z 20 to 22, on a tibia below; above them femoral
    cartilage of two condyles, y 25 to 64, joined in front (y 5 to 24) by a trochlea, under a femur; menisci between.
    """
    array = np.zeros((50, 70, 60), dtype=np.uint8)
    array[5:20, 5:55, 5:55] = BOX_LABELS["tibia"]
    array[28:31, 5:25, 5:55] = BOX_LABELS["femoral_cartilage"]
    array[31:45, 5:65, 5:55] = BOX_LABELS["femur"]
    for first in (5, 35):
        array[20:23, 10:50, first : first + 20] = BOX_LABELS["tibial_cartilage"]
        array[24:26, 10:50, first : first + 20] = BOX_LABELS["meniscus"]
        array[28:31, 25:65, first : first + 20] = BOX_LABELS["femoral_cartilage"]
    return LabelMap(array, Grid(array.shape, (1.0, 1.0, 1.0), (x_mm, 0.0, 0.0)), name="boxes")


def phantom_knee(
    spacing_zyx_mm: tuple[float, float, float] = (2.2, 1.25, 1.25), shape: KneeShape | None = None
) -> LabelMap:
    """Return a right phantom knee, turned and tilted, on sagittal slices through a box of 88 x 120 x 120 mm."""
    shape = shape or KneeShape(flexion_deg=3, rotation_deg=6, abduction_deg=2, shift_medial=1.3)
    size = tuple(round(extent / step) for extent, step in zip((88, 120, 120), spacing_zyx_mm, strict=True))
    array = labels_of(surfaces(shape, frame(shape, size, spacing_zyx_mm)))
    middle = [(count - 1) / 2 * step for count, step in zip(size, spacing_zyx_mm, strict=True)]
    origin = (-90.0 - middle[0], -middle[2], middle[1])
    direction = (0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
    return LabelMap(array, Grid(size, spacing_zyx_mm, origin, direction), name="phantom")


def scene_of(labels: LabelMap, side: str | None = None, numbers: dict[str, int] | None = None) -> Scene:
    """Return the case K7 of a label map, its labels those of the phantom."""
    return Scene(labels, LABELS if numbers is None else numbers, side, case="K7")


def mirrored(labels: LabelMap) -> LabelMap:
    """Return the knee of the other side: the same voxels, left and right of patient space swapped."""
    grid = labels.grid
    direction = (*(-value for value in grid.direction[:3]), *grid.direction[3:])
    return replace(labels, grid=replace(grid, origin=(-grid.origin[0], *grid.origin[1:]), direction=direction))


def stored_as(labels: LabelMap, order: tuple[int, int, int], flipped: tuple[bool, bool, bool]) -> LabelMap:
    """Return the same voxels in the same places, stored with array axes in another order, some of them backwards."""
    grid = labels.grid
    axes = np.array(grid.direction).reshape(3, 3)[:, ::-1]  # columns by array axis: z, y, x
    origin = np.array(grid.origin)
    for axis in range(3):
        if flipped[axis]:
            origin = origin + axes[:, axis] * grid.spacing_zyx_mm[axis] * (grid.shape[axis] - 1)
            axes[:, axis] *= -1
    shape, spacing = ([values[axis] for axis in order] for values in (grid.shape, grid.spacing_zyx_mm))
    direction = axes[:, list(order)][:, ::-1]
    turned = Grid(tuple(shape), tuple(spacing), tuple(origin), tuple(direction.ravel()))
    return replace(labels, array=turned_array(labels.array, order, flipped), grid=turned)


def turned_array(array: np.ndarray, order: tuple[int, int, int], flipped: tuple[bool, bool, bool]) -> np.ndarray:
    """Return an array as `stored_as` stores it."""
    back = tuple(axis for axis in range(3) if flipped[axis])
    return np.ascontiguousarray(np.flip(array, back).transpose(order))
