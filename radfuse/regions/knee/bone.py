"""Bone: one bone of a knee with its cartilage, each part of it computed for the first region that asks."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from radfuse.regions.knee.depth import USUAL_DEPTH_MM, Depths, beside, depths_of
from radfuse.regions.knee.frame import points_of
from radfuse.regions.knee.plate import GAP_MM
from radfuse.regions.knee.surface import Surface, closed, surface_of

if TYPE_CHECKING:
    from radfuse.regions.knee.anatomy import Label
    from radfuse.regions.knee.joint import Joint

    Labels = tuple[Label, ...]


class Bone:
    """A bone of a knee, and the cartilage on it."""

    def __init__(self, joint: Joint, bone: Labels, cartilage: Labels) -> None:
        self.joint = joint
        self.cartilage = cartilage
        self._bone = bone
        self._depths: dict[tuple[bool, float], Depths] = {}
        self._loaded: dict[tuple[float, float], Depths] = {}
        self._margins: dict[float, np.ndarray] = {}

    @property
    def inside(self) -> np.ndarray:
        """Its voxels, bool of shape (z, y, x)."""
        return self.joint.scene.of(*self._bone)

    @cached_property
    def surface(self) -> Surface:
        """Its surface, bare gaps between the cartilage of each half closed."""
        joint = self.joint
        grid = joint.scene.labels.grid
        found = surface_of(self.inside, joint.scene.of(*self.cartilage), grid)
        at = joint.frame.at(found.points)
        halves = [joint.halved(self.cartilage, at, sign) for sign in (-1, 1)]
        return closed(found, grid, halves, max(GAP_MM, joint.voxel_mm))

    @cached_property
    def _once_cartilage(self) -> np.ndarray:
        """Flat index of its cartilage, and where that once was of the first voxels outside of the bone."""
        bare = self.joint.mask(self.surface.index[self.surface.once_covered & ~self.surface.covered])
        return np.flatnonzero(self.joint.scene.of(*self.cartilage) | (beside(bare) & ~self.inside))

    def depths(self, reach_mm: float, *, once_covered: bool) -> Depths:
        """Return how deep its voxels lie below its cartilage.

        Args:
            reach_mm: how deep is wanted, at least.
            once_covered: below bare gaps too, counted from the first voxel outside the bone.
        """
        key = (once_covered, max(reach_mm, USUAL_DEPTH_MM))
        if key not in self._depths:
            joint = self.joint
            source = joint.mask(self._once_cartilage) if once_covered else joint.scene.of(*self.cartilage)
            self._depths[key] = depths_of(self.inside, source, joint.scene.labels.grid, key[1])
        return self._depths[key]

    def loaded(self, reach_mm: float, share: float) -> np.ndarray:
        """Return the flat index of its voxels near its load-bearing cartilage, bare gaps counted in.

        Args:
            reach_mm: from the cartilage.
            share: where the load-bearing cartilage ends, on the way from the notch to the posterior edge.
        """
        key = (reach_mm, share)
        if key not in self._loaded:
            joint, index = self.joint, self._once_cartilage
            at = joint.at(index)
            loaded = joint.loaded(self.cartilage, at, -1, share) | joint.loaded(self.cartilage, at, 1, share)
            source = joint.mask(index[loaded])
            self._loaded[key] = depths_of(self.inside, source, joint.scene.labels.grid, reach_mm)
        return self._loaded[key].index

    def margin(self, width_mm: float) -> np.ndarray:
        """Return the flat index of its voxels around the rim of its cartilage, within a width of it."""
        if width_mm not in self._margins:
            grid = self.joint.scene.labels.grid
            touching_mm = 1.01 * float(np.linalg.norm(grid.spacing_zyx_mm))
            near = self.depths(width_mm + touching_mm, once_covered=True)
            index = near.index[near.mm <= width_mm + touching_mm]
            self._margins[width_mm] = index[self.surface.around(points_of(index, grid), width_mm, touching_mm)]
        return self._margins[width_mm]
