"""The parts of a knee that bear load: of the femoral condyles, and what faces them on the tibia."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, PositiveFloat

from radfuse.regions.knee.anatomy import LOAD_SHARE, Half, KneeRegion, Labels, several

if TYPE_CHECKING:
    from radfuse.regions.scene import Scene


class LoadBearingRegion(KneeRegion):
    """Load-bearing cartilage, or the bone below it.

    On the femur it reaches from the notch `share` of the way to the posterior edge of each condyle; on the tibia it is
    what faces that. Bone belongs to it straight above or below such cartilage, bare gaps closed, as deep as `depth_mm`.
    """

    kind: Literal["load_bearing"] = "load_bearing"
    tissue: Literal["femoral_cartilage", "tibial_cartilage", "femur", "tibia"]
    """Which of the four; bone as deep as `depth_mm`."""
    half: Half | None = None
    """`medial`, `lateral`, `a` or `b`; both where it is left out."""
    share: float = Field(default=LOAD_SHARE, gt=0, lt=1)
    """Where it ends on the way from the notch to the posterior edge."""
    depth_mm: PositiveFloat = 10.0
    """How far below the cartilage bone belongs to it."""
    femur: Labels = "femur"
    """Label, or several, by name or number."""
    tibia: Labels = "tibia"
    """Label, or several, by name or number."""

    def labels_named(self) -> tuple[str | int, ...]:
        """Return the labels it refers to."""
        bone = several(getattr(self, self.tissue)) if self.tissue in ("femur", "tibia") else ()
        return (*several(self.femoral_cartilage), *several(self.tibial_cartilage), *bone)

    def cut(self, scene: Scene) -> np.ndarray:
        """Return its voxels, bool of shape (z, y, x)."""
        joint = self.joint(scene)
        femoral = self.tissue.startswith("fem")
        cartilage = several(self.femoral_cartilage if femoral else self.tibial_cartilage)
        bone = self.tissue in ("femur", "tibia")
        if bone:
            index = joint.bone(several(getattr(self, self.tissue)), cartilage).loaded(self.depth_mm, self.share)
        else:
            index = joint.voxels(cartilage).index
        at, inside = joint.at(index), np.zeros(len(index), dtype=bool)
        for sign in joint.signs(self.half):
            if bone and femoral:
                inside |= joint.cuts.side(at, sign) & joint.faces_load(at, sign, self.share)
            else:
                inside |= joint.loaded(cartilage, at, sign, self.share)
        return joint.mask(index[inside])
