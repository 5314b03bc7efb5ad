"""Settings of a registration, and what is known of how it went; how it is done stands in `register.py`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from radfuse.config import Section

_Mm = Annotated[float, Field(gt=0, le=500)]


class Registration(Section):
    """How one image of a case is registered to another: mutual information (Mattes), coarse to fine, without chance."""

    transform: Literal["rigid", "affine", "bspline"] = "rigid"
    """Moved and turned; also sheared and scaled; or, after a rigid one, bent by B-splines."""
    start: Literal["header", "centres"] = "header"
    """Where it begins: as the headers place the images, or with one image's centre on the other's."""
    by: str | None = None
    """Another sequence of the same scan and table, whose image is registered in the place of this one: PET by its CT,
    since PET alone shows too little. None: its own image."""
    levels_mm: tuple[_Mm, ...] = Field(default=(8.0, 4.0, 2.0), min_length=1, max_length=6)
    """Voxels that the images are compared on, coarse to fine; never smaller than the image's own."""
    grid_mm: _Mm = 40.0
    """Between control points of the B-spline."""
    within_mm: Annotated[float, Field(ge=0, le=500)] | None = None
    """Compare only what lies so near to the mask; None: all that both images show."""
    iterations: PositiveInt = 60
    """At each level, at most: rounds over all parameters, or looks at the similarity of B-splines."""
    bins: Annotated[int, Field(ge=8, le=256)] = 32
    """Of the joint histogram."""
    samples: PositiveInt = 20_000
    """Voxels that are compared at a level, at most; where there are more, these many drawn by `seed`."""
    seed: PositiveInt = 1
    """Of that draw."""
    carried: Literal["nearest", "linear"] = "linear"
    """How labels are interpolated: the nearest voxel's, or label by label, the largest share."""
    least_dice: Annotated[float, Field(ge=0, le=1)] = 0.7
    """Where the image has a mask of its own: a smaller Dice with the carried one is suspicious."""


class RegistrationQuality(Section):
    """How a registration went.

    Attributes:
        similarity_before: mutual information where the headers, or the centres, put the images; larger is better.
        similarity_after: the same, registered.
        folded: share of voxels where the Jacobian determinant is 0 or less: space folds over itself there.
        moved_mm: how far it moves points, the median over the mask, or over what both images show.
        dice_before: label -> of the mask as the headers put it and the image's own; empty without one.
        dice_after: label -> of the carried mask and the image's own.
        flags: what is suspicious, in words.
    """

    similarity_before: float
    similarity_after: float
    folded: float
    moved_mm: float
    dice_before: dict[str, float | None] = {}
    dice_after: dict[str, float | None] = {}
    flags: tuple[str, ...] = ()
