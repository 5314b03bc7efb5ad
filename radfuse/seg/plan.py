"""The plan: what a network works on, fixed before training and shipped with it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radfuse.config import Section
from radfuse.seg.config import UnetSegmentation
from radfuse.volume import Grid


class SegPlan(Section):
    """Everything prediction needs beside the network.

    Attributes:
        labels: label name -> number in the masks; class 0 is background, class i the i-th label.
        spacing_zyx_mm: voxel size of the network.
        patch_zyx: patch size in voxels, multiples of `multiple`.
        channels: of each resolution level.
        overlap: of neighbouring patches.
        largest_component: keep the largest connected part of each label.
    """

    labels: dict[str, int]
    spacing_zyx_mm: tuple[float, float, float]
    patch_zyx: tuple[int, int, int]
    channels: tuple[int, ...]
    overlap: float
    largest_component: bool

    @property
    def classes(self) -> int:
        """Number of classes, background counted."""
        return len(self.labels) + 1


def make_plan(config: UnetSegmentation, grids: Sequence[Grid]) -> SegPlan:
    """Choose spacing and patch from the training images.

    The patch has the shape of the median image, shrunk along its longest side until it holds at most
    `config.patch_voxels`; each side is a multiple of the network's total stride.

    Args:
        config: settings; a spacing there is taken as it is.
        grids: of the training images.
    """
    spacings = np.array([grid.spacing_zyx_mm for grid in grids])
    spacing = np.array(config.spacing_zyx_mm) if config.spacing_zyx_mm else np.median(spacings, axis=0)
    extents = np.array([grid.shape for grid in grids]) * spacings / spacing
    multiple = 2 ** (len(config.channels) - 1)
    patch = np.maximum(np.ceil(np.median(extents, axis=0) / multiple), 1).astype(int) * multiple
    while np.prod(patch) > config.patch_voxels and patch.max() > multiple:
        patch[np.argmax(patch)] -= multiple
    z, y, x = (float(value) for value in spacing)
    return SegPlan(
        labels=config.labels,
        spacing_zyx_mm=(z, y, x),
        patch_zyx=(int(patch[0]), int(patch[1]), int(patch[2])),
        channels=config.channels,
        overlap=config.overlap,
        largest_component=config.largest_component,
    )
