"""Presets: one entry of a study's regions that stands for many, as the literature cuts a knee."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, PositiveFloat, TypeAdapter

from radfuse.config import Section, nearest
from radfuse.errors import short
from radfuse.regions.knee.anatomy import LOAD_SHARE, KneeRegion, Labels
from radfuse.regions.knee.central_tibia import CentralTibiaRegion
from radfuse.regions.knee.compartment import CompartmentRegion
from radfuse.regions.knee.condyle import CondyleRegion
from radfuse.regions.knee.load_bearing import LoadBearingRegion
from radfuse.regions.named import On

_HALVES: tuple[Literal["medial", "lateral"], ...] = ("medial", "lateral")
_FEMUR = {"a": "trochlea", "ec": "external", "cc": "central", "ic": "internal", "p": "posterior"}
_TIBIA = {"a": "anterior", "e": "external", "p": "posterior", "i": "internal", "c": "central"}
"""CartiMorph's letters -> parts, in the order of its atlas."""


class Preset(Section):
    """What all presets are told."""

    prefix: str = ""
    """Begins the names of the regions."""
    on: On = None
    """Sequences whose images the regions are made and measured on; one needs no brackets. None: all."""


class Cartimorph20(Preset):
    """The 20 regions of CartiMorph's cartilage atlas, under its names: aMFC, ecMFC ... pLFC, aMTC ... cLTC.

    Source:
        Yao et al. 2024, doi:10.1016/j.media.2023.103035.
    """

    preset: Literal["cartimorph20"]
    femoral_cartilage: Labels = "femoral_cartilage"
    """Label, or several, by name or number."""
    tibial_cartilage: Labels = "tibial_cartilage"
    """Label, or one for each plate, by name or number."""

    def regions(self) -> list[KneeRegion]:
        """Return the regions, femur first, medial first."""
        labels = {"femoral_cartilage": self.femoral_cartilage, "tibial_cartilage": self.tibial_cartilage}
        tibial = {**labels, "share_of": "volume"}
        kinds = ((CondyleRegion, _FEMUR, "FC", labels), (CentralTibiaRegion, _TIBIA, "TC", tibial))
        made: list[KneeRegion] = []
        for kind, parts, plate, settings in kinds:
            for half in _HALVES:
                for letters, part in parts.items():
                    name = f"{self.prefix}{letters}{half[0].upper()}{plate}"
                    made.append(kind.model_validate({"name": name, "half": half, "part": part, **settings}))
        return made


class LoadBearing(Preset):
    """What bears load in a knee, medial and lateral: cartilage of both bones, the bone below it, and the menisci."""

    preset: Literal["load_bearing"]
    femur: Labels | None = "femur"
    """Label, or several, by name or number; null leaves the bone out."""
    femoral_cartilage: Labels = "femoral_cartilage"
    """Label, or several, by name or number."""
    tibia: Labels | None = "tibia"
    """Label, or several, by name or number; null leaves the bone out."""
    tibial_cartilage: Labels = "tibial_cartilage"
    """Label, or one for each plate, by name or number."""
    meniscus: Labels | None = None
    """Label, or one for each meniscus, by name or number; the menisci are left out where it is."""
    share: float = Field(default=LOAD_SHARE, gt=0, lt=1)
    """Where the load-bearing femur ends on the way from the notch to the posterior edge."""
    depth_mm: PositiveFloat = 10.0
    """How deep the bone reaches."""

    def regions(self) -> list[KneeRegion]:
        """Return the regions, medial first."""
        labels = {"femoral_cartilage": self.femoral_cartilage, "tibial_cartilage": self.tibial_cartilage}
        bones = {name: label for name, label in (("femur", self.femur), ("tibia", self.tibia)) if label is not None}
        made: list[KneeRegion] = []
        for half in _HALVES:
            for tissue in (*labels, *bones):
                settings = {"tissue": tissue, "half": half, "share": self.share, "depth_mm": self.depth_mm}
                name = f"{self.prefix}{half}_load_bearing_{tissue}"
                made.append(LoadBearingRegion.model_validate({"name": name, **settings, **labels, **bones}))
            if self.meniscus is not None:
                settings = {"of": self.meniscus, "half": half, **labels}
                made.append(CompartmentRegion.model_validate({"name": f"{self.prefix}{half}_meniscus", **settings}))
        return made


_PRESETS: Mapping[str, TypeAdapter[dict[int, Any]]] = {
    "cartimorph20": TypeAdapter(dict[int, Cartimorph20]),
    "load_bearing": TypeAdapter(dict[int, LoadBearing]),
}
"""By name; each reads {place in the list: settings}, so that a fault is told with its place."""


def expanded(regions: Any) -> Any:
    """Return a study's regions with each preset among them written out; anything else as it is.

    The first region of a preset takes its place and the others come last, so that the number by which a fault is
    told, and by which `--set` reaches a region, is that in the user's list.
    """
    if not isinstance(regions, Sequence) or isinstance(regions, str):
        return regions
    listed, more = [], []
    for place, region in enumerate(regions):
        if isinstance(region, Mapping) and "preset" in region:
            name = str(region["preset"])
            if name not in _PRESETS:
                raise ValueError(f"unknown preset {short(name)!r} in place {place}{nearest(name, _PRESETS)}")
            preset = _PRESETS[name].validate_python({place: region})[place]
            first, *others = (one.model_copy(update={"on": preset.on}) for one in preset.regions())
            listed.append(first)
            more += others
        else:
            listed.append(region)
    return [*listed, *more]
