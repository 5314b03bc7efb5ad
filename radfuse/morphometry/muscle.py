"""Muscle on an image: cross-section, and how much of it is fat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np

from radfuse.morphometry.measure import Measure, Measured, Subject
from radfuse.morphometry.size import axial_axis
from radfuse.volume.otsu import otsu

if TYPE_CHECKING:
    from radfuse.volume.region import Region

_FAT = ("FatFraction", "LeanCrossSection", "FatThreshold")


class MuscleMeasure(Measure):
    """Axial cross-section of each region, and the part of it that is fat."""

    kind: Literal["muscle"] = "muscle"
    threshold: Literal["otsu"] | float = "otsu"
    """Grey value between muscle and fat, in image units; otsu: found inside each region."""
    fat: Literal["bright", "dark"] = "bright"
    """On which side of it fat lies: bright in T1 and T2 weighted images, dark in CT."""

    def labels_named(self) -> tuple[str | int, ...]:
        """Return the labels it refers to."""
        return ()

    def measured(self, subject: Subject) -> Mapping[str, Measured]:
        """Return region -> its features.

        CrossSection in mm2 is the mean area over the slices that hold the region, MaxCrossSection the largest; slices
        are those of the image across the axis nearest to the patient's head-foot axis. FatFraction is the share of
        voxels on fat's side of the threshold, LeanCrossSection the rest of the mean cross-section, and FatThreshold
        the grey value that was found or given.

        Source:
            Otsu 1979, doi:10.1109/TSMC.1979.4310076.
        """
        return {name: self._of_region(subject.regions[name], subject.image.array) for name in self.regions}

    def _of_region(self, region: Region, image: np.ndarray) -> Measured:
        areas = _areas_mm2(region)
        values = {"CrossSection": float(areas.mean()), "MaxCrossSection": float(areas.max())}
        grey = image[region.box][region.inside]
        threshold = otsu(grey) if self.threshold == "otsu" else float(self.threshold)
        if np.isnan(threshold):
            nothing = Measured.nothing(_FAT, "all voxels of the region are alike; no threshold parts them")
            return Measured(values | nothing.values, nothing.reasons)
        fat = float(np.mean(grey > threshold if self.fat == "bright" else grey <= threshold))
        return Measured(values | dict(zip(_FAT, (fat, (1 - fat) * values["CrossSection"], threshold), strict=True)))


def _areas_mm2(region: Region) -> np.ndarray:
    """Return the area of a region in each slice that holds some of it."""
    axis = axial_axis(region.grid)
    across = tuple(other for other in range(3) if other != axis)
    counts = region.inside.sum(axis=across)
    spacing = region.grid.spacing_zyx_mm
    return np.asarray(counts[counts > 0] * spacing[across[0]] * spacing[across[1]])
