"""Fat and lean parts of muscles, by brightness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, FiniteFloat, PositiveInt

from radfuse.config import Section
from radfuse.errors import CaseError
from radfuse.regions.named import NamedRegion

if TYPE_CHECKING:
    from radfuse.regions.scene import Scene


class Tissue(Section):
    """Which part of a muscle, and how it is told."""

    part: Literal["fat", "lean"]
    """Which of the two; they share no voxel and leave none out that the image shows."""
    threshold: Literal["otsu"] | FiniteFloat = "otsu"
    """Value between lean and fat; otsu: that which parts the voxels best, of each case anew."""
    fat: Literal["bright", "dark"] = "bright"
    """How fat looks: bright on MR without fat suppression, dark on CT."""
    sequence: str | None = None
    """Image whose values count; None: the one that is measured."""

    def of_mask(self, scene: Scene, mask: np.ndarray) -> np.ndarray:
        """Return the part of a mask, bool of shape (z, y, x).

        Values and threshold are compared as the image stores them: what is 0.3 in float32 is not above 0.3.

        Raises:
            CaseError: all voxels are alike, and the threshold is to be found.

        Source:
            Otsu 1979, doi:10.1109/TSMC.1979.4310076.
        """
        from radfuse.regions.intensity import values_in
        from radfuse.volume.otsu import otsu

        found = mask.copy()
        values = values_in(scene, self.sequence, mask).astype(np.float32)
        if not values.size:
            return found
        level = np.float32(otsu(values[np.isfinite(values)]) if self.threshold == "otsu" else self.threshold)
        if np.isnan(level):
            raise CaseError(
                scene.case or scene.labels.name,
                f"all voxels that lean and fat are to be told of are alike ({np.nanmax(values):g}), and no "
                "threshold parts them; look at image and mask, or give `threshold` as a number",
            )
        bright, dark = values > level, values <= level  # NaN, which the image does not reach, is neither
        found[found] = bright if (self.part == "fat") == (self.fat == "bright") else dark
        return found


class FatRegion(Tissue, NamedRegion):
    """The fat or the lean part of some labels, told by a threshold on an image."""

    kind: Literal["fat"] = "fat"
    of: tuple[str | PositiveInt, ...] = Field(min_length=1)
    """Labels, by name or number; one threshold for all."""

    def labels_named(self) -> tuple[str | int, ...]:
        """Return the labels it refers to."""
        return self.of

    def mask(self, scene: Scene) -> np.ndarray:
        """Return its voxels, bool of shape (z, y, x)."""
        return self.of_mask(scene, scene.of(*self.of))
