"""The ring around a tumour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import PositiveFloat, PositiveInt

from radfuse.config import Section

if TYPE_CHECKING:
    import numpy as np

    from radfuse.regions.scene import Scene


class RingRegion(Section):
    """The voxels around a label, inside the image, without the labels excluded."""

    kind: Literal["ring"] = "ring"
    name: str
    """Of the region, in the names of its features."""
    around: str | PositiveInt
    """Label, by name or number."""
    margin_mm: PositiveFloat = 10.0
    """How far it reaches."""
    exclude: tuple[str | PositiveInt, ...] = ()
    """Labels that are left out of it, by name or number."""

    def labels_named(self) -> tuple[str | int, ...]:
        """Return the labels it refers to."""
        return self.around, *self.exclude

    def mask(self, scene: Scene) -> np.ndarray:
        """Return its voxels, bool of shape (z, y, x)."""
        inner = scene.of(self.around)
        return scene.within(inner, self.margin_mm) & ~inner & ~scene.of(*self.exclude)
