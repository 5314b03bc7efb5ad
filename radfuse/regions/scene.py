"""Scene: all that a region may be made of."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from scipy import ndimage

from radfuse.config import nearest
from radfuse.errors import InputError
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.region import box_of
from radfuse.volume.sitk import Transform

Found = TypeVar("Found")


@dataclass(frozen=True)
class Scene:
    """One case as regions see it.

    Attributes:
        labels: the segmentation.
        numbers: label name -> number.
        side: left or right, as the cohort table has it; None where it says nothing.
        visit: as the cohort table has it.
        images: sequence -> image, each on its own grid.
        case: for messages.
        measured: sequence of the image that features are taken from, and that regions lie on.
        landmarks: name -> mm, as the cohort table has them.
        slices: name -> number of a slice of `stack`, the first is 1, as the cohort table has them.
        stack: grid that the mask was drawn on, where the labels were brought onto another.
        ways: sequence -> transform from its points to those of the segmented image, of images that lie elsewhere.
        memo: what regions share, by `once`; never to be written to from elsewhere.
    """

    labels: LabelMap
    numbers: Mapping[str, int]
    side: str | None = None
    visit: str | None = None
    images: Mapping[str, Volume] = field(default_factory=dict)
    case: str = ""
    measured: str | None = None
    landmarks: Mapping[str, float] = field(default_factory=dict)
    slices: Mapping[str, int] = field(default_factory=dict)
    stack: Grid | None = None
    ways: Mapping[str, Transform] = field(default_factory=dict)
    memo: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)

    def once(self, key: Hashable, make: Callable[[], Found]) -> Found:
        """Return what `make` gives, computed for the first of the scene's regions that asks under a key."""
        if key not in self.memo:
            self.memo[key] = make()
        found: Found = self.memo[key]
        return found

    def number(self, label: str | int) -> int:
        """Return the number of a label given by name or number.

        Raises:
            InputError: a name nobody declared; names the nearest.
        """
        if isinstance(label, int):
            return label
        if label not in self.numbers:
            raise InputError(f"regions name the label {label!r}, which is not declared{nearest(label, self.numbers)}")
        return self.numbers[label]

    def of(self, *labels: str | int) -> np.ndarray:
        """Return the voxels of some labels, bool of shape (z, y, x).

        Raises:
            InputError: a name nobody declared.
        """
        return np.isin(self.labels.array, [self.number(label) for label in labels])

    def within(self, mask: np.ndarray, distance_mm: float) -> np.ndarray:
        """Return the voxels whose centre lies within a distance of a voxel centre of a mask, the mask's among them.

        Args:
            mask: bool, shape (z, y, x), on the grid of the labels.
            distance_mm: between centres.

        Returns:
            bool of the mask's shape.
        """
        near = np.zeros(mask.shape, dtype=bool)
        spacing = self.labels.spacing_zyx_mm
        reach = [int(np.ceil(distance_mm / step)) for step in spacing]
        wide = tuple(
            slice(max(part.start - more, 0), min(part.stop + more, size))
            for part, more, size in zip(box_of(mask), reach, mask.shape, strict=True)
        )
        if mask.any():
            distance = ndimage.distance_transform_edt(~mask[wide], sampling=spacing)
            near[wide] = distance <= distance_mm * (1 + 1e-9)
        return near
