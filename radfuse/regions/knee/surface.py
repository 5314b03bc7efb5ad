"""The surface of a bone: where cartilage covers it, where it once did, and the rim of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from radfuse.regions.knee.depth import beside
from radfuse.regions.knee.frame import points_of
from radfuse.volume.grid import Grid
from radfuse.volume.region import box_of

_EQUAL = 1e-9
"""Relative difference below which distances are equal: on a lattice many are, but for rounding."""


def _tree(points: np.ndarray) -> cKDTree:
    """Return a tree of points, shape (n, 3), built fast: each is asked once."""
    return cKDTree(points, balanced_tree=False, compact_nodes=False)


@dataclass(frozen=True)
class Surface:
    """The outermost voxels of a bone, those at the edge of the image set aside.

    Attributes:
        index: into the flattened label array, shape (voxel,).
        points: centres in patient space, shape (voxel, 3).
        covered: whether a voxel of cartilage touches it, shape (voxel,).
        once_covered: the same, bare gaps in the cartilage closed.
    """

    index: np.ndarray
    points: np.ndarray
    covered: np.ndarray
    once_covered: np.ndarray

    def around(self, points: np.ndarray, width_mm: float, touching_mm: float) -> np.ndarray:
        """Return which points lie around the rim of what was once covered: within a width of it, nearest to bare bone.

        Args:
            points: in patient space, shape (n, 3).
            width_mm: from the rim.
            touching_mm: distance up to which voxels are neighbours.
        """
        found = np.zeros(len(points), dtype=bool)
        inside, outside = self.points[self.once_covered], self.points[~self.once_covered]
        if not len(inside) or not len(outside):
            return found
        apart, _ = _tree(outside).query(inside, distance_upper_bound=touching_mm)
        rim = inside[np.isfinite(apart)]
        if not len(rim):
            return found
        away, _ = _tree(rim).query(points, distance_upper_bound=width_mm * (1 + _EQUAL))
        near = np.flatnonzero(np.isfinite(away))
        covered, _ = _tree(inside).query(points[near])
        bare, _ = _tree(outside).query(points[near], distance_upper_bound=2 * width_mm)  # no bare bone further counts
        found[near] = bare < covered * (1 - _EQUAL)
        return found


def surface_of(bone: np.ndarray, cartilage: np.ndarray, grid: Grid) -> Surface:
    """Return the surface of a bone, what is once covered left as what is.

    Args:
        bone: its voxels, bool of shape (z, y, x).
        cartilage: that of this bone, the same.
        grid: where they lie.
    """
    box = box_of(bone)
    inside = bone[box]
    deep = inside.copy()
    for axis in range(3):
        first, last = ([slice(None)] * 3 for _ in range(2))
        first[axis], last[axis] = slice(1, None), slice(None, -1)
        deep[tuple(first)] &= inside[tuple(last)]
        deep[tuple(last)] &= inside[tuple(first)]
        for end, edge in ((0, box[axis].start == 0), (-1, box[axis].stop == bone.shape[axis])):
            if not edge:
                outermost: list[slice | int] = [slice(None)] * 3
                outermost[axis] = end
                deep[tuple(outermost)] = False
    places = [found + side.start for found, side in zip(np.nonzero(inside & ~deep), box, strict=True)]
    index = np.ravel_multi_index(tuple(places), grid.shape)
    covered = beside(cartilage).reshape(-1)[index]
    return Surface(index, points_of(index, grid), covered, covered)


def closed(surface: Surface, grid: Grid, halves: Sequence[np.ndarray], gap_mm: float) -> Surface:
    """Return a surface, bare bone between cartilage counted as once covered.

    Gaps up to twice `gap_mm` wide that reach the rim are closed, in each half by itself, and enclosed gaps of any
    size. What has worn off along the rim further than that is not known again.

    Args:
        surface: of a bone.
        grid: where its voxels lie.
        halves: which of its voxels lie in each, bool of shape (voxel,).
        gap_mm: half the width of the widest gap at the rim.
    """
    once = surface.covered.copy()
    bare_index = np.flatnonzero(~once)
    bare_points = surface.points[bare_index]
    for half in halves:
        seeds = surface.points[surface.covered & half]
        if not len(seeds):
            continue
        away, _ = _tree(seeds).query(bare_points, distance_upper_bound=2.5 * gap_mm)
        near = away <= gap_mm * (1 + _EQUAL)
        beyond = ~near & np.isfinite(away)
        left = np.full(int(near.sum()), np.inf)
        if beyond.any():
            left, _ = _tree(bare_points[beyond]).query(bare_points[near], distance_upper_bound=1.5 * gap_mm)
        once[bare_index[near][left > gap_mm * (1 + _EQUAL)]] = True
    bare = np.zeros(grid.shape, dtype=np.uint8)
    bare.reshape(-1)[surface.index[~once]] = 1
    box = box_of(bare.view(bool))
    pieces, count = ndimage.label(bare[box], np.ones((3, 3, 3)))
    if count > 1:
        numbers = np.zeros(grid.shape, dtype=np.int32)
        numbers[box] = pieces
        piece = numbers.reshape(-1)[surface.index]
        largest = 1 + int(np.bincount(piece[piece > 0])[1:].argmax())
        once |= (piece > 0) & (piece != largest) & _touching(surface, once, piece, grid)
    return replace(surface, once_covered=once)


def _touching(surface: Surface, once: np.ndarray, piece: np.ndarray, grid: Grid) -> np.ndarray:
    """Return which voxels belong to a bare piece that touches what was covered; others are specks elsewhere."""
    touching_mm = 1.01 * float(np.linalg.norm(grid.spacing_zyx_mm))
    near, _ = _tree(surface.points[once]).query(surface.points, distance_upper_bound=touching_mm)
    return np.isin(piece, np.unique(piece[np.isfinite(near)]))
