"""The plan of a U-Net from the headers of the images it will learn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from radfuse.seg.plan import SegPlan, levels
from radfuse.volume.grid import Grid, orientation_of, oriented

if TYPE_CHECKING:
    from radfuse.seg.unet.backend import UnetSegmentation


def make_plan(config: UnetSegmentation, grids: Sequence[Grid]) -> SegPlan:
    """Choose orientation, spacing and patch from the training images' headers: those of most of them.

    The patch has the shape of the median image, shrunk along its longest side until it holds at most
    `config.patch_voxels`; each side is a multiple of the network's total stride.

    Args:
        config: settings; a spacing there is taken as it is.
        grids: of the training images.
    """
    orientation = Counter(orientation_of(grid) for grid in grids).most_common(1)[0][0]
    grids = [oriented(grid, orientation) for grid in grids]
    spacings = np.array([grid.spacing_zyx_mm for grid in grids])
    spacing = np.array(config.spacing_zyx_mm) if config.spacing_zyx_mm else np.median(spacings, axis=0)
    extents = np.array([grid.shape for grid in grids]) * spacings / spacing
    strides = [stride for stride, _ in levels(spacing.tolist(), len(config.channels))]
    multiple = np.prod(strides, axis=0)
    patch = np.maximum(np.ceil(np.median(extents, axis=0) / multiple), 1).astype(int) * multiple
    while np.prod(patch) > config.patch_voxels and (patch > multiple).any():
        axis = int(np.argmax(np.where(patch > multiple, patch, 0)))
        patch[axis] -= multiple[axis]
    z, y, x = (float(value) for value in spacing)
    return SegPlan(
        labels=config.labels,
        spacing_zyx_mm=(z, y, x),
        patch_zyx=(int(patch[0]), int(patch[1]), int(patch[2])),
        channels=config.channels,
        overlap=config.overlap,
        position=config.position,
        images=max(len(config.sequences), 1),
        orientation=orientation,
    )
