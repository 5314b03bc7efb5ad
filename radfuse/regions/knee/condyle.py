"""The trochlea and the parts of the femoral condyles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from radfuse.regions.knee.anatomy import LOAD_SHARE, Half, KneeRegion, several

if TYPE_CHECKING:
    import numpy as np

    from radfuse.regions.scene import Scene


class CondyleRegion(KneeRegion):
    """A part of the femoral cartilage: the trochlea, or what lies behind it on the condyles.

    The trochlea lies in front of the notch; the load-bearing part of a condyle reaches from there `share` of the way to
    its posterior edge, and is cut lengthwise into thirds of its width: external, central and internal.
    """

    kind: Literal["condyle"] = "condyle"
    half: Half | None = None
    """`medial`, `lateral`, `a` or `b`; both where it is left out."""
    part: Literal["trochlea", "load_bearing", "external", "central", "internal", "posterior"]
    """`internal` looks to the notch, `external` away from it."""
    share: float = Field(default=LOAD_SHARE, gt=0, lt=1)
    """Where the load-bearing part ends, as a share of the way from the notch to the posterior edge."""

    def labels_named(self) -> tuple[str | int, ...]:
        """Return the labels it refers to."""
        return (*several(self.femoral_cartilage), *several(self.tibial_cartilage))

    def cut(self, scene: Scene) -> np.ndarray:
        """Return its voxels, bool of shape (z, y, x)."""
        from radfuse.regions.knee.femur import condyle_parts

        joint = self.joint(scene)
        voxels = joint.voxels(several(self.femoral_cartilage))
        found = []
        for sign in joint.signs(self.half):
            here = joint.cuts.side(voxels.at, sign)
            part = condyle_parts(joint.cuts, voxels.at[here], sign, self.share, joint.voxel_mm)
            wanted = part == self.part
            if self.part == "load_bearing":
                wanted = (part != "trochlea") & (part != "posterior")
            found.append(voxels.index[here][wanted])
        return joint.mask(*found)
