"""Where two labels touch, as a band on both sides: tumour and bone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from radfuse.regions.named import NamedRegion

if TYPE_CHECKING:
    from radfuse.regions.scene import Scene


class InterfaceRegion(NamedRegion):
    """The voxels of two labels within a distance of the other label, where the two touch: a bone-soft-tissue interface.

    As in a subchondral band, distances are from voxel centre to voxel centre of the other label; of that the voxels
    count that touch.
    """

    kind: Literal["interface"] = "interface"
    between: tuple[str | PositiveInt, str | PositiveInt]
    """The two labels, by name or number."""
    margin_mm: PositiveFloat = 5.0
    """How far from the other label it reaches."""
    gap_mm: NonNegativeFloat = 0.0
    """Labels that leave up to so much between their borders touch, too; 0: voxels touch that share a face."""

    @model_validator(mode="after")
    def _of_two(self) -> InterfaceRegion:
        if self.between[0] == self.between[1]:
            raise ValueError(f"between: {self.between[0]!r} stands twice; name two labels")
        if self.gap_mm >= self.margin_mm:
            raise ValueError(f"gap_mm {self.gap_mm:g} is not below margin_mm {self.margin_mm:g}, which spans it")
        return self

    def labels_named(self) -> tuple[str | int, ...]:
        """Return the labels it refers to."""
        return self.between

    def mask(self, scene: Scene) -> np.ndarray:
        """Return its voxels, bool of shape (z, y, x)."""
        one, other = (scene.of(label) for label in self.between)
        touching = one & self._beside(scene, other), other & self._beside(scene, one)
        return (one & scene.within(touching[1], self.margin_mm)) | (other & scene.within(touching[0], self.margin_mm))

    def _beside(self, scene: Scene, mask: np.ndarray) -> np.ndarray:
        from scipy import ndimage

        if not self.gap_mm:
            return np.asarray(ndimage.binary_dilation(mask))
        # Between the borders of two voxels lies one voxel less, along each axis, than between their centres.
        return scene.within(ndimage.binary_dilation(mask, np.ones((3, 3, 3))), self.gap_mm)
