"""The plan: what a network works on, fixed before training and shipped with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from pydantic import PositiveInt

from radfuse.config import Section
from radfuse.seg.window import Window

if TYPE_CHECKING:
    from radfuse.volume.grid import Grid
    from radfuse.volume.image import LabelMap


class Frame(Protocol):
    """An image as a network reads it, and the way back to the image's own grid.

    Attributes:
        array: float32, shape (channel, z, y, x).
        grid: where its voxels lie.
    """

    @property
    def array(self) -> np.ndarray:
        """What the network reads."""

    @property
    def grid(self) -> Grid:
        """Where it lies."""

    def labels(self, slabs: Iterator[tuple[slice, np.ndarray]]) -> LabelMap:
        """Return the labels on the image's own grid from what `sliding_window` yields."""


class NetworkPlan(Protocol):
    """What prediction needs beside a network, whoever trained it; it travels in the ONNX file's metadata."""

    @property
    def labels(self) -> dict[str, int]:
        """Label name -> number in the masks."""

    @property
    def images(self) -> int:
        """Number of sequences it reads, as channels."""

    @property
    def slices(self) -> bool:
        """Whether it reads single slices."""

    @property
    def inputs(self) -> int:
        """Number of channels the network reads."""

    @property
    def classes(self) -> int:
        """Number of channels it answers with."""

    @property
    def window(self) -> Window:
        """How patches cover an image."""


class NetworkInput(Section):
    """What a network sees of an image, and is told of its mask.

    Attributes:
        labels: label name -> number in the masks; class 0 is background, class i the i-th label.
        spacing_zyx_mm: voxel size.
        orientation: where x, y, z point ("LPS", say); empty: as the image is stored.
        images: sequences it reads, as channels.
    """

    labels: dict[str, int]
    spacing_zyx_mm: tuple[float, float, float]
    orientation: str = ""
    images: PositiveInt = 1


class SegPlan(NetworkInput):
    """Everything prediction needs beside the network.

    Attributes:
        patch_zyx: patch size in voxels, multiples of `multiple`.
        channels: of each resolution level.
        overlap: of neighbouring patches.
        position: the network also reads where in the image each voxel lies.
        parts: number of connected parts kept of each label; empty: all.
        mirror_axes: axes along which prediction sees each patch mirrored, too.
        slices: the network reads single slices.
    """

    kind: Literal["unet"] = "unet"
    patch_zyx: tuple[int, int, int]
    channels: tuple[int, ...]
    overlap: float
    position: bool = False
    parts: tuple[int, ...] = ()
    mirror_axes: tuple[Literal["z", "y", "x"], ...] = ()
    slices: bool = False

    @property
    def inputs(self) -> int:
        """Number of channels the network reads."""
        return self.images + 3 if self.position else self.images

    @property
    def window(self) -> Window:
        """How patches cover an image."""
        axes = tuple("zyx".index(axis) for axis in self.mirror_axes)
        return Window(self.patch_zyx, self.overlap, self.position, mirror_axes=axes)

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
