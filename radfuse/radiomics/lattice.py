"""A region's voxels and who neighbours whom, worked out once and used for every filtered image.

Numbers of voxels and of levels are unsigned: kernels then need not ask whether an index counts from the end, which
doubles their speed.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit


@dataclass(frozen=True)
class Lattice:
    """The voxels of a region in raster order.

    Attributes:
        shape: of the region's bounding box, (z, y, x).
        voxels: (n, 3) positions in the box.
        near: directions of distance 1: what runs and zones follow.
        far: directions of the distances asked for: what pairs, dependence and neighbourhoods look at.
    """

    shape: tuple[int, int, int]
    voxels: np.ndarray
    near: Directions
    far: Directions

    @property
    def count(self) -> int:
        """Number of voxels."""
        return len(self.voxels)


@dataclass(frozen=True)
class Directions:
    """Half of the directions to neighbours; the other half is their opposite.

    Attributes:
        offsets: (direction, 3), each forwards in raster order.
        before: (direction, n) uint32: number of the voxel one offset before each voxel; n where that is not of the
            region.
        pairs: (direction,) number of pairs of voxels one offset apart.
        neighbours: (n + 1,) int32: how many voxels of the region each has for neighbours, both ways; the last counts
            for nobody.
    """

    offsets: np.ndarray
    before: np.ndarray
    pairs: np.ndarray
    neighbours: np.ndarray


_NOWHERE = Directions(*(np.empty(0),) * 4)
NOBODY = Lattice((0, 0, 0), np.empty((0, 3)), _NOWHERE, _NOWHERE)
"""Of no voxels."""


def make_lattice(mask: np.ndarray, distances: Sequence[int] = (1,), flat_axis: int | None = None) -> Lattice:
    """Return the lattice of a region.

    Args:
        mask: bool, shape (z, y, x), its bounding box.
        distances: between neighbours, in voxels (largest component of the offset).
        flat_axis: axis along which nobody is a neighbour (0 is z).
    """
    voxels = np.argwhere(mask)
    near = _directions(mask, voxels, offsets_of(mask.shape, (1,), flat_axis))
    same = tuple(distances) == (1,)
    far = near if same else _directions(mask, voxels, offsets_of(mask.shape, distances, flat_axis))
    z, y, x = mask.shape
    return Lattice((z, y, x), voxels, near, far)


def offsets_of(shape: Sequence[int], distances: Sequence[int], flat_axis: int | None) -> np.ndarray:
    """Return the offsets (z, y, x) that point forwards, in PyRadiomics' order, shorter than the box on every axis."""
    reach = max(distances)
    found = []
    for offset in itertools.product(range(reach, -reach - 1, -1), repeat=3):
        if max(map(abs, offset)) not in distances or offset <= (0, 0, 0):
            continue
        if any(abs(step) >= size for step, size in zip(offset, shape, strict=True)):
            continue
        if flat_axis is None or offset[flat_axis] == 0:
            found.append(offset)
    return np.array(found, dtype=np.int64).reshape(-1, 3)


def _directions(mask: np.ndarray, voxels: np.ndarray, offsets: np.ndarray) -> Directions:
    reach = int(np.abs(offsets).max(initial=1))
    padded = [size + 2 * reach for size in mask.shape]
    strides = np.array([padded[1] * padded[2], padded[2], 1])
    places = (voxels + reach) @ strides
    before = np.empty((len(offsets), len(voxels)), dtype=np.uint32)
    pairs = np.zeros(len(offsets), dtype=np.int64)
    neighbours = np.zeros(len(voxels) + 1, dtype=np.int32)
    _look_back(places, offsets @ strides, int(np.prod(padded)), before, pairs, neighbours)
    return Directions(offsets, before, pairs, neighbours)


@njit(nogil=True, cache=True)
def _look_back(
    places: np.ndarray, steps: np.ndarray, size: int, before: np.ndarray, pairs: np.ndarray, neighbours: np.ndarray
) -> None:
    """Fill in who lies one step before each place of a padded box, and how many pairs and neighbours there are."""
    n = places.size
    number = np.full(size, n, np.uint32)
    for v in range(n):
        number[places[v]] = v
    for a in range(steps.size):
        for v in range(n):
            u = number[places[v] - steps[a]]
            before[a, v] = u
            neighbours[u] += 1
            neighbours[v] += u < n
            pairs[a] += u < n
