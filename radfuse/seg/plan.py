"""The plan: what a network works on, fixed before training and shipped with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from radfuse.config import Section
from radfuse.seg.config import UnetSegmentation
from radfuse.volume.grid import Grid, orientation_of, oriented


class SegPlan(Section):
    """Everything prediction needs beside the network.

    Attributes:
        labels: label name -> number in the masks; class 0 is background, class i the i-th label.
        spacing_zyx_mm: voxel size of the network.
        patch_zyx: patch size in voxels, multiples of `multiple`.
        channels: of each resolution level.
        overlap: of neighbouring patches.
        position: the network also reads where in the image each voxel lies.
        parts: number of connected parts kept of each label; empty: all.
        orientation: where x, y, z point in what the network sees ("LPS", say); empty: as the image is stored.
    """

    labels: dict[str, int]
    spacing_zyx_mm: tuple[float, float, float]
    patch_zyx: tuple[int, int, int]
    channels: tuple[int, ...]
    overlap: float
    position: bool = False
    parts: tuple[int, ...] = ()
    orientation: str = ""

    @property
    def inputs(self) -> int:
        """Number of channels the network reads."""
        return 4 if self.position else 1

    @property
    def strides(self) -> tuple[tuple[int, int, int], ...]:
        """Of each level, (z, y, x): axes of wide spacing wait until the others have caught up."""
        return tuple(stride for stride, _ in _levels(self.spacing_zyx_mm, len(self.channels)))

    @property
    def kernels(self) -> tuple[tuple[int, int, int], ...]:
        """Size of each level's convolutions, (z, y, x): 1 along axes that wait."""
        return tuple(kernel for _, kernel in _levels(self.spacing_zyx_mm, len(self.channels)))

    @property
    def classes(self) -> int:
        """Number of classes, background counted."""
        return len(self.labels) + 1


_Triple = tuple[int, int, int]
_ANISOTROPIC = 1.5
"""An axis whose spacing exceeds the smallest by this factor is neither pooled nor convolved along."""


def _levels(spacing_zyx_mm: Sequence[float], count: int) -> list[tuple[_Triple, _Triple]]:
    """Return stride and kernel of each level."""
    spacing = np.array(spacing_zyx_mm, dtype=float)
    stride: _Triple = (1, 1, 1)
    found = []
    for _ in range(count):
        spacing = spacing * stride
        wide = spacing > _ANISOTROPIC * spacing.min()
        z, y, x = (int(value) for value in np.where(wide, 1, 3))
        found.append((stride, (z, y, x)))
        z, y, x = (int(value) for value in np.where(wide, 1, 2))
        stride = (z, y, x)
    return found


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
    strides = [stride for stride, _ in _levels(spacing.tolist(), len(config.channels))]
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
        orientation=orientation,
    )
