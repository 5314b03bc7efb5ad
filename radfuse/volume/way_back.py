"""The way from one image of a case to another, both registered to a third: back over a transform, also one that bends.

A B-spline has no inverse in closed form; where it comes from is found point by point.
"""

from __future__ import annotations

import numpy as np

from radfuse.volume.grid import Grid, triple
from radfuse.volume.plane import positions_of
from radfuse.volume.sitk import Transform, chained, displaced, field_of, knots_of, steps_of

_STEPS_A_KNOT = 16
"""Points between knots of a spline that its displacements are worked out at, linear between: hundredths of mm off."""
_MOST_POINTS = 2_000_000
_ROUNDS, _CLOSE_MM, _FOUND_MM = 60, 1e-3, 0.05
"""How often a point is looked for, when it is found, and what still counts as found."""
_NOWHERE_MM = 1e7
"""So far away no image reaches."""


def between(here: Transform | None, there: Transform | None, at: Grid) -> Transform | None:
    """Return the way from points of one image to those of another; None: they are the same.

    Args:
        here: from points of the first to those of a third; None: they are the same.
        there: from points of the second to those of the third; None: they are the same.
        at: grid whose points are asked for; where `there` bends, the way is known at these alone. A point that nothing
            of the second image comes to, where space folds, is led away from all images.
    """
    if there is None:
        return here
    if there.IsLinear():
        return chained(here, there.GetInverse())
    points = positions_of(np.ones(at.shape, dtype=bool), at)
    third = points if here is None else points + field_of(here, at).reshape(-1, 3)
    return displaced(np.nan_to_num(way_back(there, third) - points, nan=_NOWHERE_MM), at)


def way_back(transform: Transform, points: np.ndarray) -> np.ndarray:
    """Return the points that a transform brings to some points, shape (point, 3); NaN where none was found.

    Args:
        transform: rigid, affine, a B-spline, or several of them one after another.
        points: (x, y, z) in mm, shape (point, 3).
    """
    for step in reversed(steps_of(transform)):
        points = _straight_back(step, points) if step.IsLinear() else _bent_back(step, points)
    return points


def _straight_back(step: Transform, points: np.ndarray) -> np.ndarray:
    first = np.array(step.TransformPoint((0.0, 0.0, 0.0)))
    axes = np.stack([np.array(step.TransformPoint(axis)) - first for axis in np.eye(3).tolist()], axis=1)
    return np.asarray(np.linalg.solve(axes, (points - first).T).T)


def _bent_back(step: Transform, points: np.ndarray) -> np.ndarray:
    """Return where points come from: each is moved by less than they lie apart, so that asking again and again ends."""
    from scipy.ndimage import map_coordinates

    known = np.isfinite(points).all(axis=1)
    wanted = points[known]
    if not len(wanted):
        return points
    knots_mm, furthest = knots_of(step)
    low, high = wanted.min(axis=0) - furthest, wanted.max(axis=0) + furthest
    step_mm = max(knots_mm / _STEPS_A_KNOT, float(np.cbrt(np.prod(high - low + knots_mm) / _MOST_POINTS)))
    shape = np.ceil((high - low) / step_mm).astype(int) + 2
    field = field_of(step, Grid(triple(shape[::-1], int), (step_mm, step_mm, step_mm), triple(low, float)))
    here, moved = wanted.copy(), np.full(len(wanted), np.inf)
    for _ in range(_ROUNDS):
        index = ((here - low) / step_mm)[:, ::-1].T
        shift = [map_coordinates(field[..., axis], index, order=1, mode="nearest") for axis in range(3)]
        before, here = here, wanted - np.stack(shift, axis=1)
        moved = np.linalg.norm(here - before, axis=1)
        if moved.max() < _CLOSE_MM:
            break
    here[moved > _FOUND_MM] = np.nan
    found = np.full_like(points, np.nan)
    found[known] = here
    return found
