"""Volume and LabelMap: voxels with their geometry. How they are read stands in `files.py`.

Geometry is that of the source file, also where it is oblique, and is written back unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from radfuse.errors import InputError
from radfuse.volume.grid import Grid, stored_as

MOST_LABELS = 2**31
"""Labels lie below; a power of 2, which float32 can hold, too."""
_FEW_LABELS = 2**16
"""Up to this label the boxes of all labels are found in one pass."""


class _Placed:
    """What an image and a segmentation say of their grid."""

    grid: Grid

    @property
    def spacing_zyx_mm(self) -> tuple[float, float, float]:
        """Distance between voxel centres along (z, y, x)."""
        return self.grid.spacing_zyx_mm

    @property
    def origin(self) -> tuple[float, float, float]:
        """Centre of the first voxel, (x, y, z) in mm."""
        return self.grid.origin

    @property
    def direction(self) -> tuple[float, ...]:
        """Row-major 3 x 3 matrix of axis directions."""
        return self.grid.direction


@dataclass(frozen=True)
class Volume(_Placed):
    """An image.

    Attributes:
        array: float32, shape (z, y, x), finite.
        grid: where its voxels lie.
        name: for messages; never a patient's.
        stored: the voxels in the type they were stored in, where that is not float32: radiomics depends on it.
    """

    array: np.ndarray
    grid: Grid
    name: str = "volume"
    stored: np.ndarray | None = None

    def __post_init__(self) -> None:
        _check_shape(self.array, self.grid, self.name)
        if self.stored is not None:
            _check_shape(self.stored, self.grid, self.name)

    @property
    def voxels(self) -> np.ndarray:
        """The voxels in the type they were stored in."""
        return self.array if self.stored is None else self.stored

    @property
    def channels(self) -> tuple[Volume, ...]:
        """The image, and other sequences of its case where it brings them along: a `Stack` does."""
        return (self,)


@dataclass(frozen=True)
class LabelMap(_Placed):
    """A segmentation.

    Attributes:
        array: integer, shape (z, y, x); 0 is background.
        grid: where its voxels lie.
        names: label -> name, where declared.
        name: for messages.
    """

    array: np.ndarray
    grid: Grid
    names: Mapping[int, str] = field(default_factory=dict)
    name: str = "labels"

    def __post_init__(self) -> None:
        _check_shape(self.array, self.grid, self.name)
        if not np.issubdtype(self.array.dtype, np.integer):
            raise InputError(f"{self.name}: labels must be integers, found {self.array.dtype}")
        lowest, highest = (int(self.array.min()), int(self.array.max())) if self.array.size else (0, 0)
        if lowest < 0 or highest >= MOST_LABELS:
            raise InputError(
                f"{self.name}: labels are from 0 to {MOST_LABELS - 1}, found {lowest if lowest < 0 else highest}; "
                "number them anew, background 0"
            )

    def present(self) -> tuple[int, ...]:
        """Return the labels that occur, background left out."""
        return tuple(self.boxes)

    @cached_property
    def boxes(self) -> dict[int, tuple[slice, slice, slice]]:
        """The smallest box (z, y, x) of each label that occurs."""
        from scipy import ndimage  # here: settings name images, and are read without what computes

        lowest, highest = (int(self.array.min()), int(self.array.max())) if self.array.size else (0, 0)
        if lowest >= 0 and highest <= _FEW_LABELS:
            found = dict(enumerate(ndimage.find_objects(self.array), start=1))
        else:
            labels = [int(label) for label in np.unique(self.array) if label != 0]
            found = {label: ndimage.find_objects((self.array == label).view(np.uint8))[0] for label in labels}
        return {label: box for label, box in found.items() if box is not None}


def in_order_of(labels: LabelMap, grid: Grid) -> LabelMap:
    """Return a segmentation in the order in which a grid stores the same voxels: axes swapped and turned round.

    Itself where it is stored so already, or lies on another grid.
    """
    if labels.grid.same_as(grid):
        return labels
    array = stored_as(labels.array, labels.grid, grid)
    return labels if array is None else LabelMap(np.ascontiguousarray(array), grid, labels.names, labels.name)


def require_same_grid(image: Volume, labels: LabelMap) -> LabelMap:
    """Return a mask on its image's grid, in the order of the image's voxels where it was stored in another.

    Raises:
        InputError: it lies on another grid; prints both.
    """
    return require_grid(image.grid, image.name, labels)


def require_grid(grid: Grid, image: str, labels: LabelMap) -> LabelMap:
    """Return a mask on a grid, that of the image of this name, as `require_same_grid` has it.

    Raises:
        InputError: as `require_same_grid`.
    """
    require_all_slices(grid, image, labels)
    labels = in_order_of(labels, grid)
    if not grid.same_as(labels.grid):
        raise InputError(
            f"mask {labels.name} lies on another grid than image {image}:\n  image {grid}\n  mask  "
            f"{labels.grid}\nResample the mask, or let the study do it with `resample_masks: true`"
        )
    return labels


def require_all_slices(grid: Grid, image: str, labels: LabelMap) -> None:
    """Refuse one slice of a series with a mask of all of them.

    Raises:
        InputError: the image is a DICOM file, and the mask is deeper.
    """
    if image.lower().endswith(".dcm") and grid.shape[0] == 1 < labels.grid.shape[0]:
        raise InputError(
            f"{image} is one DICOM slice, and the mask {labels.name} has {labels.grid.shape[0]}; give the folder of "
            "its series"
        )


def _check_shape(array: np.ndarray, grid: Grid, name: str) -> None:
    if not isinstance(array, np.ndarray):
        raise InputError(f"{name}: voxels are an array of shape (z, y, x); found {type(array).__name__}")
    if array.ndim != 3 or array.shape != grid.shape:
        raise InputError(f"{name}: the array's shape {array.shape} is not that of its grid {grid.shape} (z, y, x)")
