"""Grid: where voxels lie, in mm of patient space, and grids made of it.

Arrays are (z, y, x), points (x, y, z). What lies on a grid stands in `image.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from radfuse.errors import InputError

SPACING_MM = (1e-4, 1e4)
"""Voxels smaller, a tenth of a micrometre, or larger are no part of a patient."""
GRID_TOLERANCE = 1e-3
"""Largest distance in voxels between corresponding corners of two grids that count as the same."""

_OPPOSITE = {letter: pair for pair in ("LR", "PA", "SI") for letter in pair}


@dataclass(frozen=True)
class Grid:
    """Where voxels lie.

    Attributes:
        shape: voxels along (z, y, x).
        spacing_zyx_mm: between voxel centres.
        origin: of the first voxel's centre, (x, y, z) in mm, patient space (left, posterior, superior).
        direction: row-major 3 x 3 matrix whose columns are the directions of the x, y and z axis.
    """

    shape: tuple[int, int, int]
    spacing_zyx_mm: tuple[float, float, float]
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    direction: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)

    def corners_mm(self) -> np.ndarray:
        """Return the centres of the eight corner voxels, shape (8, 3), (x, y, z) in mm."""
        ends = np.array(self.shape[::-1]) - 1
        indices = np.array([[i, j, k] for i in (0, ends[0]) for j in (0, ends[1]) for k in (0, ends[2])])
        axes = np.array(self.direction).reshape(3, 3) * np.array(self.spacing_zyx_mm[::-1])
        return np.asarray(indices @ axes.T + np.array(self.origin))

    def same_as(self, other: Grid) -> bool:
        """Return whether all voxel centres agree within a thousandth of a voxel."""
        if self.shape != other.shape:
            return False
        apart = np.abs(self.corners_mm() - other.corners_mm()).max()
        return bool(apart <= GRID_TOLERANCE * min(self.spacing_zyx_mm))

    def beside(self, other: Grid) -> bool:
        """Return whether along an axis of either grid the other lies wholly beyond its end."""
        return self._ends_before(other) or other._ends_before(self)

    def _ends_before(self, other: Grid) -> bool:
        axes = np.array(self.direction).reshape(3, 3) * np.array(self.spacing_zyx_mm[::-1])
        index = np.linalg.solve(axes, (other.corners_mm() - np.array(self.origin)).T)
        ends = np.array(self.shape[::-1]) - 0.5
        return bool(((index.max(axis=1) < -0.5) | (index.min(axis=1) > ends)).any())

    def __str__(self) -> str:
        z, y, x = self.shape
        spacing = " x ".join(f"{value:.4g}" for value in self.spacing_zyx_mm[::-1])
        origin = ", ".join(f"{value:.4g}" for value in self.origin)
        direction = " ".join(f"{value:.4g}" for value in self.direction)
        return f"{x} x {y} x {z} voxels of {spacing} mm (x y z), origin ({origin}) mm, direction [{direction}]"


def with_spacing(grid: Grid, spacing_zyx_mm: tuple[float, float, float]) -> Grid:
    """Return a grid of another spacing that covers the same box: outer voxel edges agree to within a voxel."""
    old, new = np.array(grid.spacing_zyx_mm), np.array(spacing_zyx_mm, dtype=float)
    if (new <= 0).any():
        raise InputError(f"spacing must be positive, found {spacing_zyx_mm} mm (z, y, x)")
    shape = np.maximum(np.rint(np.array(grid.shape) * old / new), 1).astype(int)
    shift = ((np.array(grid.shape) * old - shape * new) / 2 + (new - old) / 2)[::-1]
    origin = np.array(grid.origin) + np.array(grid.direction).reshape(3, 3) @ shift
    return Grid(triple(shape, int), triple(new, float), triple(origin, float), grid.direction)


def part_of(grid: Grid, box: tuple[slice, slice, slice]) -> Grid:
    """Return the grid of a box of voxels, (z, y, x)."""
    first = np.array([side.start for side in box])[::-1] * np.array(grid.spacing_zyx_mm[::-1])
    origin = np.array(grid.origin) + np.array(grid.direction).reshape(3, 3) @ first
    shape = triple([side.stop - side.start for side in box], int)
    return Grid(shape, grid.spacing_zyx_mm, triple(origin, float), grid.direction)


def box_around(part: Grid, grid: Grid) -> tuple[slice, slice, slice]:
    """Return the box of voxels of a grid, (z, y, x), that linear interpolation on another grid reads; never empty.

    Args:
        part: where values are wanted; beyond `grid` its outermost voxels are read.
        grid: where values lie.
    """
    axes = np.array(grid.direction).reshape(3, 3) * np.array(grid.spacing_zyx_mm[::-1])
    index = np.linalg.solve(axes, (part.corners_mm() - np.array(grid.origin)).T)[::-1]
    last = np.array(grid.shape) - 1
    low = np.clip(np.floor(index.min(axis=1)) - 1, 0, last).astype(int)
    high = np.clip(np.ceil(index.max(axis=1)) + 1, 0, last).astype(int)
    z, y, x = (slice(int(first), int(end) + 1) for first, end in zip(low, high, strict=True))
    return z, y, x


def orientation_of(grid: Grid) -> str:
    """Return where the x, y and z axis point, one letter each, for example "LPS": left, posterior, superior.

    An oblique axis points where it points most, the straightest axis first, as ITK has it.
    """
    axes = np.array(grid.direction).reshape(3, 3)
    letters, rows, columns = ["", "", ""], {0, 1, 2}, {0, 1, 2}
    while columns:
        _, row, column = max((abs(axes[row, column]), row, column) for row in rows for column in columns)
        letters[column] = ("LPS" if axes[row, column] > 0 else "RAI")[row]
        rows.remove(row)
        columns.remove(column)
    return "".join(letters)


def oriented(grid: Grid, orientation: str) -> Grid:
    """Return the grid of the same voxels, its axes swapped and turned round until they point as asked.

    Args:
        grid: to turn; returned as it is where it points so already.
        orientation: as `orientation_of` gives it.
    """
    return _swapped(grid, *_towards(grid, orientation))


def turned(array: np.ndarray, grid: Grid, orientation: str) -> np.ndarray:
    """Return voxels, shape (z, y, x) of a grid, as they are stored on `oriented` of it; a view."""
    return _moved(array, *_towards(grid, orientation))


def stored_as(array: np.ndarray, grid: Grid, onto: Grid) -> np.ndarray | None:
    """Return voxels, shape (z, y, x) of a grid, in the order in which another grid stores the same ones; a view.

    Returns:
        None where the grids do not hold the same voxels.
    """
    way = _way_onto(grid, onto)
    return None if way is None else _moved(array, *way)


def same_voxels(grid: Grid, other: Grid) -> bool:
    """Return whether two grids hold the same voxels, in whichever order they are stored."""
    return _way_onto(grid, other) is not None


def _way_onto(grid: Grid, onto: Grid) -> tuple[list[int], list[bool]] | None:
    """Return how a grid becomes another that holds the same voxels, as `_towards` has it; None where it cannot."""
    cosines = np.reshape(onto.direction, (3, 3)).T @ np.reshape(grid.direction, (3, 3))
    order = [int(axis) for axis in np.abs(cosines).argmax(axis=1)]
    back = [bool(cosines[place, axis] < 0) for place, axis in enumerate(order)]
    return (order, back) if len(set(order)) == 3 and _swapped(grid, order, back).same_as(onto) else None


def _towards(grid: Grid, orientation: str) -> tuple[list[int], list[bool]]:
    """Return which axis of a grid, x being 0, becomes its x, y and z axis, and whether it is turned round."""
    found = orientation_of(grid)
    order = [next(axis for axis in range(3) if found[axis] in _OPPOSITE[letter]) for letter in orientation]
    return order, [found[axis] != letter for axis, letter in zip(order, orientation, strict=True)]


def _swapped(grid: Grid, order: list[int], back: list[bool]) -> Grid:
    """Return a grid whose axes are swapped and turned round, as `_towards` has it."""
    if order == [0, 1, 2] and not any(back):
        return grid
    sizes, spacing = grid.shape[::-1], grid.spacing_zyx_mm[::-1]
    axes, origin = np.array(grid.direction).reshape(3, 3), np.array(grid.origin)
    columns = []
    for axis, round_ in zip(order, back, strict=True):
        if round_:
            origin = origin + axes[:, axis] * spacing[axis] * (sizes[axis] - 1)
        columns.append(-axes[:, axis] if round_ else axes[:, axis])
    shape = triple([sizes[axis] for axis in order[::-1]], int)
    steps = triple([spacing[axis] for axis in order[::-1]], float)
    return Grid(shape, steps, triple(origin, float), tuple(float(v) for v in np.stack(columns, axis=1).ravel()))


def _moved(array: np.ndarray, order: list[int], back: list[bool]) -> np.ndarray:
    """Return the voxels of a grid as they are stored on `_swapped` of it."""
    return np.flip(array.transpose([2 - axis for axis in order[::-1]]), tuple(2 - i for i in range(3) if back[i]))


def triple(values: Any, kind: type) -> Any:
    """Return three values as a tuple of three of a kind."""
    first, second, third = (kind(value) for value in values)
    return first, second, third
