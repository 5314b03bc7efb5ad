"""A region of several labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, PositiveInt

from radfuse.regions.named import NamedRegion

if TYPE_CHECKING:
    import numpy as np

    from radfuse.regions.scene import Scene


class UnionRegion(NamedRegion):
    """The voxels of several labels."""

    kind: Literal["union"] = "union"
    labels: tuple[str | PositiveInt, ...] = Field(min_length=1)
    """By name or number."""

    def labels_named(self) -> tuple[str | int, ...]:
        """Return the labels it refers to."""
        return self.labels

    def mask(self, scene: Scene) -> np.ndarray:
        """Return its voxels, bool of shape (z, y, x)."""
        return scene.of(*self.labels)
