"""A region's voxels and who neighbours whom, worked out once and used for every filtered image.

Numbers of voxels and of levels are unsigned: kernels then need not ask whether an index counts from the end, which
doubles their speed.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from radfuse.machine import kernel

_HELD = 2**28
"""Bytes up to which directions are worked out once and kept for all filtered images, beside those of distance 1."""
_TOGETHER = 2**26
"""Bytes of directions looked up together otherwise."""


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
        pairs: (direction,) number of pairs of voxels one offset apart.
        neighbours: (n + 1,) int32: how many voxels of the region each has for neighbours, both ways; the last counts
            for nobody.
        held: what `groups` yields, where it is small enough to be kept.
        sight: what it is looked up in otherwise.
    """

    offsets: np.ndarray
    pairs: np.ndarray
    neighbours: np.ndarray
    held: tuple[np.ndarray, ...]
    sight: Sight

    @property
    def before(self) -> np.ndarray:
        """(direction, n) uint32: number of the voxel one offset before each; n where that is not of the region."""
        return self.held[0] if len(self.held) == 1 else np.concatenate(list(self.groups()))

    def groups(self) -> Iterator[np.ndarray]:
        """Yield `before` a few directions at a time, so that memory is bounded however many there are."""
        return iter(self.held) if self.held else self.sight.groups()


@dataclass(frozen=True)
class Sight:
    """Where to look up who lies one offset before whom.

    Attributes:
        number: of the voxel at each place of a padded box; n where nobody is.
        places: (n,) of the voxels in that box.
        steps: (direction,) from place to place.
    """

    number: np.ndarray
    places: np.ndarray
    steps: np.ndarray

    def groups(self, together: int = _TOGETHER) -> Iterator[np.ndarray]:
        """Yield (a few directions, n) uint32 of about so many bytes."""
        few = max(together // max(4 * len(self.places), 1), 1)
        for first in range(0, max(len(self.steps), 1), few):
            steps = self.steps[first : first + few]
            before = np.empty((len(steps), len(self.places)), dtype=np.uint32)
            _look_back(self.number, self.places, steps, before)
            yield before


_NO_SIGHT = Sight(*(np.empty(0),) * 3)
_NOWHERE = Directions(*(np.empty(0),) * 3, held=(np.empty((0, 0)),), sight=_NO_SIGHT)
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
    near = _directions(mask, voxels, offsets_of(mask.shape, (1,), flat_axis), hold=True)
    same = tuple(distances) == (1,)
    far = near if same else _directions(mask, voxels, offsets_of(mask.shape, distances, flat_axis), hold=False)
    z, y, x = mask.shape
    return Lattice((z, y, x), voxels, near, far)


def offsets_of(shape: Sequence[int], distances: Sequence[int], flat_axis: int | None) -> np.ndarray:
    """Return the offsets (z, y, x) that point forwards, in PyRadiomics' order, shorter than the box on every axis."""
    reach = [min(max(distances), size - 1) for size in shape]
    found = []
    for offset in itertools.product(*(range(most, -most - 1, -1) for most in reach)):
        if max(map(abs, offset)) not in distances or offset <= (0, 0, 0):
            continue
        if flat_axis is None or offset[flat_axis] == 0:
            found.append(offset)
    return np.array(found, dtype=np.int64).reshape(-1, 3)


def _directions(mask: np.ndarray, voxels: np.ndarray, offsets: np.ndarray, *, hold: bool) -> Directions:
    reach = int(np.abs(offsets).max(initial=1))
    padded = [size + 2 * reach for size in mask.shape]
    strides = np.array([padded[1] * padded[2], padded[2], 1])
    places = (voxels + reach) @ strides
    number = np.full(int(np.prod(padded)), len(voxels), np.uint32)
    number[places] = np.arange(len(voxels))
    sight = Sight(number, places, offsets @ strides)
    pairs: list[int] = []
    neighbours = np.zeros(len(voxels) + 1, dtype=np.int32)
    size = 4 * len(offsets) * len(voxels)
    hold = hold or size <= _HELD
    kept = []
    for before in sight.groups(max(size, _TOGETHER) if hold else _TOGETHER):
        pairs += _count_neighbours(before, neighbours).tolist()
        kept += [before] if hold else []
    return Directions(offsets, np.array(pairs, dtype=np.int64), neighbours, tuple(kept), _NO_SIGHT if hold else sight)


@kernel
def _look_back(number: np.ndarray, places: np.ndarray, steps: np.ndarray, before: np.ndarray) -> None:
    """Fill in who lies one step before each place."""
    for a in range(steps.size):
        for v in range(places.size):
            before[a, v] = number[places[v] - steps[a]]


@kernel
def _count_neighbours(before: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """Add each voxel's neighbours, both ways; return the number of pairs of each direction."""
    directions, n = before.shape
    pairs = np.zeros(directions, np.int64)
    for a in range(directions):
        for v in range(n):
            u = before[a, v]
            neighbours[u] += 1
            neighbours[v] += u < n
            pairs[a] += u < n
    return pairs
