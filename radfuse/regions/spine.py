"""Where a level of the spine is in a case, what lies at it, and where its middle is. x grows to the patient's left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from radfuse.errors import CaseError, counted, listed
from radfuse.regions.scene import Scene
from radfuse.volume.grid import triple
from radfuse.volume.plane import Plane, layer_at, layer_axis, layer_plane, positions_of, upward

_NEAR_MM = 10.0
"""What lies so near a level tells where its muscles are."""
_LYING = 0.5
"""Smallest share of its normal that points to the head, for a disc that is drawn as one: 60 degrees tilted."""
_FEWEST = 4
"""Voxels of a disc, without which it has no thin side."""
_SMALLER_SIDE = 0.25
"""Smallest share of muscle on one side of a gap, of that on the other, for the gap to be the middle."""


@dataclass(frozen=True)
class Spine:
    """A level of the spine of one case.

    Attributes:
        scene: the case.
        level: its name.
    """

    scene: Scene
    level: str

    def by_labels(self, labels: Sequence[str | int], at: str) -> Plane:
        """Return the plane of the level by the label of its disc or vertebra, or of the two vertebrae beside a disc.

        Raises:
            CaseError: a label has no voxel here, or a disc stands on edge or is a speck.
        """
        places = [self._positions(label) for label in labels]
        centre = np.mean(places[0], axis=0)
        if len(places) == 2:
            return _between(places[0], places[1], self.scene)
        if at == "mid_vertebra":  # as high as wide, so that its shape says nothing of its axis
            return Plane(triple(centre, float), (0.0, 0.0, 1.0))
        if len(places[0]) < _FEWEST:
            raise self._error(
                f"the label {labels[0]!r} has {counted(len(places[0]), 'voxel')}, and {_FEWEST} tell how a disc lies; "
                "correct the mask, or find the level by the vertebrae"
            )
        _, axes = np.linalg.eigh(np.cov((places[0] - centre).T))
        normal = upward(axes[:, 0])
        if normal[2] < _LYING:
            raise self._error(
                f"the label {labels[0]!r} is no disc that lies across the spine: its thin side points "
                f"{np.degrees(np.arccos(normal[2])):.0f} degrees off the patient's axis; correct the mask, or find the "
                "level by the vertebrae"
            )
        return Plane(triple(centre, float), triple(normal, float))

    def by_table(self, muscles: np.ndarray) -> Plane:
        """Return the plane of the level by the table's z or slice, its point where the muscles are.

        Raises:
            CaseError: the table says nothing, or names a slice that is not there.
        """
        scene = self.scene
        if self.level in scene.landmarks:
            plane = Plane((0.0, 0.0, float(scene.landmarks[self.level])), (0.0, 0.0, 1.0))
        elif self.level in scene.slices:
            plane = self._slice(scene.slices[self.level])
        else:
            known = listed([*scene.landmarks, *scene.slices]) or "none"
            raise self._error(
                f"nothing says where it is; levels that the table's row says: {known}. Fill its cell, name its column "
                "under `cohort.landmarks` (z in mm) or `cohort.slices`, or labels that tell it as `by`"
            )
        places = positions_of(muscles, scene.labels.grid)
        near = places[np.abs(plane.above_mm(places)) <= max(_NEAR_MM, *scene.labels.spacing_zyx_mm)]
        known_places = near if len(near) else places
        return plane.through(known_places.mean(axis=0)) if len(known_places) else plane

    def at(self, muscles: np.ndarray, plane: Plane, slices: int, thickness_mm: float | None) -> np.ndarray:
        """Return what lies of a mask in the slices nearest to a plane's point, or in a slab about the plane.

        Raises:
            CaseError: they lie outside the image, or hold nothing of the mask.
        """
        grid = self.scene.labels.grid
        axis = layer_axis(grid)
        layer, count = self._layer(plane), grid.shape[axis]
        first = int(np.floor(layer - (slices - 1) / 2 + 0.5)) if thickness_mm is None else 0
        if not -0.5 <= layer <= count - 0.5 or first < 0 or (thickness_mm is None and first + slices > count):
            heights = grid.corners_mm()[:, 2]
            raise self._error(
                f"{'' if slices == 1 else f'{slices} slices at '}z = {plane.point_mm[2]:.1f} mm lie outside the image, "
                f"which reaches from z = {heights.min():.1f} to {heights.max():.1f} mm; correct the level, or leave "
                "the case out"
            )
        found = np.zeros_like(muscles)
        if thickness_mm is None:
            layers = (slice(None),) * axis + (slice(first, first + slices),)
            found[layers] = muscles[layers]
        else:
            found[muscles] = np.abs(plane.above_mm(positions_of(muscles, grid))) <= thickness_mm / 2 * (1 + 1e-9)
        if not found.any():
            heights = positions_of(muscles, grid)[:, 2]
            where = f"reach from z = {heights.min():.1f} to {heights.max():.1f} mm" if len(heights) else "are not there"
            raise self._error(
                f"nothing of the labels lies at z = {plane.point_mm[2]:.1f} mm; they {where}. Correct the level or the "
                "mask, take more slices, or leave the case out"
            )
        return found

    def middle(self, found: np.ndarray, plane: Plane, labels: Sequence[str | int]) -> float:
        """Return the x in mm that parts left from right, by labels, or by the gap between the muscles of both sides.

        Raises:
            CaseError: a label has no voxel here, or there is no gap with muscle on both sides.
        """
        if labels:
            places = np.concatenate([self._positions(label) for label in labels])
            near = places[np.abs(plane.above_mm(places)) <= 2 * _NEAR_MM]
            return float((near if len(near) else places)[:, 0].mean())
        grid = self.scene.labels.grid
        across = np.sort(positions_of(found, grid)[:, 0])
        gaps = np.diff(across)
        widest = int(gaps.argmax()) if len(gaps) else 0
        left, right = len(across) - widest - 1, widest + 1
        steps = np.delete(grid.spacing_zyx_mm, layer_axis(grid))  # within a layer, however voxels are stored
        narrow = not len(gaps) or gaps[widest] <= 1.5 * steps.max()
        if narrow or min(left, right) < _SMALLER_SIDE * max(left, right):
            raise self._error(
                "left cannot be told from right: the labels leave no gap with muscle on both sides; name a label of "
                "the spine as `about`"
            )
        return float((across[widest] + across[widest + 1]) / 2)

    def half_of(self, mask: np.ndarray, middle_mm: float, half: str) -> np.ndarray:
        """Return what lies of a mask on one side, left or right, of an x in mm."""
        found = mask.copy()
        left = positions_of(mask, self.scene.labels.grid)[:, 0] > middle_mm
        found[found] = left if half == "left" else ~left
        return found

    def _layer(self, plane: Plane) -> float:
        """Return where along the layers a plane's point lies; a little lower, so that ties go to the lower slice."""
        low = replace(plane, point_mm=triple(np.add(plane.point_mm, (0.0, 0.0, -1e-4)), float))
        return layer_at(self.scene.labels.grid, low.point_mm)

    def _slice(self, number: int) -> Plane:
        """Return the plane of a slice of the stack that a reader looked at, counted from 1."""
        stack = self.scene.stack or self.scene.labels.grid
        if layer_axis(stack) != 0:
            raise self._error(
                f"it is given as slice {number}, and the slices of the mask are not axial; give its z in mm under "
                "`cohort.landmarks`"
            )
        heights = stack.corners_mm()[:, 2]
        if not 1 <= number <= stack.shape[0]:
            raise self._error(
                f"slice {number} is not there: the stack has {stack.shape[0]}, counted from 1, from z = "
                f"{heights.min():.1f} to {heights.max():.1f} mm; correct it in the table"
            )
        return layer_plane(stack, 0, number - 1)

    def _positions(self, label: str | int) -> np.ndarray:
        places = positions_of(self.scene.of(label), self.scene.labels.grid)
        if not len(places):
            raise self._error(
                f"the label {label!r} has no voxel; labels present: {listed(self.scene.labels.present())}. Correct "
                "the mask, or leave the case out"
            )
        return places

    def _error(self, message: str) -> CaseError:
        return CaseError(self.scene.case or self.scene.labels.name, f"level {self.level}: {message}")


