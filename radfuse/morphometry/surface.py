"""Surfaces of masks: smooth, finer than voxels, in mm of patient space.

A mask is made soft by a Gaussian; its surface is where the soft mask is one half. For a thick body with a flat border
that place does not move, whatever the smoothing; a thin layer would shrink, so layers are never smoothed alone but
together with what they lie on (`thickness.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from radfuse.volume.grid import Grid, part_of

if TYPE_CHECKING:
    from radfuse.volume.region import Box

LEVEL = 0.5
_CLEAR = 1e-4
"""How far a soft mask stays from LEVEL at each voxel. Marching cubes tells by single precision on which of the grid's
lines a vertex lies, and cannot where lines meet."""
_ROUNDING = 1e-9
"""Of a soft mask, which is exactly one half at some voxels."""
SMOOTHING_MM = 0.5
"""Of a body, for its surface; enough to level the stairs of voxels, too little to round the rim of a plate."""
NORMALS_MM = 1.5
"""Of a body, for its normals."""
_FEWEST_VOXELS = 0.5
"""Standard deviation of the smoothing in voxels along each axis, at least: less leaves the voxels' stairs."""


@dataclass(frozen=True)
class Surface:
    """A surface as a mesh.

    Attributes:
        grid: of the voxels that positions count in.
        index: position of each vertex, shape (vertices, 3), (z, y, x) in voxels of the grid.
        faces: vertices of each triangle, shape (triangles, 3), seen from outside against the clock in (z, y, x).
        normals: outwards, of length 1, shape (vertices, 3), (z, y, x) along the grid's axes.
        areas: what part of the surface each vertex stands for, mm2.
    """

    grid: Grid
    index: np.ndarray
    faces: np.ndarray
    normals: np.ndarray
    areas: np.ndarray

    @property
    def points_mm(self) -> np.ndarray:
        """Position of each vertex in patient space, shape (vertices, 3), (x, y, z) in mm."""
        return world_mm(self.grid, self.index)

    def squares(self) -> np.ndarray:
        """Return on which squares of four neighbouring grid points each vertex lies, by number, shape (vertices, 4).

        A vertex lies on a side of four. Vertices on one square are neighbours in a mirrored mask, too; the triangles
        do not tell that, since a hexagon may be cut into them in several ways.
        """
        low, rows = np.floor(self.index).astype(np.int64), np.arange(len(self.index))
        axis = np.abs(self.index - np.rint(self.index)).argmax(axis=1)
        found = []
        for turn in (1, 2):
            other = (axis + turn) % 3
            for back in (0, 1):
                corner = low + 1
                corner[rows, other] -= back
                number = np.ravel_multi_index(tuple(corner.T), tuple(np.array(self.grid.shape) + 1))
                found.append(3 * number + 3 - axis - other)
        return np.stack(found, axis=1)


def world_mm(grid: Grid, index: np.ndarray) -> np.ndarray:
    """Return the positions of (z, y, x) in voxels of a grid, shape (n, 3), as (x, y, z) in mm of patient space."""
    axes = np.array(grid.direction).reshape(3, 3) * np.array(grid.spacing_zyx_mm[::-1])
    return np.asarray(index[:, ::-1] @ axes.T + np.array(grid.origin))


def box_near(mask: np.ndarray, grid: Grid, margin_mm: float) -> Box:
    """Return the box (z, y, x) of a mask's voxels and what lies within a distance of it, cut at the grid's border."""
    from radfuse.volume.region import box_of

    z, y, x = (
        slice(max(side.start - more, 0), min(side.stop + more, size))
        for side, size, more in zip(
            box_of(mask), grid.shape, (int(np.ceil(margin_mm / step)) for step in grid.spacing_zyx_mm), strict=True
        )
    )
    return z, y, x


def soft(mask: np.ndarray, grid: Grid, smoothing_mm: float) -> np.ndarray:
    """Return a mask made smooth: float64 of its shape, the share of the mask around each voxel.

    Args:
        mask: bool, or soft already, shape (z, y, x).
        grid: where its voxels lie.
        smoothing_mm: standard deviation of the Gaussian, at least half a voxel along each axis.
    """
    from scipy import ndimage

    sigma = [max(smoothing_mm / step, _FEWEST_VOXELS) for step in grid.spacing_zyx_mm]
    return np.asarray(ndimage.gaussian_filter(mask.astype(np.float64, copy=False), sigma, mode="nearest", truncate=3.0))


