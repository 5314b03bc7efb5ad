"""Joint space: how far apart two bodies face each other across a joint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import PositiveFloat

from radfuse.morphometry.measure import Labels, Measure, Measured, Subject, holds, many
from radfuse.morphometry.surface import Surface, body_surface, box_near, cut, nearest_voxel
from radfuse.volume.grid import part_of

if TYPE_CHECKING:
    from radfuse.volume.region import Box

_FEATURES = ("JointSpaceMean", "JointSpaceMin")
_FACING = float(np.sqrt(0.5))
"""Cosine of the largest angle between what faces each other."""

_ASIDE_VOXELS = 0.7501
"""How far from a vertex the voxels below and above it are looked for; at no multiple of half a voxel, where rounding
would tell left from right."""
_TIE = 1e-5
"""Of what differs by less, in mm or as a cosine, rounding would choose, and choose otherwise in a mirrored knee."""
_MOST_STEPS, _MOST_EMPTY = 20, 3
"""Down to another label, each of three quarters of the longest side of a voxel; and of them through a slit between."""
_NEAREST = 8
"""Vertices that may be equally near."""


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

        The gap at a vertex of the lower body's surface is its distance from the upper body's surface (from the tangent
        plane at the nearest vertex), wherever the two surfaces face each other (their normals, and the way between
        them, are less than 45 degrees apart) within `most_mm`. JointSpaceMean is its mean over that part of the
        surface which belongs to the region (the body's voxel there does, or the one above it, or the first one below it
        of another label of the body, so that a region of cartilage will do over a lower body that is bone alone, and
        one of bone where cartilage covers it), JointSpaceMin its least value there. Bodies that touch have no gap: 0.
        """
        grid = subject.scene.labels.grid
        lower, upper = subject.of(self.lower), subject.of(self.upper)
        if not upper.any():
            nothing = Measured.nothing(_FEATURES, f"the mask has no voxel of {' or '.join(map(str, many(self.upper)))}")
            return dict.fromkeys(self.regions, nothing)
        box = self._joint(subject, upper)
        if box is None:
            reason = f"nothing of the upper body lies within {self.most_mm:g} mm of any of the regions"
            return dict.fromkeys(self.regions, Measured.nothing(_FEATURES, reason))
        whole = subject.scene.labels.array, lower
        (lower, upper), part = cut((lower, upper), grid, box)
        surface, facing = (body_surface(body, part) for body in (lower, upper))
        gap = _gaps_mm(surface, facing, self.most_mm)
        known = ~np.isnan(gap) & (surface.areas > 0)
        gap, areas, index = gap[known], surface.areas[known], surface.index[known]
        first = np.array([side.start for side in box])
        step = surface.normals[known] * _ASIDE_VOXELS * max(part.spacing_zyx_mm) / np.array(part.spacing_zyx_mm)
        own = nearest_voxel(lower, index - step, part) if len(index) else index.astype(int)
        own, above = own + first, np.rint(index + step).astype(int) + first
        below = _next_label(*whole, own, index + first, step)
        regions = [subject.regions[name] for name in self.regions]
        inside = {region.name: holds(region, own) | holds(region, above) | holds(region, below) for region in regions}
        return {name: self._statistics(gap[here], areas[here]) for name, here in inside.items()}

    def _joint(self, subject: Subject, upper: np.ndarray) -> Box | None:
        """Return the box that holds what of the regions and of the upper body lies near the other; None: nothing."""
        grid, near = subject.scene.labels.grid, np.zeros_like(upper)
        for name in self.regions:
            near[subject.regions[name].box] |= subject.regions[name].inside
        wide = box_near(near, grid, self.most_mm)
        if not upper[wide].any():
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


def _next_label(
    labels: np.ndarray, body: np.ndarray, own: np.ndarray, index: np.ndarray, step: np.ndarray
) -> np.ndarray:
    """Return the first voxel straight below each vertex that has another label than its own voxel; else its own.

    Args:
        labels: of the whole scene, shape (z, y, x).
        body: the lower body, of that shape.
        own: voxel of each vertex, shape (n, 3).
        index: the vertices, (z, y, x) in voxels.
        step: outwards, (z, y, x) in voxels.
    """
    here, found = labels[tuple(own.T)], own.copy()
    left, last, empty = np.arange(len(own)), np.array(labels.shape) - 1, np.zeros(len(own), dtype=int)
    for depth in range(2, 2 + _MOST_STEPS):
        voxel = np.clip(np.rint(index[left] - depth * step[left]).astype(int), 0, last)
        there = labels[tuple(voxel.T)] * body[tuple(voxel.T)]
        other = (there != here[left]) & (there > 0)
        found[left[other]] = voxel[other]
        empty[left] += there == 0
        left = left[~other & (empty[left] <= _MOST_EMPTY)]
    return found


def _gaps_mm(surface: Surface, facing: Surface, most_mm: float) -> np.ndarray:
    """Return how far each vertex of a surface is from another that it faces; NaN where it faces none.

    Where several vertices of the other are equally near, the mean over those it faces.
    """
    from scipy.spatial import cKDTree

    spacing = np.array(surface.grid.spacing_zyx_mm)
    gap = np.full(len(surface.index), np.nan)
    if not len(facing.index):
        return gap
    here, there = surface.index * spacing, facing.index * spacing
    distance, nearest = cKDTree(there).query(here, k=np.arange(1, _NEAREST + 1), distance_upper_bound=most_mm + _TIE)
    met = np.flatnonzero(distance[:, 0] < most_mm)
    distance, nearest = distance[met], np.minimum(nearest[met], len(there) - 1)
    near = distance <= distance[:, :1] + _TIE
    way = there[nearest] - here[met, None]
    own, other = surface.normals[met, None], facing.normals[nearest]
    opposite = -(own * other).sum(axis=-1) >= _FACING - _TIE
    # Where bodies touch, the way between them is too short to have a direction.
    ahead = ((way * own).sum(axis=-1) >= _FACING * distance - _TIE) | (distance < spacing.max() - _TIE)
    height = np.maximum(-(way * other).sum(axis=-1), 0.0)
    faced = near & opposite & ahead
    count = faced.sum(axis=1)
    total = np.where(faced, height, 0.0).sum(axis=1)
    gap[met] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return gap
