"""Meniscus: how far it is squeezed out of the joint, and how much of the tibial cartilage it covers."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from radfuse.morphometry.measure import Labels, Measure, Measured, Subject, many
from radfuse.morphometry.surface import SMOOTHING_MM, box_near, first_crossing, soft, world_mm
from radfuse.morphometry.thickness import Plate, plate_of
from radfuse.volume.grid import Grid, part_of

if TYPE_CHECKING:
    from radfuse.volume.region import Box, Region

_EXTRUSION = ("ExtrusionMean", "ExtrusionMax")
_COVERAGE = ("Coverage",)
_SLAB_MM = 1.0
"""Thickness of the coronal slabs that the rims are looked for in."""
_PLATEAU_MM = 10.0
"""How far below the meniscus the rim of the plateau reaches."""
_ABOVE_MM = 8.0
"""How far over the bone a meniscus covers cartilage."""


class MeniscusMeasure(Measure):
    """Each region is one meniscus, or a part of it, medial or lateral."""

    kind: Literal["meniscus"] = "meniscus"
    tibia: Labels
    """Label or labels of the bone, by name or number."""
    cartilage: Labels
    """Label or labels of its cartilage, by name or number."""

    def labels_named(self) -> tuple[str | int, ...]:
        """Return the labels it refers to."""
        return *many(self.tibia), *many(self.cartilage)

    def measured(self, subject: Subject) -> Mapping[str, Measured]:
        """Return region -> its features.

        ExtrusionMean and ExtrusionMax in mm: the body of the meniscus (the middle third of its length from front to
        back) is cut into coronal slabs of 1 mm; in each, how far its outer edge lies outside the tibia's, along the
        patient's left-right axis; negative where it lies inside. The tibia's edge is that of the bone within 10 mm
        below the meniscus, osteophytes included where the mask has them. Coverage is the share of the bone-cartilage
        interface, on the region's side of the tibia, that has the meniscus over it along the bone's normal.
        """
        from scipy import ndimage

        tibia, cartilage = subject.of(self.tibia), subject.of(self.cartilage)
        grid = subject.scene.labels.grid
        if not tibia.any():
            nothing = Measured.nothing((*_EXTRUSION, *_COVERAGE), f"the mask has no voxel of {_named(self.tibia)}")
            return dict.fromkeys(self.regions, nothing)
        middle_mm = float(world_mm(grid, np.array([ndimage.center_of_mass(tibia)]))[0, 0])
        plate = plate_of(tibia, cartilage, grid) if cartilage.any() else None
        found = {}
        for name in self.regions:
            region = subject.regions[name]
            first = _extrusion(region, tibia, middle_mm)
            if plate is None:
                second = Measured.nothing(_COVERAGE, f"the mask has no voxel of {_named(self.cartilage)}")
            else:
                second = _coverage(region, plate, middle_mm)
            found[name] = Measured(first.values | second.values, first.reasons | second.reasons)
        return found


def _named(labels: Labels) -> str:
    return " or ".join(map(str, many(labels)))


def _extrusion(region: Region, tibia: np.ndarray, middle_mm: float) -> Measured:
    grid = region.grid
    meniscus_mm = _points(region.mask, grid, region.box)
    outwards = 1.0 if meniscus_mm[:, 0].mean() > middle_mm else -1.0
    bone_mm = _points(tibia, grid, box_near(region.mask, grid, _PLATEAU_MM))
    front, back = np.quantile(meniscus_mm[:, 1], (0, 1))
    first, last = front + (back - front) / 3, back - (back - front) / 3
    count = max(int((last - first) / max(_SLAB_MM, *grid.spacing_zyx_mm)), 1)
    out = []
    for start, stop in pairwise(np.linspace(first, last, count + 1)):
        slab = meniscus_mm[(meniscus_mm[:, 1] >= start) & (meniscus_mm[:, 1] <= stop)]
        if not len(slab):
            continue
        low = slab[:, 2].min() - _PLATEAU_MM
        rim = bone_mm[(bone_mm[:, 1] >= start) & (bone_mm[:, 1] <= stop) & (bone_mm[:, 2] >= low)]
        if len(rim):
            out.append(float((outwards * slab[:, 0]).max() - (outwards * rim[:, 0]).max()))
    if not out:
        return Measured.nothing(_EXTRUSION, f"no tibia lies within {_PLATEAU_MM:g} mm of the meniscus")
    return Measured(dict(zip(_EXTRUSION, (float(np.mean(out)), max(out)), strict=True)))


def _points(mask: np.ndarray, grid: Grid, box: Box) -> np.ndarray:
    """Return the centres of a mask's voxels within a box, (x, y, z) in mm of patient space."""
    return world_mm(part_of(grid, box), np.argwhere(mask[box]))


def _coverage(region: Region, plate: Plate, middle_mm: float) -> Measured:
    surface = plate.surface
    outwards = _points(region.mask, region.grid, region.box)[:, 0].mean() > middle_mm
    here = plate.covered & (surface.areas > 0) & ((surface.points_mm[:, 0] > middle_mm) == outwards)
    if not here.any():
        return Measured.nothing(_COVERAGE, "no bone-cartilage interface lies on the region's side of the tibia")
    meniscus = soft(region.mask[plate.box], surface.grid, SMOOTHING_MM)
    way = first_crossing(meniscus, surface.index[here], surface.normals[here], _ABOVE_MM, surface.grid, out=False)
    return Measured({"Coverage": float(surface.areas[here][~np.isnan(way)].sum() / surface.areas[here].sum())})