def sampled(values: np.ndarray, index: np.ndarray, order: int = 1) -> np.ndarray:
    """Return a field between voxels, at (z, y, x) in voxels, shape (..., 3); beyond the border as at the border."""
    from scipy import ndimage

    flat = index.reshape(-1, 3).T
    found = ndimage.map_coordinates(values, flat, order=order, mode="nearest", output=np.float64, prefilter=False)
    return np.asarray(found.reshape(index.shape[:-1]))


def body_surface(body: np.ndarray, grid: Grid) -> Surface:
    """Return the surface of a thick body, its normals those of a softer one.

    Args:
        body: bool, shape (z, y, x).
        grid: where its voxels lie.
    """
    field = soft(body, grid, SMOOTHING_MM)
    return surface_of(field, grid, soft(body, grid, NORMALS_MM))


def surface_of(field: np.ndarray, grid: Grid, smooth: np.ndarray | None = None) -> Surface:
    """Return the surface where a soft mask is one half; no vertices where it nowhere is.

    The area of a vertex counts how many lines of the grid pierce the surface (Cauchy and Crofton): a vertex on a line
    along axis i stands for the voxel's face there, turned by the normal, and the three axes share by the squares of
    its components. So areas hang neither on triangles nor on the voxels' stairs, and mirrored masks have equal ones.

    Args:
        field: of `soft`.
        grid: where its voxels lie.
        smooth: a softer field, whose slope gives the normals; None: the field itself.
    """
    measure: Any = import_module("skimage.measure")  # heavy, and untyped
    if min(field.shape) < 2 or not field.min() < LEVEL < field.max():
        nothing = np.zeros((0, 3))
        return Surface(grid, nothing, nothing.astype(np.int64), nothing, np.zeros(0))
    level = np.where(field > LEVEL - _ROUNDING, LEVEL + _CLEAR, LEVEL - _CLEAR)
    field = np.where(np.abs(field - LEVEL) < _CLEAR, level, field)
    found, faces, _, _ = measure.marching_cubes(np.ascontiguousarray(field), LEVEL, gradient_direction="descent")
    index, axis, crossing = _exact(field, found)
    slope = slope_of(field if smooth is None else smooth, index, grid)
    length = np.linalg.norm(slope, axis=1, keepdims=True)
    normals = -slope / np.maximum(length, 1e-12)
    faces_mm2 = np.prod(grid.spacing_zyx_mm) / np.array(grid.spacing_zyx_mm)
    areas = np.abs(np.take_along_axis(normals, axis[:, None], axis=1)[:, 0]) * faces_mm2[axis] * crossing
    return Surface(grid, index, faces.astype(np.int64), normals, areas)


