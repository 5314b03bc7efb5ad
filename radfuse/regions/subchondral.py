"""The band of bone below a cartilage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import PositiveFloat, PositiveInt

from radfuse.config import Section

if TYPE_CHECKING:
    import numpy as np

    from radfuse.regions.scene import Scene


class SubchondralRegion(Section):
    """The voxels of a bone within a depth of a cartilage."""

    kind: Literal["subchondral"] = "subchondral"
    name: str
    """Of the region, in the names of its features."""
    bone: str | PositiveInt
    """Label, by name or number."""
    cartilage: str | PositiveInt
    """Label, by name or number."""
    depth_mm: PositiveFloat = 10.0
    """How far below the cartilage it reaches."""

    def labels_named(self) -> tuple[str | int, ...]:
        """Return the labels it refers to."""
        return self.bone, self.cartilage

    def mask(self, scene: Scene) -> np.ndarray:
        """Return its voxels, bool of shape (z, y, x)."""
        return scene.of(self.bone) & scene.within(scene.of(self.cartilage), self.depth_mm)
