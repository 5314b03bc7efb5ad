"""Settings of the segmentation wing: where masks come from, and which deep features there are."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from radfuse.config import Section
from radfuse.extend import own_parts
from radfuse.seg.atlas import AtlasSegmentation
from radfuse.seg.backend import Backend, Labelled
from radfuse.seg.brought import OnnxSegmentation
from radfuse.seg.grow import GrowSegmentation
from radfuse.seg.nnunet.backend import NnunetSegmentation
from radfuse.seg.unet.backend import UnetSegmentation
from radfuse.seg.vote import VoteSegmentation


class ManualSegmentation(Labelled):
    """Every case brings its mask; nothing is trained."""

    backend: Literal["manual"] = "manual"

    @property
    def source(self) -> str:
        """Masks are drawn by hand."""
        return "manual"


class DeepConfig(Section):
    """Encoder features of the segmentation network, pooled over anatomical cells of each region."""

    regions: tuple[str, ...] = ()
    """Which regions; empty: all."""
    mirrored: dict[str, str] = {}
    """Column of the unit -> value that is read as the mirror image of the others, for example {side: left}."""


Segmentation = Annotated[
    ManualSegmentation
    | UnetSegmentation
    | NnunetSegmentation
    | OnnxSegmentation
    | VoteSegmentation
    | GrowSegmentation
    | AtlasSegmentation,
    Field(discriminator="backend"),
    *own_parts(Backend, "a segmentation backend", Labelled),
]
"""A new backend is a file with its section, and a member of this union."""
