"""Muscles at a level of the spine: paraspinal muscles at mid-disc L4/5, say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from radfuse.regions.fat import Tissue
from radfuse.regions.named import NamedRegion

if TYPE_CHECKING:
    import numpy as np

    from radfuse.regions.scene import Scene


class LevelRegion(NamedRegion):
    """The voxels of some labels in one slice, several, or a slab, at a level of the spine.

    The level is found by labels (`by`), or, without, by the column of `cohort.landmarks` or `cohort.slices` of its
    name. A slice is a layer of voxels along that axis of the image that points most to head and feet, the one whose
    centre is nearest, so that axial stacks and sagittal images that are fine enough do alike. A slab lies across the
    spine's own axis: that of the disc, or from vertebra to vertebra; of a landmark across the patient's axis.
    """

    kind: Literal["level"] = "level"
    of: tuple[str | PositiveInt, ...] = Field(min_length=1)
    """Labels that are measured, by name or number."""
    level: str = Field(min_length=1)
    """Its name, L4/5 say, as in `cohort.landmarks` or `cohort.slices`, and in messages."""
    at: Literal["mid_disc", "mid_vertebra"] = "mid_disc"
    """What of the level: the middle of a disc, or of a vertebra."""
    by: tuple[str | PositiveInt, ...] = Field(default=(), max_length=2)
    """Labels that tell where it is: the disc's, or those of the two vertebrae beside the disc; of a vertebra its own.
    Empty: a column of the table does."""
    half: Literal["left", "right", "both"] = "both"
    """Side of the patient, by the image header."""
    about: str | PositiveInt | None = None
    """Label whose middle parts left from right; None: that of `by`, or the gap between the muscles of both sides. Where
    the body lies turned by more than 5 degrees, one between the muscles parts them better than the vertebrae."""
    slices: PositiveInt | None = None
    """How many, the nearest; one, where no thickness is said either."""
    thickness_mm: PositiveFloat | None = None
    """Of a slab, instead of slices."""
    tissue: Tissue | None = None
    """Only the fat or the lean part, told in both halves at once; None: all."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.slices is not None and self.thickness_mm is not None:
            raise ValueError("give `slices` or `thickness_mm`, not both")
        if self.at == "mid_vertebra" and len(self.by) > 1:
            raise ValueError("a vertebra's middle is found by its own label; `by` names two")
        if len(set(self.by)) < len(self.by):
            raise ValueError(f"by: {self.by[0]!r} stands twice; name the vertebra above the disc and the one below")
        return self

    def labels_named(self) -> tuple[str | int, ...]:
        """Return the labels it refers to."""
        return *self.of, *self.by, *(() if self.about is None else (self.about,))

    def mask(self, scene: Scene) -> np.ndarray:
        """Return its voxels, bool of shape (z, y, x).

        Raises:
            CaseError: the level is not known, lies outside the stack, or shows nothing of the labels; or left cannot
                be told from right.
        """
        from radfuse.regions.spine import Spine

        spine = Spine(scene, self.level)
        muscles = scene.of(*self.of)
        plane = spine.by_labels(self.by, self.at) if self.by else spine.by_table(muscles)
        found = spine.at(muscles, plane, self.slices or 1, self.thickness_mm)
        middle = None
        if self.half != "both":
            middle = spine.middle(found, plane, (self.about,) if self.about is not None else self.by)
        if self.tissue is not None:
            found = self.tissue.of_mask(scene, found)
        return found if middle is None else spine.half_of(found, middle, self.half)
