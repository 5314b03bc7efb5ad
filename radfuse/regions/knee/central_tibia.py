"""The middle of a tibial plate and its four neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from radfuse.regions.knee.anatomy import Half, KneeRegion, several

if TYPE_CHECKING:
    import numpy as np

    from radfuse.regions.scene import Scene


class CentralTibiaRegion(KneeRegion):
    """A part of the tibial cartilage: the ellipse in the middle of each plate, or one of its four neighbours.

    The ellipse has the plate's own shape and holds `share` of it; the neighbours are cut by
    lines through its middle, 45 degrees off the line that joins the two plates.
    """

    kind: Literal["central_tibia"] = "central_tibia"
    half: Half | None = None
    """`medial`, `lateral`, `a` or `b`; both plates where it is left out."""
    part: Literal["central", "anterior", "external", "posterior", "internal"] = "central"
    """`internal` looks to the other plate, `external` away from it."""
    share: float = Field(default=0.2, gt=0, lt=1)
    """Of the plate, that the ellipse holds."""
    share_of: Literal["area", "volume"] = "area"
    """`area` as seen from above, bare gaps counted in (Wirth and Eckstein); `volume` of the cartilage (CartiMorph)."""

    def labels_named(self) -> tuple[str | int, ...]:
        """Return the labels it refers to."""
        return several(self.tibial_cartilage)

    def cut(self, scene: Scene) -> np.ndarray:
        """Return its voxels, bool of shape (z, y, x)."""
        from radfuse.regions.knee.plate import sectors
        from radfuse.regions.knee.side import is_in

        joint = self.joint(scene)
        voxels = joint.voxels(several(self.tibial_cartilage))
        found = []
        for sign in joint.signs(self.half):
            here = is_in(voxels.at[:, 0], sign)
            part = sectors(joint.plate(sign), voxels.at[here], sign, self.share, of_volume=self.share_of == "volume")
            found.append(voxels.index[here][part == self.part])
        return joint.mask(*found)
