"""Backend `grow`: a region that grows from a seed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, FiniteFloat, PositiveFloat, PositiveInt, model_validator

from radfuse.config import nearest
from radfuse.errors import CaseError, listed
from radfuse.seg.untrained import Given, Untrained

if TYPE_CHECKING:
    from radfuse.volume.image import LabelMap, Volume

_VERSION = b"2"
"""Of how it grows: a part of the keys of masks made by it."""


class GrowSegmentation(Untrained):
    """A region that grows from each case's seed over connected voxels of like brightness; nothing is trained.

    With `between` it takes in what lies in a window; without, what lies within some standard deviations of the mean of
    what it has, begun with the voxels around the seed, and anew for each iteration.
    """

    votes: ClassVar[bool] = False
    backend: Literal["grow"] = "grow"
    seed: tuple[str, str, str]
    """Names in `cohort.landmarks` of its x, y and z in mm of patient space: to the left, posterior, superior."""
    between: tuple[FiniteFloat, FiniteFloat] | None = None
    """Smallest and largest value of what belongs to it."""
    deviations: PositiveFloat = 2.5
    """How many standard deviations from the mean belong to it, without `between`."""
    iterations: Annotated[int, Field(ge=0, le=100)] = 4
    """How often mean and deviation are taken anew, without `between`."""
    radius_voxels: Annotated[int, Field(ge=1, le=100)] = 2
    """Voxels to each side of the seed that the first mean is of, without `between`."""
    smoothing_mm: Annotated[float, Field(ge=0, le=100)] = 0.0
    """Standard deviation of a Gaussian that the image is smoothed with; noise tears holes, and bridges gaps."""
    within_mm: PositiveFloat | None = None
    """It stays so near to the seed; None: as far as it grows."""
    fill: bool = True
    """Holes inside it belong to it."""
    labels: dict[str, PositiveInt] = Field(min_length=1, max_length=1)
    """Name of the label that it makes -> number."""

    @model_validator(mode="after")
    def _is_a_window(self) -> Self:
        if self.between is not None and self.between[0] > self.between[1]:
            raise ValueError(f"between: {self.between[0]:g} is above {self.between[1]:g}")
        return self

    def brought(self, folder: Path) -> bytes:
        """Return what says how it grows, so that masks are made anew where that has changed."""
        return _VERSION

    def check_columns(self, readers: Mapping[str, str], landmarks: Mapping[str, str]) -> None:
        """Look whether the table says where its seed is."""
        for name in self.seed:
            if name not in landmarks:
                raise ValueError(f"segmentation.seed: cohort.landmarks has no {name!r}{nearest(name, landmarks)}")

    def draw(self, image: Volume, given: Given) -> LabelMap:
        """Return what grew.

        Raises:
            CaseError: no seed, one outside the image, nothing that grows from it, or all of the image.
        """
        from scipy import ndimage

        from radfuse.volume.image import LabelMap
        from radfuse.volume.plane import positions_of
        from radfuse.volume.sitk import grown_between, grown_like

        place, seed = self._seed(image, given)
        values = image.array.astype(np.float32)
        if self.smoothing_mm:
            values = ndimage.gaussian_filter(values, [self.smoothing_mm / step for step in image.spacing_zyx_mm])
        if self.between is not None:
            found = grown_between(values, seed, self.between)
        else:
            found = grown_like(values, seed, self.deviations, self.iterations, self.radius_voxels)
        if self.within_mm is not None and found.any():
            near = np.linalg.norm(positions_of(found, image.grid) - place, axis=1) <= self.within_mm
            found[found] = near
        if self.fill:
            flat = tuple(axis for axis, size in enumerate(found.shape) if size == 1)  # no way out through its sides
            found = np.expand_dims(ndimage.binary_fill_holes(found.squeeze(flat)), flat)
        if not found.any():
            raise CaseError(
                given.case,
                f"nothing grows from the seed at {_told(place)} mm, where image {image.name} is "
                f"{values[seed]:.4g}; correct the seed, or widen `between` or `deviations`",
            )
        if found.all():
            raise CaseError(
                given.case,
                f"what grows from the seed at {_told(place)} mm fills the whole of image {image.name}; narrow "
                "`between` or `deviations`, or set `within_mm`",
            )
        (number,) = self.labels.values()
        return LabelMap(np.where(found, np.int32(number), 0), image.grid, self.names, f"region of {image.name}")

    def _seed(self, image: Volume, given: Given) -> tuple[np.ndarray, tuple[int, int, int]]:
        """Return where the seed lies, (x, y, z) in mm, and its voxel, (z, y, x)."""
        from radfuse.volume.sitk import index_of

        lacking = [name for name in self.seed if name not in given.landmarks]
        if lacking:
            raise CaseError(
                given.case,
                f"the table says no {listed(lacking)} of its seed; fill the columns that cohort.landmarks names, or "
                "leave the case out",
            )
        place = np.array([given.landmarks[name] for name in self.seed])
        index = np.floor(np.array(index_of(image.grid, place))[::-1] + 0.5).astype(int)
        if (index < 0).any() or (index >= image.grid.shape).any():
            corners = image.grid.corners_mm()
            raise CaseError(
                given.case,
                f"the seed at {_told(place)} mm lies outside image {image.name}, which reaches from "
                f"{_told(corners.min(axis=0))} to {_told(corners.max(axis=0))} mm; correct it: x grows to the "
                "patient's left, y to the back, z to the head; NIfTI's viewers may turn x and y round",
            )
        z, y, x = (int(value) for value in index)
        return place, (z, y, x)


def _told(place: np.ndarray) -> str:
    return f"({', '.join(f'{value:.1f}' for value in place)})"
