"""The plan: what a network works on, fixed before training and shipped with it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radfuse.config import Section


class NetworkInput(Section):
    """What a network sees of an image, and is told of its mask.

    Attributes:
        labels: label name -> number in the masks; class 0 is background, class i the i-th label.
        spacing_zyx_mm: voxel size.
        orientation: where x, y, z point ("LPS", say); empty: as the image is stored.
    """

    labels: dict[str, int]
    spacing_zyx_mm: tuple[float, float, float]
    orientation: str = ""


class SegPlan(NetworkInput):
    """Everything prediction needs beside the network.

    Attributes:
        patch_zyx: patch size in voxels, multiples of `multiple`.
        channels: of each resolution level.
        overlap: of neighbouring patches.
        position: the network also reads where in the image each voxel lies.
        parts: number of connected parts kept of each label; empty: all.
    """

    patch_zyx: tuple[int, int, int]
    channels: tuple[int, ...]
    overlap: float
    position: bool = False
    parts: tuple[int, ...] = ()

    @property
    def inputs(self) -> int:
        """Number of channels the network reads."""
        return 4 if self.position else 1

    @property
    def strides(self) -> tuple[tuple[int, int, int], ...]:
        """Of each level, (z, y, x): axes of wide spacing wait until the others have caught up."""
        return tuple(stride for stride, _ in levels(self.spacing_zyx_mm, len(self.channels)))

    @property
    def kernels(self) -> tuple[tuple[int, int, int], ...]:
        """Size of each level's convolutions, (z, y, x): 1 along axes that wait."""
        return tuple(kernel for _, kernel in levels(self.spacing_zyx_mm, len(self.channels)))

    @property
    def classes(self) -> int:
        """Number of classes, background counted."""
        return len(self.labels) + 1


_Triple = tuple[int, int, int]
_ANISOTROPIC = 1.5
"""An axis whose spacing exceeds the smallest by this factor is neither pooled nor convolved along."""


def levels(spacing_zyx_mm: Sequence[float], count: int) -> list[tuple[_Triple, _Triple]]:
    """Return stride and kernel (z, y, x) of each of `count` resolution levels."""
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
