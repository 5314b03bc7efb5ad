"""What every knee region is told: the labels that the knee's axes and cuts are found by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import PositiveInt

from radfuse.regions.named import NamedRegion

if TYPE_CHECKING:
    import numpy as np

    from radfuse.regions.knee.joint import Joint
    from radfuse.regions.scene import Scene

Label = str | PositiveInt
Labels = Label | tuple[Label, ...]
"""One label or several, by name or number."""
Half = Literal["medial", "lateral", "a", "b"]
"""Of a knee; a is the half with smaller x, towards the patient's right."""
LOAD_SHARE = 0.6
"""How far the load-bearing femur reaches on the way from the notch to the posterior edge."""


class KneeRegion(NamedRegion):
    """What all knee regions are told."""

    kind: str
    femoral_cartilage: Labels = "femoral_cartilage"
    """Label, or several, by name or number; the femur is cut by it."""
    tibial_cartilage: Labels = "tibial_cartilage"
    """Label, or one for each plate, by name or number; the knee's axes are found by it."""

    def thin_mm(self) -> float | None:
        """Return how thick it is by its settings alone; None: as its labels are."""
        return None

    def mask(self, scene: Scene) -> np.ndarray:
        """Return its voxels, bool of shape (z, y, x)."""
        from radfuse.regions.knee.thick import cut_finely

        return cut_finely(scene, self.cut)

    def cut(self, scene: Scene) -> np.ndarray:
        """Return the same of a scene whose slices are thin."""
        raise NotImplementedError(f"{type(self).__name__} has neither `cut` nor `mask`")

    def joint(self, scene: Scene) -> Joint:
        """Return the knee of a scene."""
        from radfuse.regions.knee.joint import Joint  # scipy, which settings do without

        return Joint.of(scene, several(self.femoral_cartilage), several(self.tibial_cartilage))


def several(labels: Labels) -> tuple[Label, ...]:
    """Return one label or several as several."""
    return labels if isinstance(labels, tuple) else (labels,)
