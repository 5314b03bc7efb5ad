"""The connected parts of a label: the largest, or all, whose features are averaged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from radfuse.regions.named import NamedRegion
from radfuse.volume.region import Averaged, parts_of

if TYPE_CHECKING:
    import numpy as np

    from radfuse.regions.scene import Scene
    from radfuse.volume.grid import Grid


class LesionsRegion(NamedRegion):
    """The connected parts of a label, voxels that share a corner being connected: lesions of one patient.

    With `aggregate` each lesion's radiomic features are computed alone and averaged, so that they do not grow with the
    number of lesions; deep features and the files of stage `regions` are of all lesions at once.
    """

    kind: Literal["lesions"] = "lesions"
    of: str | PositiveInt
    """Label, by name or number."""
    components: Literal["all", "largest"] = "all"
    """Which lesions; of those of one size the one furthest to the patient's right is the largest."""
    min_voxels: PositiveInt = 10
    """Smaller parts are specks, and left out."""
    min_mm3: PositiveFloat | None = Field(default=None, exclude_if=lambda least: least is None)
    """The same in mm3, instead of `min_voxels`: voxels of any size leave out the same specks."""
    aggregate: Literal["together", "mean", "volume_weighted"] = "together"
    """Radiomic features are those of all voxels together, the mean over lesions, or their mean weighted by volume."""

    @model_validator(mode="after")
    def _one_is_no_average(self) -> LesionsRegion:
        if self.components == "largest" and self.aggregate != "together":
            raise ValueError(f"the largest lesion is one, and aggregate: {self.aggregate} needs several; remove one")
        return self

    @model_validator(mode="after")
    def _check_least(self) -> LesionsRegion:
        usual = type(self).model_fields["min_voxels"].default
        if self.min_mm3 is not None and self.min_voxels != usual:
            raise ValueError("min_voxels and min_mm3 both say which parts are specks; leave one out")
        return self

    @property
    def averaged(self) -> Averaged | None:
        """How its features are made of those of its lesions; None: they are those of the whole."""
        return None if self.aggregate == "together" else Averaged(self.aggregate == "volume_weighted", *self._least)

    @property
    def _least(self) -> tuple[int, float]:
        """Voxels and mm3 that a part has at least."""
        return (self.min_voxels, 0.0) if self.min_mm3 is None else (1, self.min_mm3)

    def labels_named(self) -> tuple[str | int, ...]:
        """Return the labels it refers to."""
        return (self.of,)

    def mask(self, scene: Scene) -> np.ndarray:
        """Return its voxels, bool of shape (z, y, x)."""
        whole = scene.of(self.of)
        parts = parts_of(whole, scene.labels.grid, *self._least)
        kept = whole & False
        for box, inside in parts[:1] if self.components == "largest" else parts:
            kept[box] |= inside
        return kept


def largest_of(mask: np.ndarray, grid: Grid) -> np.ndarray:
    """Return the largest connected part of a mask, bool of shape (z, y, x); itself where it is empty."""
    kept = mask & False
    for box, inside in parts_of(mask, grid)[:1]:
        kept[box] = inside
    return kept
