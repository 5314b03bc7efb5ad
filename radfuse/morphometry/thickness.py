"""Thickness of cartilage over the bone below it, at every vertex of the bone's surface.

Bone, and bone together with cartilage, are two thick bodies, each made soft by itself, so that neither's surface moves
however thin the layer between is. Thickness is the way from the one surface to the other along the bone's normal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from radfuse.morphometry.surface import (
    LEVEL,
    SMOOTHING_MM,
    Surface,
    body_surface,
    box_near,
    curvatures,
    cut,
    first_crossing,
    sampled,
    soft,
)
from radfuse.volume.grid import Grid

if TYPE_CHECKING:
    from radfuse.volume.region import Box

CURVATURE_MM = 3.0
"""Smoothing of the bone for its curvature, which roughness of a few voxels would drown."""
MOST_MM = 7.0
"""Thicker is no cartilage: a ray that left the joint along a fold or another plate."""
_COVERED = 0.25
"""Share of cartilage in the soft neighbourhood of a vertex: one half under a thick layer, a quarter at its rim."""


@dataclass(frozen=True)
class Mesh:
    """A part of a plate in patient space.

    Attributes:
        vertices: which of the plate's they are.
        points_mm: where, shape (n, 3), (x, y, z).
        normals: outwards, shape (n, 3), (x, y, z).
        faces: corners of each triangle, by place in the above, seen from outside against the clock.
    """

    vertices: np.ndarray
    points_mm: np.ndarray
    normals: np.ndarray
    faces: np.ndarray


@dataclass(frozen=True)
class Plate:
    """The bone's surface about a cartilage.

    Attributes:
        box: of the label map that was looked at, (z, y, x).
        surface: of the bone in that box; its positions count from the box's first voxel.
        covered: cartilage lies on the vertex.
        hole: no cartilage does, but all around does: bare bone inside the plate.
        thickness_mm: of the cartilage; NaN where there is none, or it is more than 7 mm.
        mean_curvature: of the bone, 1/mm, positive where it bulges outwards.
        gaussian_curvature: of the bone, 1/mm2.
    """

    box: Box
    surface: Surface
    covered: np.ndarray
    hole: np.ndarray
    thickness_mm: np.ndarray
    mean_curvature: np.ndarray
    gaussian_curvature: np.ndarray

    def mesh(self, *, whole: bool = False) -> Mesh:
        """Return the triangles of the plate, or with `whole` those of the bone around it."""
        surface = self.surface
        inside = (self.covered | self.hole)[surface.faces].all(axis=1)
        faces = surface.faces[~inside if whole else inside]
        vertices, faces = np.unique(faces, return_inverse=True)
        faces = faces.reshape(-1, 3)
        points = surface.points_mm[vertices]
        normals = surface.normals[vertices][:, ::-1] @ np.array(surface.grid.direction).reshape(3, 3).T
        corners = points[faces]
        turn = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        if (turn * normals[faces].mean(axis=1)).sum() < 0:
            faces = faces[:, ::-1]
        return Mesh(vertices, points, normals, faces)


def plate_of(bone: np.ndarray, cartilage: np.ndarray, grid: Grid) -> Plate:
    """Return the surface of a bone about its cartilage, with the cartilage's thickness at every vertex.

    Args:
        bone: bool, shape (z, y, x).
        cartilage: bool, same shape, with a voxel at least.
        grid: where their voxels lie.

    Returns:
        The plate; none of its vertices is covered where the cartilage nowhere touches the bone.
    """
    box = box_near(cartilage, grid, 2.5 * CURVATURE_MM)
    (bone, cartilage), grid = cut((bone, cartilage), grid, box)
    surface = body_surface(bone, grid)
    outer = soft(bone | cartilage, grid, SMOOTHING_MM)
    covered = sampled(outer, surface.index) - LEVEL > _COVERED
    thickness, mean, gaussian = np.full((3, len(covered)), np.nan)
    thickness[covered] = first_crossing(
        outer, surface.index[covered], surface.normals[covered], MOST_MM, grid, out=True
    )
    hole = _holes(surface, covered)
    plate = covered | hole
    mean[plate], gaussian[plate] = curvatures(soft(bone, grid, CURVATURE_MM), surface.index[plate], grid)
    return Plate(box, surface, covered, hole, thickness, mean, gaussian)


def _holes(surface: Surface, covered: np.ndarray) -> np.ndarray:
    """Return the bare vertices that covered ones enclose.

    Bare vertices that hang together are a hole unless they reach the border of the box, hold more area than any other
    such piece (what was never covered, of a bone that lies in the box as a whole), or touch no cartilage (the walls of
    a cavity in the bone).
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    hole = np.zeros(len(covered), dtype=bool)
    if not covered.any() or covered.all():
        return hole
    bare = np.flatnonzero(~covered)
    names, squares = np.unique(surface.squares(), return_inverse=True)
    squares = squares.reshape(-1, 4)
    ends = np.repeat(bare, 4), len(covered) + squares[bare].ravel()
    joined = coo_array((np.ones(4 * len(bare), dtype=bool), ends), shape=(len(covered) + len(names),) * 2)
    count, piece = connected_components(joined, directed=False)
    piece = piece[: len(covered)]
    size = np.bincount(piece, surface.areas * ~covered, count)
    last = np.array(surface.grid.shape) - 1
    at_border = ((surface.index < 1) | (surface.index > last - 1)).any(axis=1)
    beside = np.zeros(len(names), dtype=bool)
    beside[squares[covered]] = True
    enclosed = np.zeros(count, dtype=bool)
    enclosed[piece[bare[beside[squares[bare]].any(axis=1)]]] = True
    enclosed[piece[at_border & ~covered]] = False
    enclosed[size.argmax()] = False
    return enclosed[piece] & ~covered
