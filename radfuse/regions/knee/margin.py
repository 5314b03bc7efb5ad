"""The margin of a joint surface, where osteophytes grow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import PositiveFloat

from radfuse.regions.knee.anatomy import Half, KneeRegion, Labels, several

if TYPE_CHECKING:
    import numpy as np

    from radfuse.regions.scene import Scene


class MarginRegion(KneeRegion):
    """The bone around the rim of its cartilage, outside of what the cartilage covers.

    Of the bone within `width_mm` of the rim, that whose nearest surface is bare; gaps inside the cartilage have no rim.
    """

    kind: Literal["margin"] = "margin"
    bone: Labels
    """Label, or several, by name or number."""
    cartilage: Labels
    """Label of the bone's cartilage, or several, by name or number."""
    half: Half | None = None
    """`medial`, `lateral`, `a` or `b`; both where it is left out."""
    width_mm: PositiveFloat = 5.0
    """How far from the rim it reaches."""

    def thin_mm(self) -> float:
        """Return its width."""
        return self.width_mm

    def labels_named(self) -> tuple[str | int, ...]:
        """Return the labels it refers to."""
        bone, cartilage, tibial = map(several, (self.bone, self.cartilage, self.tibial_cartilage))
        cut_by = several(self.femoral_cartilage) if set(cartilage) & set(several(self.femoral_cartilage)) else ()
        return (*bone, *cartilage, *tibial, *cut_by)

    def cut(self, scene: Scene) -> np.ndarray:
        """Return its voxels, bool of shape (z, y, x)."""
        joint = self.joint(scene)
        index = joint.bone(several(self.bone), several(self.cartilage)).margin(self.width_mm)
        if self.half is not None:
            (sign,) = joint.signs(self.half)
            index = index[joint.halved(several(self.cartilage), joint.at(index), sign)]
        return joint.mask(index)
