"""What an nnU-Net needs beside its weights, as it travels in the ONNX file: plan and preprocessing; no nnunetv2."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from radfuse.config import Section
from radfuse.seg.window import Window

Scheme = Literal[
    "ZScoreNormalization",
    "CTNormalization",
    "NoNormalization",
    "RescaleTo01Normalization",
    "RGBTo01Normalization",
]


PREVIOUS = "previous_"
"""Before the names of a cascade's first network in its ONNX file: previous_image, previous_logits."""


class Normalisation(Section):
    """How the intensities of one channel are normalised.

    Attributes:
        scheme: nnU-Net's name.
        masked: by the voxels that are not zero alone.
        mean: of the training masks' voxels, as are the others; CT is normalised by them.
        std: their standard deviation.
        low: their 0.5th percentile.
        high: their 99.5th percentile.
    """

    scheme: Scheme
    masked: bool = False
    mean: float = 0.0
    std: float = 1.0
    low: float = 0.0
    high: float = 0.0


class Resampling(Section):
    """How nnU-Net changes the spacing.

    Attributes:
        order: of the splines.
        order_z: of those along an axis that is resampled by itself.
        separate_z: whether one is; None: where the spacings say so.
    """

    order: int = Field(ge=0, le=5)
    order_z: int = Field(default=0, ge=0, le=5)
    separate_z: bool | None = None


class NnunetPlan(Section):
    """An nnU-Net's configuration, as far as prediction needs it.

    Attributes:
        labels: label name -> number in the masks.
        regions: the classes may overlap, and later ones of `labels` lie over earlier ones; no class is background.
        channels: names of the image channels, in their order.
        configuration: nnU-Net's name of it.
        patch: in voxels, (z, y, x) after transposing, or (y, x) of single slices.
        spacing_mm: of the network's grid, as long as `patch`.
        transpose: which axis of the image (z, y, x) comes first, second, third.
        orientation: where x, y, z point after reading; empty: as the image is stored.
        pixels: its images are pictures, of one slice, whose pixels count as 1 whatever their size.
        flat: its images were of one slice, which nnU-Net took to be far from any other.
        normalisation: of each channel.
        of_images: how images are resampled.
        of_logits: how its answers are.
        mirror: axes of the patch along which prediction sees it mirrored too.
        overlap: of neighbouring patches.
        previous: of a cascade, the network whose masks it reads too; None: it reads images alone.
        masks: of a cascade, the numbers in those masks, each a channel behind those of the image.
        of_masks: of a cascade, how those masks are resampled.
    """

    kind: Literal["nnunet"] = "nnunet"
    labels: dict[str, PositiveInt] = Field(min_length=1)
    regions: bool = False
    channels: tuple[str, ...] = Field(min_length=1)
    configuration: str
    patch: tuple[PositiveInt, ...] = Field(min_length=2, max_length=3)
    spacing_mm: tuple[PositiveFloat, ...] = Field(min_length=2, max_length=3)
    transpose: tuple[int, int, int] = (0, 1, 2)
    orientation: str = ""
    pixels: bool = Field(default=False, exclude_if=lambda counted: not counted)
    flat: bool = Field(default=False, exclude_if=lambda flat: not flat)
    normalisation: tuple[Normalisation, ...]
    of_images: Resampling
    of_logits: Resampling
    mirror: tuple[int, ...] = ()
    overlap: float = Field(default=0.5, ge=0, lt=1)
    previous: NnunetPlan | None = None
    masks: tuple[PositiveInt, ...] = ()
    of_masks: Resampling | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if len(self.patch) != len(self.spacing_mm):
            raise ValueError(f"a patch of {len(self.patch)} axes and a spacing of {len(self.spacing_mm)}")
        if len(self.normalisation) != len(self.channels):
            raise ValueError(f"{len(self.channels)} channels, and {len(self.normalisation)} of them normalised")
        if sorted(self.transpose) != [0, 1, 2]:
            raise ValueError(f"axes {self.transpose} are no order of 0, 1 and 2")
        if any(not 0 <= axis < len(self.patch) for axis in self.mirror):
            raise ValueError(f"a patch of {len(self.patch)} axes cannot be mirrored along {self.mirror}")
        if self.of_logits.order > 1 or self.of_logits.order_z > 1:
            raise ValueError("answers are resampled linearly or to the nearest voxel")
        return self

    @model_validator(mode="after")
    def _stages_fit_together(self) -> Self:
        if not bool(self.previous) == bool(self.masks) == bool(self.of_masks):
            raise ValueError("of previous, masks and of_masks a cascade has all, and others have none")
        if self.previous is None or self.of_masks is None:
            return self
        if self.previous.previous is not None:
            raise ValueError("a cascade has two stages")
        if (self.previous.channels, self.previous.labels) != (self.channels, self.labels):
            raise ValueError("the stages of a cascade read the same channels and make the same labels")
        if self.of_masks.order > 1 or self.of_masks.order_z > 0:
            raise ValueError("masks are resampled linearly or to the nearest voxel, along an axis by itself the latter")
        return self

    def changed(self, **settings: Any) -> Self:
        """Return it with other settings, which a cascade's first stage then has too."""
        previous = self.previous.changed(**settings) if self.previous else None
        return self.model_copy(update={**settings, "previous": previous})

    def relabelled(self, labels: dict[str, int]) -> Self:
        """Return it with other numbers of the same labels, in their order; not of regions."""
        found = self.changed(labels=labels)
        return found.model_copy(update={"masks": tuple(labels.values()) if self.previous else ()})

    @property
    def images(self) -> int:
        """Number of image channels."""
        return len(self.channels)

    @property
    def slices(self) -> bool:
        """Whether the network reads single slices."""
        return len(self.patch) == 2

    @property
    def inputs(self) -> int:
        """Number of channels the network reads."""
        return self.images + len(self.masks)

    @property
    def classes(self) -> int:
        """Number of channels it answers with."""
        return len(self.labels) if self.regions else len(self.labels) + 1

    @property
    def window(self) -> Window:
        """How nnU-Net's patches cover an image."""
        z, y, x = (1, *self.patch) if self.slices else self.patch
        axes = tuple(axis + 1 for axis in self.mirror) if self.slices else self.mirror
        return Window((z, y, x), self.overlap, averages="logits", pads="zero", impulse=True, mirror_axes=axes)
