"""A region that is one label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import PositiveInt

from radfuse.regions.named import NamedRegion

if TYPE_CHECKING:
    import numpy as np

    from radfuse.regions.scene import Scene


class LabelRegion(NamedRegion):
    """The voxels of one label."""

    kind: Literal["label"] = "label"
    label: str | PositiveInt
    """Name as in `segmentation.labels`, or number."""

    def labels_named(self) -> tuple[str | int, ...]:
        """Return the labels it refers to."""
        return (self.label,)

    def mask(self, scene: Scene) -> np.ndarray:
        """Return its voxels, bool of shape (z, y, x)."""
        return scene.of(self.label)
