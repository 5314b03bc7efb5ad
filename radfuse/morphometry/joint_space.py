"""Joint space: how far apart two bodies face each other across a joint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from pydantic import PositiveFloat

from radfuse.morphometry.measure import Labels, Measure, Measured, Subject, holds, many
from radfuse.morphometry.surface import box_near, cut, first_crossing, nearest_voxel, slope_of, soft, surface_of
from radfuse.morphometry.thickness import NORMALS_MM, SMOOTHING_MM
from radfuse.volume.grid import part_of
from radfuse.volume.region import Box

_FEATURES = ("JointSpaceMean", "JointSpaceMin")
_FACING = 0.5
"""Cosine of the largest angle between a normal of the one surface and the reverse of the other's."""


class JointSpaceMeasure(Measure):
    """The gap between a lower and an upper body, each of one label or several."""

    kind: Literal["joint_space"] = "joint_space"
    lower: Labels
    """Label or labels on whose surface the gap is measured; with cartilage: [tibia, tibial_cartilage]."""
    upper: Labels
    """Label or labels on the other side: [femur, femoral_cartilage]."""
    most_mm: PositiveFloat = 12.0
    """Wider is no joint."""

    def labels_named(self) -> tuple[str | int, ...]:
        """Return the labels it refers to."""
        return *many(self.lower), *many(self.upper)

    def measured(self, subject: Subject) -> Mapping[str, Measured]:
        """Return region -> its features, in mm.

        The gap is the way along the normal of the lower body's surface to the upper body, wherever the two surfaces
        face each other (their normals are less than 60 degrees from opposite) within `most_mm`. JointSpaceMean is its
        mean over that part of the surface which belongs to the region (the body's nearest voxel does), JointSpaceMin
        its least value there. Bodies that touch have no gap: 0.
        """
        grid = subject.scene.labels.grid
        lower, upper = subject.of(self.lower), subject.of(self.upper)
        if not upper.any():
            nothing = Measured.nothing(_FEATURES, f"the mask has no voxel of {' or '.join(map(str, many(self.upper)))}")
            return dict.fromkeys(self.regions, nothing)
        box = self._joint(subject, lower, upper)
        if box is None:
            reason = (
                f"nothing of the regions that is {' or '.join(map(str, many(self.lower)))} lies near the upper body"
            )
            return dict.fromkeys(self.regions, Measured.nothing(_FEATURES, reason))
        (low, high), part = cut((lower, upper), grid, box)
        inner, outer = (soft(body, part, SMOOTHING_MM) for body in (low, high))
        surface = surface_of(inner, part, soft(inner, part, float(np.sqrt(NORMALS_MM**2 - SMOOTHING_MM**2))))
        gap = first_crossing(outer, surface.index, surface.normals, self.most_mm, part, out=False)
        gap[surface.areas <= 0] = np.nan
        met = ~np.isnan(gap)
        there = surface.index[met] + surface.normals[met] * gap[met, None] / np.array(part.spacing_zyx_mm)
        inwards = slope_of(outer, there, part)
        steep = np.linalg.norm(inwards, axis=1)
        gap[met] = np.where((inwards * surface.normals[met]).sum(axis=1) >= _FACING * steep, gap[met], np.nan)
        known = ~np.isnan(gap)
        voxels = nearest_voxel(low, surface.index[known], part) + np.array([side.start for side in box])
        gap, areas = gap[known], surface.areas[known]
        inside = {name: holds(subject.regions[name], voxels) for name in self.regions}
        return {name: self._statistics(gap[here], areas[here]) for name, here in inside.items()}

    def _joint(self, subject: Subject, lower: np.ndarray, upper: np.ndarray) -> Box | None:
        """Return the box that holds what of the regions and of the upper body lies near the other; None: nothing."""
        grid, near = subject.scene.labels.grid, np.zeros_like(lower)
        for region in (subject.regions[name] for name in self.regions):
            near[region.box] |= region.inside & lower[region.box]
        wide = box_near(near, grid, self.most_mm)
        if not near.any() or not upper[wide].any():
            return None
        inner = box_near(upper[wide], part_of(grid, wide), self.most_mm)  # cuts the shaft off
        z, y, x = (slice(a.start + b.start, a.start + b.stop) for a, b in zip(wide, inner, strict=True))
        return z, y, x

    def _statistics(self, gap_mm: np.ndarray, areas: np.ndarray) -> Measured:
        if not len(gap_mm):
            return Measured.nothing(
                _FEATURES, f"nothing of the upper body faces the region's surface within {self.most_mm:g} mm"
            )
        return Measured(
            dict(zip(_FEATURES, (float(np.average(gap_mm, weights=areas)), float(gap_mm.min())), strict=True))
        )