def _between(one: np.ndarray, other: np.ndarray, scene: Scene) -> Plane:
    """Return the plane midway between two vertebrae, across the axis from one's centre to the other's.

    Where their heights along the axis overlap, as processes do behind the disc, midway is where there is least of
    both: that is the disc space.
    """
    lower, upper = sorted((one, other), key=lambda places: places[:, 2].mean())
    start, end = lower.mean(axis=0), upper.mean(axis=0)
    axis = upward(end - start)
    low, high = (lower - start) @ axis, (upper - start) @ axis
    if low.max() < high.min():
        middle = (low.max() + high.min()) / 2
    else:
        steps = np.reshape(scene.labels.direction, (3, 3)) * np.array(scene.labels.spacing_zyx_mm[::-1])
        width = float(np.abs(axis @ steps).max())  # of a layer, so that no bin falls between two
        bins = np.arange(0, float((end - start) @ axis) + width, width)
        counts = np.histogram(np.concatenate([low, high]), bins)[0]
        few = np.flatnonzero(counts <= counts.min() + 0.1 * np.ptp(counts))
        fewest = max(np.split(few, np.flatnonzero(np.diff(few) > 1) + 1), key=len)
        middle = (bins[fewest[0]] + bins[fewest[-1] + 1]) / 2
    return Plane(triple(start + middle * axis, float), triple(axis, float))
