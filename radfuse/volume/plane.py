"""Planes in patient space, and the layers of a grid that they cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radfuse.volume.grid import Grid, triple

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Plane:
    """A plane.

    Attributes:
        point_mm: on it, (x, y, z).
        normal: of length 1, (x, y, z).
    """

    point_mm: Point
    normal: Point

    def above_mm(self, points: np.ndarray) -> np.ndarray:
        """Return how far points, shape (point, 3), lie above it along its normal; below is negative."""
        return np.asarray((points - np.array(self.point_mm)) @ np.array(self.normal))

    def through(self, point: np.ndarray) -> Plane:
        """Return the same plane, its point the nearest to another, shape (3,)."""
        nearest = point - self.above_mm(point[None])[0] * np.array(self.normal)
        return Plane(triple(nearest, float), self.normal)


def positions_of(mask: np.ndarray, grid: Grid) -> np.ndarray:
    """Return the centres of a mask's voxels in their order, shape (voxel, 3), (x, y, z) in mm."""
    index = np.argwhere(mask)[:, ::-1]
    return np.asarray(index @ _steps(grid).T + np.array(grid.origin))


def layer_axis(grid: Grid) -> int:
    """Return the axis of its arrays, 0 to 2 for z, y, x, that points most to head or feet."""
    return 2 - int(np.abs(np.reshape(grid.direction, (3, 3))[2]).argmax())


def layer_at(grid: Grid, point_mm: Point) -> float:
    """Return where along `layer_axis` a point lies, in layers: 0 is the centre of the first."""
    index = np.linalg.solve(_steps(grid), np.array(point_mm) - np.array(grid.origin))
    return float(index[2 - layer_axis(grid)])


def layer_plane(grid: Grid, axis: int, number: int) -> Plane:
    """Return the plane of a layer of a grid.

    Args:
        grid: of images.
        axis: of its arrays that the layers are counted along, 0 to 2 for z, y, x.
        number: of the layer, from 0.
    """
    index = (np.array(grid.shape[::-1]) - 1) / 2
    index[2 - axis] = number
    across = np.delete(np.reshape(grid.direction, (3, 3)), 2 - axis, axis=1)
    normal = np.cross(across[:, 0], across[:, 1])
    return Plane(triple(_steps(grid) @ index + np.array(grid.origin), float), triple(upward(normal), float))


def upward(axis: np.ndarray) -> np.ndarray:
    """Return an axis of length 1 that points to the head."""
    return np.asarray(axis * (np.sign(axis[2]) or 1.0) / np.linalg.norm(axis))


def _steps(grid: Grid) -> np.ndarray:
    """Return what a voxel's step along x, y and z is in mm, as columns."""
    return np.asarray(np.reshape(grid.direction, (3, 3)) * np.array(grid.spacing_zyx_mm[::-1]))
