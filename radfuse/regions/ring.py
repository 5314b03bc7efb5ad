"""The ring around a tumour, or the rim inside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt, field_validator, model_validator

from radfuse.regions.named import NamedRegion

if TYPE_CHECKING:
    from radfuse.regions.scene import Scene

BODY = "body"
"""Where no label is called so: the body in the image that is measured, as `body_of` finds it."""


class RingRegion(NamedRegion):
    """The voxels around a label, or inside its border, without the labels excluded.

    Distances are from voxel centre to voxel centre, those of voxels outside from the label's nearest, those of voxels
    inside from the nearest that is not the label's; `from_mm` 0 and 5 with `margin_mm` 5 and 10 are two rings that
    share no voxel. Where the image ends nothing is known, and no border is seen.
    """

    kind: Literal["ring"] = "ring"
    around: str | PositiveInt
    """Label, by name or number."""
    margin_mm: PositiveFloat = 10.0
    """How far it reaches."""
    from_mm: NonNegativeFloat = 0.0
    """How far from the border it begins."""
    inside: bool = False
    """It lies inside the label's border, not around it."""
    within: str | PositiveInt | tuple[str | PositiveInt, ...] | None = None
    """Labels that it is clipped to, by name or number; `body`: what is no air in the image and hangs together
    with the label, unless a label has that name."""
    exclude: tuple[str | PositiveInt, ...] = ()
    """Labels that are left out of it, by name or number; one needs no brackets."""

    @field_validator("exclude", mode="before")
    @classmethod
    def _one_is_a_list(cls, said: object) -> object:
        return [said] if isinstance(said, (str, int)) and not isinstance(said, bool) else said

    @model_validator(mode="after")
    def _has_room(self) -> RingRegion:
        if self.from_mm >= self.margin_mm:
            raise ValueError(
                f"from_mm {self.from_mm:g} is not below margin_mm {self.margin_mm:g}; nothing lies between"
            )
        if self.within == ():
            raise ValueError("within: it is clipped to no label, and nothing is left; name some, or leave it out")
        return self

    def labels_named(self) -> tuple[str | int, ...]:
        """Return the labels it refers to."""
        return self.around, *(label for label in self._clipped_to if label != BODY), *self.exclude

    @property
    def _clipped_to(self) -> tuple[str | int, ...]:
        if self.within is None:
            return ()
        return self.within if isinstance(self.within, tuple) else (self.within,)

    def mask(self, scene: Scene) -> np.ndarray:
        """Return its voxels, bool of shape (z, y, x)."""
        whole = scene.of(self.around)
        found = _rim(scene, whole, self.from_mm, self.margin_mm) if self.inside else self._around(scene, whole)
        if self.within is not None:
            found &= self._clip(scene)
        return found & ~scene.of(*self.exclude)

    def _around(self, scene: Scene, whole: np.ndarray) -> np.ndarray:
        near = scene.within(whole, self.from_mm) if self.from_mm else whole
        return scene.within(whole, self.margin_mm) & ~near

    def _clip(self, scene: Scene) -> np.ndarray:
        from radfuse.regions.body import body_of
        from radfuse.regions.intensity import image_at

        found = scene.of(*(label for label in self._clipped_to if label != BODY or BODY in scene.numbers))
        if BODY in self._clipped_to and BODY not in scene.numbers:
            found |= body_of(image_at(scene, None), scene.of(self.around))
        return found


def _rim(scene: Scene, whole: np.ndarray, from_mm: float, to_mm: float) -> np.ndarray:
    """Return the voxels of a mask whose distance from the nearest voxel outside lies between two, the second included.

    The nearest voxel outside lies in the mask's box, or touches it.
    """
    from scipy import ndimage

    from radfuse.volume.region import box_of

    z, y, x = (
        slice(max(part.start - 1, 0), min(part.stop + 1, size))
        for part, size in zip(box_of(whole), whole.shape, strict=True)
    )
    rim, inner = np.zeros_like(whole), whole[z, y, x]
    if not inner.all():  # a mask that fills its image has no border in it
        depth = ndimage.distance_transform_edt(inner, sampling=scene.labels.spacing_zyx_mm)
        rim[z, y, x] = inner & (depth > from_mm * (1 + 1e-9)) & (depth <= to_mm * (1 + 1e-9))
    return rim
