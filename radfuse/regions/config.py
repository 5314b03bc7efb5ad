"""The kinds of regions that a study may name, and users' own. A new kind is a file of this folder and a word here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Protocol

from pydantic import BeforeValidator, Field

from radfuse.extend import own_parts
from radfuse.regions.fat import FatRegion
from radfuse.regions.habitats import HabitatsRegion
from radfuse.regions.interface import InterfaceRegion
from radfuse.regions.knee.central_tibia import CentralTibiaRegion
from radfuse.regions.knee.compartment import CompartmentRegion
from radfuse.regions.knee.condyle import CondyleRegion
from radfuse.regions.knee.load_bearing import LoadBearingRegion
from radfuse.regions.knee.margin import MarginRegion
from radfuse.regions.knee.presets import expanded
from radfuse.regions.label import LabelRegion
from radfuse.regions.lesions import LesionsRegion
from radfuse.regions.level import LevelRegion
from radfuse.regions.ring import RingRegion
from radfuse.regions.subchondral import SubchondralRegion
from radfuse.regions.threshold import ThresholdRegion
from radfuse.regions.union import UnionRegion

if TYPE_CHECKING:
    import numpy as np

    from radfuse.regions.scene import Scene


class RegionKind(Protocol):
    """What a kind of region is: a Section of its settings, its name among them."""

    name: str

    def labels_named(self) -> tuple[str | int, ...]:
        """Return every label it refers to, so that a label nobody declared is found before any compute."""
        ...

    def mask(self, scene: Scene) -> np.ndarray:
        """Return its voxels, bool of shape (z, y, x) on the grid of the scene's labels; all False where it has none."""
        ...


def images_named(regions: Iterable[RegionConfig]) -> tuple[str, ...]:
    """Return the sequences whose images regions are made with, beside the one that is measured.

    They are what a region's `sequence`, `sequences` or the `sequence` of its tissue say, a user's own region's too.
    """
    regions = list(regions)
    parts = [*regions, *(getattr(region, "tissue", None) for region in regions)]
    said = [getattr(part, word, None) for part in parts for word in ("sequence", "sequences")]
    named = [name for one in said for name in (one if isinstance(one, list | tuple) else (one,))]
    return tuple(dict.fromkeys(name for name in named if isinstance(name, str)))


def open_habitats(regions: Iterable[RegionConfig]) -> dict[str, HabitatsRegion]:
    """Return name -> habitats whose clusters are to be fitted on training cases."""
    return {region.name: region for region in regions if isinstance(region, HabitatsRegion) and region.model is None}


RegionConfig = Annotated[
    LabelRegion
    | UnionRegion
    | SubchondralRegion
    | RingRegion
    | CompartmentRegion
    | LoadBearingRegion
    | CentralTibiaRegion
    | CondyleRegion
    | MarginRegion
    | InterfaceRegion
    | LesionsRegion
    | ThresholdRegion
    | LevelRegion
    | FatRegion
    | HabitatsRegion,
    Field(discriminator="kind"),
    *own_parts(RegionKind, "a region"),
]

Regions = Annotated[tuple[RegionConfig, ...], BeforeValidator(expanded)]
"""The regions of a study, where presets may stand for many."""
