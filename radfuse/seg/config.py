"""Settings of the segmentation wing: where masks come from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from radfuse.config import Section


class _Labelled(Section):
    labels: dict[str, PositiveInt] = Field(min_length=1)
    """Label name -> number in the masks; other numbers are an error."""

    @model_validator(mode="after")
    def _numbers_differ(self) -> _Labelled:
        if len(set(self.labels.values())) < len(self.labels):
            raise ValueError("two labels share one number")
        return self

    @property
    def names(self) -> dict[int, str]:
        """Number -> name."""
        return {number: name for name, number in self.labels.items()}


class ManualSegmentation(_Labelled):
    """Every case brings its mask; nothing is trained."""

    backend: Literal["manual"] = "manual"


class UnetSegmentation(_Labelled):
    """A 3D U-Net trained on the manual masks; each case is segmented by a network that never saw its patient."""

    backend: Literal["unet"] = "unet"
    sequence: str | None = None
    """Which image it reads; None: the only one."""
    spacing_zyx_mm: tuple[PositiveFloat, PositiveFloat, PositiveFloat] | None = None
    """Voxel size it works at; None: the median of the training images."""
    patch_voxels: PositiveInt = 150_000
    """Largest patch; smaller is faster and sees less around a voxel."""
    position: bool = False
    """Tell the network where in the image a voxel lies: for images that are all positioned or cropped alike."""
    channels: tuple[PositiveInt, ...] = Field(default=(16, 32, 64, 128), min_length=3, max_length=6)
    """Of each resolution level."""
    steps: PositiveInt = 300
    batch: PositiveInt = 2
    learning_rate: PositiveFloat = 3e-3
    mirror_axes: tuple[Literal["z", "y", "x"], ...] = ()
    """Axes along which training images are mirrored; leave out the axis of the side where labels have one."""
    overlap: float = Field(default=0.5, ge=0, lt=1)
    """Of neighbouring patches in prediction."""
    largest_parts: bool = True
    """Keep of each label as many of its largest connected parts as the training masks have: one tibia, two menisci."""
    device: Literal["auto", "cpu", "cuda"] = "auto"


class DeepConfig(Section):
    """Encoder features of the segmentation network, pooled over anatomical cells of each region."""

    regions: tuple[str, ...] = ()
    """Which regions; empty: all."""
    mirrored: dict[str, str] = {}
    """Column of the unit -> value that is read as the mirror image of the others, for example {side: left}."""


Segmentation = Annotated[ManualSegmentation | UnetSegmentation, Field(discriminator="backend")]
