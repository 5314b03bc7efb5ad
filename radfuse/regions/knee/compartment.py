"""Medial and lateral halves of a knee's tissues, and their anterior, central and posterior parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from radfuse.regions.knee.anatomy import LOAD_SHARE, Half, KneeRegion, Label, Labels, several

if TYPE_CHECKING:
    from radfuse.regions.knee.joint import Joint
    from radfuse.regions.scene import Scene


class CompartmentRegion(KneeRegion):
    """One half of a label, or of several: of cartilage, bone or menisci.

    Femur and femoral cartilage are cut in the middle of the notch, all else in the gap between the tibial plates. Their
    anterior part lies in front of the notch, the central one reaches from there `share` of the way to the posterior
    edge of the half's cartilage; all else is cut into thirds of the length of the half's tibial plate.
    """

    kind: Literal["compartment"] = "compartment"
    of: Labels
    """Label, or several, by name or number."""
    half: Half
    """`medial` or `lateral`; `a` (smaller x, the patient's right) or `b` where the side is not known."""
    part: Literal["anterior", "central", "posterior"] | None = None
    """Of the half; all of it where it is left out."""
    femur: Labels = "femur"
    """Label, or several, by name or number; says which of `of` are cut as the femur is."""
    share: float = Field(default=LOAD_SHARE, gt=0, lt=1)
    """Where the central part of femur and femoral cartilage ends, as a share of the way to the posterior edge."""

    def labels_named(self) -> tuple[str | int, ...]:
        """Return the labels it refers to."""
        femoral = {*several(self.femur), *several(self.femoral_cartilage)} & set(several(self.of))
        cut_by = several(self.femoral_cartilage) if femoral else ()
        return (*several(self.of), *several(self.tibial_cartilage), *cut_by)

    def cut(self, scene: Scene) -> np.ndarray:
        """Return its voxels, bool of shape (z, y, x)."""
        joint = self.joint(scene)
        (sign,) = joint.signs(self.half)
        found = []
        for label in several(self.of):
            voxels = joint.voxels((label,))
            inside = joint.halved((label,), voxels.at, sign, several(self.femur))
            if self.part is not None:
                inside &= self._part(joint, label, voxels.at, sign)
            found.append(voxels.index[inside])
        return joint.mask(*found)

    def _part(self, joint: Joint, label: Label, at: np.ndarray, sign: int) -> np.ndarray:
        """Return which positions lie in the part of their half that is asked for."""
        if joint.is_femoral((label,), several(self.femur)):
            cartilage = joint.is_femoral((label,), ())
            way, first, last = joint.cuts.along(at, cartilage=cartilage), 0.0, self.share
        else:
            back = joint.plate(sign).positions[:, 1]
            way, first, last = (at[:, 1] - back.min()) / (back.max() - back.min()), 1 / 3, 2 / 3
        low, high = {"anterior": (-np.inf, first), "central": (first, last)}.get(self.part or "", (last, np.inf))
        return np.asarray((way > low) & (way <= high))
