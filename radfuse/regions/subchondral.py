"""The band of bone below a cartilage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import NonNegativeFloat, PositiveFloat, model_validator

from radfuse.regions.knee.anatomy import Half, KneeRegion, Labels, several

if TYPE_CHECKING:
    import numpy as np

    from radfuse.regions.scene import Scene


class SubchondralRegion(KneeRegion):
    """The voxels of a bone at some depth below a cartilage; of a knee also one half of them."""

    kind: Literal["subchondral"] = "subchondral"
    bone: Labels
    """Label, or several, by name or number."""
    cartilage: Labels
    """Label of the bone's cartilage, or several, by name or number."""
    depth_mm: PositiveFloat = 10.0
    """How far below the cartilage it reaches."""
    from_mm: NonNegativeFloat = 0.0
    """How far below the cartilage it begins, for bands: 0 to 3, 3 to 6, 6 to 10 mm."""
    half: Half | None = None
    """Of a knee: `medial`, `lateral`, `a` or `b`; both where it is left out."""
    below: Literal["cartilage", "once_covered"] = "cartilage"
    """`once_covered`, of a knee: below bare gaps in the cartilage too."""

    @model_validator(mode="after")
    def _begins_before_it_ends(self) -> SubchondralRegion:
        if self.from_mm >= self.depth_mm:
            raise ValueError(f"from_mm {self.from_mm:g} is not below depth_mm {self.depth_mm:g}, where the band ends")
        return self

    def thin_mm(self) -> float:
        """Return the thickness of its band."""
        return self.depth_mm - self.from_mm

    def labels_named(self) -> tuple[str | int, ...]:
        """Return the labels it refers to."""
        bone, cartilage = several(self.bone), several(self.cartilage)
        if self.half is None and self.below == "cartilage":
            return (*bone, *cartilage)
        cut_by = several(self.femoral_cartilage) if set(cartilage) & set(several(self.femoral_cartilage)) else ()
        return (*bone, *cartilage, *several(self.tibial_cartilage), *cut_by)

    def cut(self, scene: Scene) -> np.ndarray:
        """Return its voxels, bool of shape (z, y, x)."""
        bone, cartilage = several(self.bone), several(self.cartilage)
        if self.half is None and self.below == "cartilage":
            source = scene.of(*cartilage)
            band = scene.of(*bone) & scene.within(source, self.depth_mm)
            return band & ~scene.within(source, self.from_mm) if self.from_mm else band
        joint = self.joint(scene)
        depths = joint.bone(bone, cartilage).depths(self.depth_mm, once_covered=self.below == "once_covered")
        index = depths.index[depths.band(self.from_mm, self.depth_mm)]
        if self.half is not None:
            (sign,) = joint.signs(self.half)
            index = index[joint.halved(cartilage, joint.at(index), sign)]
        return joint.mask(index)