def _exact(field: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return vertices in double precision, the axis of the grid's line each lies on, and whether it lies on one."""
    index = found.astype(np.float64)
    whole = np.rint(index)
    axis = np.abs(index - whole).argmax(axis=1)
    rows = np.arange(len(index))
    low = whole.astype(np.int64)
    low[rows, axis] = np.minimum(np.floor(index[rows, axis]), np.array(field.shape)[axis] - 2)
    high = low.copy()
    high[rows, axis] += 1
    start, end = (field[tuple(ends.T)].astype(np.float64) for ends in (low, high))
    crossing = (start < LEVEL) != (end < LEVEL)
    exact = low.astype(np.float64)
    exact[rows, axis] += (LEVEL - start) / np.where(crossing, end - start, 1)
    return np.where(crossing[:, None], exact, index), axis, crossing


def slope_of(field: np.ndarray, index: np.ndarray, grid: Grid) -> np.ndarray:
    """Return the slope of a field by differences over two voxels, shape (n, 3), per mm along (z, y, x)."""
    slope = np.empty(index.shape)
    for axis, step in enumerate(np.eye(3)):
        slope[:, axis] = (sampled(field, index + step) - sampled(field, index - step)) / 2
    return slope / np.array(grid.spacing_zyx_mm)


def curvatures(field: np.ndarray, index: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the Gaussian curvature of a field's level surface through each point, 1/mm and 1/mm2.

    Args:
        field: of `soft`; the softer, the larger the folds that count.
        index: where, shape (n, 3), (z, y, x) in voxels.
        grid: where the field's voxels lie.

    Returns:
        Mean curvature, positive where the body bulges outwards (1/r on a ball), and Gaussian curvature (1/r2).

    Source:
        Goldman 2005, Curvature formulas for implicit curves and surfaces, doi:10.1016/j.cagd.2005.06.005.
    """
    unit, spacing = np.eye(3), np.array(grid.spacing_zyx_mm)
    slope = slope_of(field, index, grid)
    here = sampled(field, index)
    hessian = np.empty((len(index), 3, 3))
    for i in range(3):
        hessian[:, i, i] = sampled(field, index + unit[i]) - 2 * here + sampled(field, index - unit[i])
        for j in range(i):
            signs = ((1, 1), (-1, -1), (1, -1), (-1, 1))
            corners = [sampled(field, index + one * unit[i] + two * unit[j]) for one, two in signs]
            hessian[:, i, j] = hessian[:, j, i] = (corners[0] + corners[1] - corners[2] - corners[3]) / 4
    hessian /= spacing[:, None] * spacing
    length = np.maximum(np.linalg.norm(slope, axis=1), 1e-12)
    bent = np.einsum("ni,nij,nj->n", slope, hessian, slope)
    mean = (bent - length**2 * np.trace(hessian, axis1=1, axis2=2)) / (2 * length**3)
    cofactors = np.cross(hessian[:, [1, 2, 0]], hessian[:, [2, 0, 1]])
    gaussian = np.einsum("ni,nij,nj->n", slope, cofactors, slope) / length**4
    return mean, gaussian


def first_crossing(
    field: np.ndarray, start: np.ndarray, step_mm: np.ndarray, most_mm: float, grid: Grid, *, out: bool
) -> np.ndarray:
    """Return how far along a ray a soft body is left, or met, in mm; NaN where it is not within the distance.

    Args:
        field: of `soft`.
        start: of each ray, shape (n, 3), (z, y, x) in voxels.
        step_mm: direction of each ray, of length 1, shape (n, 3), (z, y, x).
        most_mm: how far rays go.
        grid: where the field's voxels lie.
        out: the first place outside is wanted, not the first inside.
    """
    count = int(np.ceil(most_mm / (0.5 * min(grid.spacing_zyx_mm))))
    length = most_mm / count
    step = step_mm * length / np.array(grid.spacing_zyx_mm)
    distance = np.full(len(start), np.nan)
    left = np.arange(len(start))
    before = sampled(field, start) - LEVEL
    before = before if out else -before
    distance[before <= 0] = 0.0
    left, before = left[before > 0], before[before > 0]
    for number in range(1, count + 1):
        if not len(left):
            break
        here = sampled(field, start[left] + number * step[left]) - LEVEL
        here = here if out else -here
        met = here <= 0
        distance[left[met]] = length * (number - 1 + before[met] / (before[met] - here[met]))
        left, before = left[~met], here[~met]
    return distance


def nearest_voxel(body: np.ndarray, index: np.ndarray, grid: Grid) -> np.ndarray:
    """Return the voxel of a body that each point lies in or else is nearest, shape (n, 3), (z, y, x).

    Args:
        body: bool, shape (z, y, x), with a voxel at least.
        index: the points, (z, y, x) in voxels.
        grid: where the body's voxels lie.
    """
    from scipy.spatial import cKDTree

    spacing = np.array(grid.spacing_zyx_mm)
    found = np.clip(np.rint(index).astype(int), 0, np.array(body.shape) - 1)
    beside = ~body[tuple(found.T)]
    if beside.any():  # few: a tree of all voxels answers them, the others need none
        voxels = np.argwhere(body)
        _, place = cKDTree(voxels * spacing).query(index[beside] * spacing)
        found[beside] = voxels[place]
    return found


def cut(masks: Sequence[np.ndarray], grid: Grid, box: Box) -> tuple[list[np.ndarray], Grid]:
    """Return masks within a box, and its grid."""
    return [mask[box] for mask in masks], part_of(grid, box)
