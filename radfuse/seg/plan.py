"""The plan: what a network works on, fixed before training and shipped with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

import numpy as np
from pydantic import AfterValidator, Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from radfuse.config import Section
from radfuse.seg.window import There, Window

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

    def labels(self, slabs: Iterator[tuple[slice, np.ndarray | There]]) -> LabelMap:
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


Intensities = Literal["body", "ct"]
Axis = Literal["z", "y", "x"]


class Foreground(Section):
    """What is inside the training masks of one image, in its units: percentiles 0.5 and 99.5, mean and deviation."""

    low: float
    high: float
    mean: float
    deviation: PositiveFloat


def _points(orientation: str) -> str:
    """Return where axes point, which a person may have edited."""
    if orientation and sorted("LPSRAI".find(letter) % 3 for letter in orientation) != [0, 1, 2]:
        raise ValueError(
            f"{orientation!r} does not say where x, y and z point: one letter of L or R, one of A or P, one of S or I, "
            "in their order, 'LPS' for example"
        )
    return orientation


class NetworkInput(Section):
    """What a network sees of an image, and is told of its mask.

    Attributes:
        labels: label name -> number in the masks; class 0 is background, class i the i-th label.
        spacing_zyx_mm: voxel size.
        orientation: where x, y, z point ("LPS", say); empty: as the image is stored.
        images: sequences it reads, as channels.
        intensities: of each image: "body" standardises it by the voxels of its body, "ct" by what `SegPlan.foreground`
            says; empty: all by their body.
    """

    labels: dict[str, int]
    spacing_zyx_mm: tuple[PositiveFloat, PositiveFloat, PositiveFloat]
    orientation: Annotated[str, AfterValidator(_points)] = ""
    images: PositiveInt = 1
    intensities: tuple[Intensities, ...] = ()

    def intensities_of(self, image: int) -> Intensities:
        """Return how an image is standardised."""
        return self.intensities[image] if self.intensities else "body"


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
        neighbours: slices on each side that it reads as channels beside them.
        encoder: what its levels are made of.
        foreground: of each image; None where the image is standardised by its body.
        batch: patches a training step, where a budget or a person chose; None: as set.
    """

    kind: Literal["unet"] = "unet"
    patch_zyx: tuple[int, int, int]
    channels: tuple[PositiveInt, ...] = Field(min_length=1)
    overlap: float = Field(ge=0, lt=1)
    position: bool = False
    parts: tuple[int, ...] = ()
    mirror_axes: tuple[Axis, ...] = ()
    slices: bool = False
    neighbours: NonNegativeInt = 0
    encoder: Literal["plain", "residual"] = "plain"
    foreground: tuple[Foreground | None, ...] = ()
    batch: PositiveInt | None = None

    @model_validator(mode="after")
    def _numbers_agree(self) -> SegPlan:
        """Hold what there is one of for each label or image against their number: a person may have edited it."""
        named = {"parts": (len(self.parts), len(self.labels), "labels")}
        named |= {name: (len(getattr(self, name)), self.images, "images") for name in ("intensities", "foreground")}
        for name, (found, needed, what) in named.items():
            if found not in (0, needed):
                raise ValueError(f"{name} holds one value for each of the {what} ({needed}), or none; here {found}")
        if self.neighbours and not self.slices:
            raise ValueError("neighbours are those of slices, and slices is false; set one of them otherwise")
        return self

    @property
    def inputs(self) -> int:
        """Number of channels the network reads."""
        return self.images * (2 * self.neighbours + 1) + (3 if self.position else 0)

    @property
    def window(self) -> Window:
        """How patches cover an image."""
        axes = tuple("zyx".index(axis) for axis in self.mirror_axes)
        return Window(self.patch_zyx, self.overlap, self.position, mirror_axes=axes)

    @property
    def strides(self) -> tuple[tuple[int, int, int], ...]:
        """Of each level, (z, y, x): axes of wide spacing wait until the others have caught up."""
        return tuple(stride for stride, _ in levels(self.spacing_zyx_mm, len(self.channels), self.slices))

    @property
    def kernels(self) -> tuple[tuple[int, int, int], ...]:
        """Size of each level's convolutions, (z, y, x): 1 along axes that wait."""
        return tuple(kernel for _, kernel in levels(self.spacing_zyx_mm, len(self.channels), self.slices))

    @property
    def classes(self) -> int:
        """Number of classes, background counted."""
        return len(self.labels) + 1


_Triple = tuple[int, int, int]
_ANISOTROPIC = 1.5
"""An axis whose spacing exceeds the smallest by this factor is neither pooled nor convolved along."""


def levels(spacing_zyx_mm: Sequence[float], count: int, slices: bool = False) -> list[tuple[_Triple, _Triple]]:
    """Return stride and kernel (z, y, x) of each of `count` resolution levels; of single slices 1 along z."""
    spacing = np.array(spacing_zyx_mm, dtype=float)
    if slices:
        spacing[0] = np.inf
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
