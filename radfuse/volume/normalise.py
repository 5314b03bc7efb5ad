"""Image values made comparable, step by step: clipped, scaled by a reference, freed of a bias field.

Every step looks at its one image alone, so that nothing is learned from other patients; but for Nyul's, whose landmarks
come from elsewhere: `radfuse/learned.py` fills in those of the training cases of each fold.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, PositiveInt, model_validator

from radfuse.config import Section
from radfuse.errors import InputError, listed
from radfuse.volume.grid import Grid, orientation_of, oriented, turned
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.nyul import Nyul
from radfuse.volume.plane import layer_axis
from radfuse.volume.whitestripe import WhiteStripe
from radfuse.volume.within import Within

Finite = Annotated[float, Field(allow_inf_nan=False)]
_FEWEST = 10
"""Voxels that a mean and a standard deviation are taken of, at least."""


class ZScore(Within):
    """Centre the image at the mean of a part, in units of its standard deviation."""

    kind: Literal["zscore"] = "zscore"
    scale: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 100.0
    """What a standard deviation becomes: bins of 3 or 5 suit 100, as with `radiomics.normalize_scale`."""

    def values(self, image: np.ndarray, part: np.ndarray) -> np.ndarray:
        """Return the image, float64, with mean 0 and standard deviation `scale` over the voxels of a bool part."""
        inside = image[part]
        spread = float(inside.std())
        if not spread > 0:
            raise InputError(
                f"zscore: the {inside.size} voxels of {self.within!r} are all alike; take another `within`"
            )
        return np.asarray((image - inside.mean()) * (self.scale / spread))


class Percentiles(Within):
    """Move values beyond two percentiles of a part to them."""

    kind: Literal["percentiles"] = "percentiles"
    low: Annotated[float, Field(ge=0, le=100)] = 1.0
    """Percentile that smaller values are moved to."""
    high: Annotated[float, Field(ge=0, le=100)] = 99.0
    """Percentile that larger values are moved to."""

    @model_validator(mode="after")
    def _rises(self) -> Percentiles:
        if not self.low < self.high:
            raise ValueError(f"percentiles go from a lower to an upper one, found {self.low:g} to {self.high:g}")
        return self

    def values(self, image: np.ndarray, part: np.ndarray) -> np.ndarray:
        """Return the image clipped to the percentiles of the voxels of a bool part."""
        return np.clip(image, *np.percentile(image[part], (self.low, self.high)))


class Window(Section):
    """Move values outside a window to its ends, such as Hounsfield units of soft tissue."""

    kind: Literal["window"] = "window"
    low: Finite
    """In image units, HU for CT."""
    high: Finite
    """In image units."""

    @model_validator(mode="after")
    def _rises(self) -> Window:
        if not self.low < self.high:
            raise ValueError(f"a window goes from a lower to an upper value, found {self.low:g} to {self.high:g}")
        return self

    def values(self, image: np.ndarray, _: np.ndarray) -> np.ndarray:
        """Return the image clipped to the window."""
        lowest, highest = float(image.min()), float(image.max())
        if lowest < highest and (highest <= self.low or lowest >= self.high):
            raise InputError(
                f"window: all values lie on one side of {self.low:g} to {self.high:g}, from {lowest:g} to {highest:g}; "
                "give it in units of the image"
            )
        return np.clip(image, self.low, self.high)


class N4(Within):
    """Divide by the bias field that N4 finds (Tustison et al. 2010, doi:10.1109/TMI.2010.2046908)."""

    kind: Literal["n4"] = "n4"
    shrink: PositiveInt = 4
    """The field is looked for on an image of so much fewer voxels along each axis that has enough of them."""
    iterations: tuple[PositiveInt, ...] = Field(default=(50, 50, 50), min_length=1, max_length=6)
    """At each level, coarse to fine."""


Step = Annotated[ZScore | Percentiles | Window | N4 | WhiteStripe | Nyul, Field(discriminator="kind")]


def normalised(image: Volume, steps: tuple[Step, ...], mask: LabelMap, numbers: dict[str, int]) -> Volume:
    """Return an image after some steps, float32; itself where there are none.

    Args:
        image: shape (z, y, x).
        steps: in their order.
        mask: on the image's grid, for steps that look at a label.
        numbers: label name -> number.

    Raises:
        InputError: a part has no voxels, or voxels that are all alike; names image and step.
    """
    if not steps:
        return image
    values = image.voxels.astype(np.float64)
    for step in steps:
        part = part_of(step, values, image, mask, numbers)
        try:
            values = _without_bias(values, part, step, image) if isinstance(step, N4) else step.values(values, part)
        except InputError as error:
            raise InputError(f"image {image.name}, normalise: {error}") from error
    return replace(image, array=values.astype(np.float32), stored=None)


def body(values: np.ndarray, grid: Grid) -> np.ndarray:
    """Return the patient in an image, bool (z, y, x): what is brighter than air, its largest part, holes filled.

    Holes are those of axial layers, however voxels are stored: limb and trunk are closed there.

    Air is told from tissue by Otsu's threshold of the values below the first one: muscle beside bright fat, or soft
    tissue beside bone, are then on the side of the patient. An image without air is all patient.

    Args:
        values: shape (z, y, x).
        grid: where they lie.
    """
    from scipy import ndimage

    from radfuse.volume.sitk import otsu_threshold

    first = otsu_threshold(values)
    darker = values[values <= first]
    threshold = otsu_threshold(darker) if darker.size and darker.min() < darker.max() else first
    found, count = ndimage.label(values > threshold)
    if not count:
        return np.ones(values.shape, dtype=bool)
    sizes = np.bincount(found.ravel())
    sizes[0] = 0
    largest = found == int(sizes.argmax())
    for layer in np.moveaxis(largest, layer_axis(grid), 0):
        layer |= ndimage.binary_fill_holes(layer)
    return largest


def part_of(step: Step, values: np.ndarray, image: Volume, mask: LabelMap, numbers: dict[str, int]) -> np.ndarray:
    """Return the voxels that a step looks at, bool (z, y, x).

    Args:
        step: of normalisation.
        values: of the image after the steps before, shape (z, y, x).
        image: for its name.
        mask: on the image's grid.
        numbers: label name -> number.

    Raises:
        InputError: they are too few; names the image and the labels that are there.
    """
    within = getattr(step, "within", "image")
    if within in numbers:
        part = mask.array == numbers[within]
    else:
        part = body(values, image.grid) if within == "body" else np.ones(values.shape, dtype=bool)
    found = int(np.count_nonzero(part))
    if found < _FEWEST:
        names = [name for name, number in numbers.items() if number in mask.present()]
        raise InputError(
            f"image {image.name}, normalise: {step.kind} looks at {within!r}, which has {found} voxels, needs "
            f"{_FEWEST}; labels present: {listed(names)}. Draw it, or take another `within`"
        )
    return part


def _without_bias(values: np.ndarray, part: np.ndarray, step: N4, image: Volume) -> np.ndarray:
    from radfuse.volume.sitk import without_bias

    lowest = float(values.min())
    if lowest < 0:
        raise InputError(
            f"n4 needs values from 0 up, as MR has, found {lowest:g}; leave it out for CT, or put it before other steps"
        )
    if sum(size > 1 for size in values.shape) < 2:
        raise InputError(f"n4 looks at a plane at least; image {image.name} is {image.grid.shape} voxels; leave it out")
    # N4 finds another field in an image that is stored along other axes: it sees all of them along the same.
    stored, there = orientation_of(image.grid), oriented(image.grid, "LPS")
    seen, inside = (np.ascontiguousarray(turned(each, image.grid, "LPS")) for each in (values, part))
    return turned(without_bias(seen, inside, there, step.shrink, step.iterations), there, stored)
