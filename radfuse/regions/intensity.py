"""What an image shows where the labels lie, for regions that are made by brightness."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from radfuse.errors import CaseError, InputError, listed
from radfuse.volume.grid import part_of
from radfuse.volume.region import Box, box_of
from radfuse.volume.resample import values_on
from radfuse.volume.way_back import between

if TYPE_CHECKING:
    from radfuse.regions.scene import Scene
    from radfuse.volume.grid import Grid
    from radfuse.volume.image import Volume
    from radfuse.volume.sitk import Transform


def image_at(scene: Scene, sequence: str | None, box: Box | None = None) -> np.ndarray:
    """Return an image's voxels on the grid of the labels, or in a box of it: float32, NaN where it does not reach.

    Args:
        scene: the case.
        sequence: which image; None: the one that is measured.
        box: of voxels of the labels, (z, y, x); None: all.

    Raises:
        CaseError: the case has no such image.
        InputError: the scene does not say which image is measured.
    """
    image = _image(scene, sequence)
    grid = scene.labels.grid
    whole = tuple(slice(0, size) for size in grid.shape) if box is None else box
    z, y, x = whole
    part = part_of(grid, (z, y, x))
    way = _way(scene, sequence, part)
    if way is None and image.grid.same_as(grid):
        return image.array[whole]
    return values_on(image, part, way)


def values_in(scene: Scene, sequence: str | None, mask: np.ndarray) -> np.ndarray:
    """Return an image's values at the voxels of a mask in their order, float64; NaN where the image does not reach.

    Args:
        scene: the case.
        sequence: which image; None: the one that is measured.
        mask: bool, shape (z, y, x), on the grid of the labels.

    Raises:
        CaseError: the case has no such image, or it shows nothing of the mask.
    """
    if not mask.any():
        return np.zeros(0)
    box = box_of(mask)
    values = image_at(scene, sequence, box)[mask[box]].astype(np.float64)
    if np.isnan(values).all():
        raise CaseError(
            scene.case or scene.labels.name,
            f"image {_image(scene, sequence).name} lies wholly beside the voxels that it is asked about:\n  image "
            f"{_image(scene, sequence).grid}\n  mask  {scene.labels.grid}\nRegister the two, or mend the header that "
            "is wrong",
        )
    return values


def _way(scene: Scene, sequence: str | None, part: Grid) -> Transform | None:
    """Return the way from points of the measured image to those of another, where one of them was registered."""
    if sequence is None or sequence == scene.measured:
        return None
    return between(scene.ways.get(scene.measured or ""), scene.ways.get(sequence), part)


def _image(scene: Scene, sequence: str | None) -> Volume:
    wanted = scene.measured if sequence is None else sequence
    if wanted is None and len(scene.images) == 1:
        (wanted,) = scene.images
    if wanted is None:
        raise InputError("a region is made by brightness, and nobody says in which image; name its `sequence`")
    if wanted not in scene.images:
        raise CaseError(
            scene.case or scene.labels.name,
            f"a region needs the image {wanted!r}, and the case has {listed(scene.images) or 'none'}; give its path in "
            "the cohort table, or leave the case out",
        )
    return scene.images[wanted]
