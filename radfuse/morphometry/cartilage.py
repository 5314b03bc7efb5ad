"""Cartilage: volume, interface with the bone, thickness, bare bone and the bone's curvature, region by region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np

from radfuse.morphometry.measure import Labels, Measure, Measured, Subject, holds, many, weighted_quantiles
from radfuse.morphometry.surface import nearest_voxel
from radfuse.morphometry.thickness import MOST_MM, Plate, plate_of

if TYPE_CHECKING:
    from radfuse.volume.region import Region

_THICKNESS = ("ThicknessMean", "ThicknessMedian", "Thickness5Percentile", "ThicknessSD", "ThicknessMax")
_SURFACE = ("InterfaceArea", "DenudedShare", "MeanCurvature", "GaussianCurvature")
_BELOW_VOXELS = 0.75
"""How far below a vertex of the bone's surface the bone's own voxel is looked for."""


class CartilageMeasure(Measure):
    """A cartilage over its bone; thickness runs along the bone's normals."""

    kind: Literal["cartilage"] = "cartilage"
    cartilage: Labels
    """Label or labels, by name or number."""
    bone: Labels
    """Label or labels below it, by name or number; a bone's lesions, where they have labels, belong to it."""

    def labels_named(self) -> tuple[str | int, ...]:
        """Return the labels it refers to."""
        return *many(self.cartilage), *many(self.bone)

    def measured(self, subject: Subject) -> Mapping[str, Measured]:
        """Return region -> its features.

        CartilageVolume in mm3 counts the region's voxels of cartilage. InterfaceArea in mm2, all Thickness features in
        mm and ThicknessSD are of the bone's surface that cartilage covers, each vertex counting as much as the area it
        stands for. DenudedShare is the bare share of the plate: of that surface with its holes closed, a hole being
        bare bone with cartilage all around it; bone laid bare at the rim cannot be told from bone that never was
        covered. MeanCurvature in 1/mm (positive where the bone bulges outwards) and GaussianCurvature in 1/mm2 are
        means over the plate.

        A vertex belongs to a region that holds the voxel of cartilage above it, or the voxel of bone below it, so that
        regions may be parts of either; one in a hole belongs where the nearest covered one does.
        """
        cartilage, bone = subject.of(self.cartilage), subject.of(self.bone)
        regions = {name: subject.regions[name] for name in self.regions}
        lacking = [
            " and ".join(map(str, many(labels)))
            for labels, mask in ((self.cartilage, cartilage), (self.bone, bone))
            if not mask.any()
        ]
        if lacking:
            reason = f"the mask has no voxel of {', none of '.join(lacking)}"
            return dict.fromkeys(regions, Measured.nothing(("CartilageVolume", *_SURFACE, *_THICKNESS), reason))
        plate = plate_of(bone, cartilage, subject.scene.labels.grid)
        above, below = _voxels_at(plate, cartilage[plate.box])
        found = {}
        for name, region in regions.items():
            inside = holds(region, above) | holds(region, below)
            found[name] = _of_region(plate, inside, _volume(region, cartilage))
        return found


def _voxels_at(plate: Plate, cartilage: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the voxels of cartilage above and of bone below each vertex on the plate, (z, y, x) of the whole grid.

    Vertices off the plate get a voxel that no region holds.
    """
    from scipy.spatial import cKDTree

    surface, covered = plate.surface, plate.covered
    spacing, first = np.array(surface.grid.spacing_zyx_mm), np.array([side.start for side in plate.box])
    above, below = np.full((2, *surface.index.shape), -1)
    if not covered.any():
        return above, below
    half = np.nan_to_num(plate.thickness_mm[covered], nan=MOST_MM) / 2
    middle = surface.index[covered] + surface.normals[covered] * half[:, None] / spacing
    above[covered] = nearest_voxel(cartilage, middle, surface.grid) + first
    deep = surface.index[covered] - surface.normals[covered] * _BELOW_VOXELS * spacing.max() / spacing
    below[covered] = np.rint(deep).astype(int) + first
    if plate.hole.any():
        _, nearest = cKDTree(surface.index[covered] * spacing).query(surface.index[plate.hole] * spacing)
        above[plate.hole], below[plate.hole] = above[covered][nearest], below[covered][nearest]
    return above, below


def _volume(region: Region, cartilage: np.ndarray) -> float:
    inside = np.count_nonzero(region.inside & cartilage[region.box])
    return float(inside * np.prod(region.grid.spacing_zyx_mm))


def _of_region(plate: Plate, inside: np.ndarray, volume_mm3: float) -> Measured:
    areas = plate.surface.areas
    found = Measured({"CartilageVolume": volume_mm3})
    if not volume_mm3:
        found = Measured.nothing(found.values, "the region holds no voxel of the cartilage")
    whole = inside & (areas > 0)
    covered = whole & plate.covered
    if not covered.any():
        nothing = Measured.nothing((*_SURFACE, *_THICKNESS), "the region holds nothing of the bone-cartilage interface")
        return Measured(found.values | nothing.values, found.reasons | nothing.reasons)
    area = float(areas[covered].sum())
    found.values["InterfaceArea"] = area
    found.values["DenudedShare"] = 1 - area / float(areas[whole].sum())
    found.values["MeanCurvature"] = float(np.average(plate.mean_curvature[whole], weights=areas[whole]))
    found.values["GaussianCurvature"] = float(np.average(plate.gaussian_curvature[whole], weights=areas[whole]))
    known = covered & ~np.isnan(plate.thickness_mm)
    if not known.any():
        nothing = Measured.nothing(_THICKNESS, f"no cartilage of the region is at most {MOST_MM:g} mm thick")
        return Measured(found.values | nothing.values, found.reasons | nothing.reasons)
    found.values |= _statistics(plate.thickness_mm[known], areas[known])
    return found


def _statistics(thickness_mm: np.ndarray, areas: np.ndarray) -> dict[str, float]:
    mean = float(np.average(thickness_mm, weights=areas))
    spread = float(np.sqrt(np.average((thickness_mm - mean) ** 2, weights=areas)))
    low, median = weighted_quantiles(thickness_mm, areas, (0.05, 0.5))
    return dict(zip(_THICKNESS, (mean, median, low, spread, float(thickness_mm.max())), strict=True))
