"""Images and segmentations on another grid."""

from __future__ import annotations

from itertools import product
from typing import Literal

import numpy as np

from radfuse.errors import InputError
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap, Volume, in_order_of
from radfuse.volume.sitk import Transform, placed, resampled, to_sitk

Interpolation = Literal["nearest", "linear", "bspline"]
_INTERPOLATORS = {"nearest": "sitkNearestNeighbor", "linear": "sitkLinear", "bspline": "sitkBSpline"}
_VOXEL_LIMIT = 2**31
_TOLD = 0.01
"""Share of a mask that is told of where an image does not reach it."""


def resample(
    image: Volume,
    grid: Grid,
    interpolation: Interpolation = "linear",
    *,
    edge: bool = False,
    transform: Transform | None = None,
) -> Volume:
    """Return an image on another grid; outside the source its smallest value, or with `edge` its nearest voxel's.

    A transform leads from points of that grid to those of the image; without one they are the same.

    Raises:
        InputError: the grid is too large.
    """
    _check_size(grid)
    outside = float(image.array.min())
    method = _INTERPOLATORS[interpolation]
    found = resampled(to_sitk(image), grid, method, outside, real=True, edge=edge, transform=transform)
    return Volume(found, grid, image.name)


def values_on(image: Volume, grid: Grid, transform: Transform | None = None) -> np.ndarray:
    """Return an image's voxels on another grid: float32, shape (z, y, x), linear; NaN outside the source.

    Args:
        image: whose values.
        grid: where they are wanted.
        transform: from points of that grid to those of the image; None: they are the same.

    Raises:
        InputError: the grid is too large.
    """
    _check_size(grid)
    return resampled(to_sitk(image), grid, _INTERPOLATORS["linear"], float("nan"), real=True, transform=transform)


def resample_labels(
    labels: LabelMap,
    grid: Grid,
    transform: Transform | None = None,
    interpolation: Literal["nearest", "linear"] = "nearest",
) -> LabelMap:
    """Return a segmentation on a grid, itself where it lies there already; outside the source background.

    Args:
        labels: to bring over.
        grid: where they are wanted.
        transform: from points of that grid to those of the segmentation; None: they are the same.
        interpolation: the nearest voxel's label; or linear, label by label: the one that has the largest share there,
            background among them, which gives smoother borders between grids of unlike spacing.

    Raises:
        InputError: the grid is too large.
    """
    labels = labels if transform is not None else in_order_of(labels, grid)
    if transform is None and labels.grid.same_as(grid):
        return labels
    _check_size(grid)
    if interpolation == "nearest":
        found = resampled(to_sitk(labels), grid, "sitkNearestNeighbor", transform=transform)
        return LabelMap(found.astype(labels.array.dtype), grid, labels.names, labels.name)
    most = np.zeros(grid.shape, dtype=np.float32)
    rest = np.ones(grid.shape, dtype=np.float32)
    found = np.zeros(grid.shape, dtype=labels.array.dtype)
    for number in labels.present():
        alone = placed((labels.array == number).astype(np.float32), labels.grid)
        share = resampled(alone, grid, "sitkLinear", transform=transform)
        found[share > most] = number
        most, rest = np.maximum(most, share), rest - share
    found[rest > most] = 0
    return LabelMap(found, grid, labels.names, labels.name)


def lost_beyond(labels: LabelMap, onto: Grid) -> str:
    """Return how much of a segmentation lies where an image has no voxels, in words; empty below a hundredth."""
    share = share_beyond(labels, onto)
    if share < _TOLD:
        return ""
    return (
        f"{share:.0%} of mask {labels.name} lie beyond the image, which are left out; look whether they belong together"
    )


def share_beyond(labels: LabelMap, onto: Grid) -> float:
    """Return the share of a segmentation's labelled voxels whose centres lie where a grid has no voxels."""
    boxes = labels.boxes.values()
    if not boxes:
        return 0.0
    whole = tuple(slice(min(box[i].start for box in boxes), max(box[i].stop for box in boxes)) for i in range(3))
    here = labels.grid
    axes = np.reshape(onto.direction, (3, 3)) * np.array(onto.spacing_zyx_mm[::-1])
    own = np.reshape(here.direction, (3, 3)) * np.array(here.spacing_zyx_mm[::-1])
    first = np.linalg.solve(axes, np.array(here.origin) - np.array(onto.origin))
    steps, ends = np.linalg.solve(axes, own), np.array(onto.shape[::-1]) - 0.5

    def beyond(voxels: np.ndarray) -> np.ndarray:
        index = voxels[:, ::-1] @ steps.T + first
        return np.asarray(((index < -0.5) | (index > ends)).any(axis=1))

    corners = np.array(list(product(*((side.start, side.stop - 1) for side in whole))))
    if not beyond(corners).any():
        return 0.0
    voxels = np.argwhere(labels.array[whole] > 0) + [side.start for side in whole]
    return float(beyond(voxels).mean())


def interpolated(array: np.ndarray, grid: Grid, onto: Grid, interpolator: str | int) -> np.ndarray:
    """Return voxels on another grid in their own type, by any of SimpleITK's interpolators; outside the source 0.

    Args:
        array: shape (z, y, x).
        grid: where its voxels lie.
        onto: where they are wanted.
        interpolator: name or number, for example "sitkBSpline".
    """
    return resampled(placed(array, grid), onto, interpolator)


def _check_size(grid: Grid) -> None:
    if np.prod(grid.shape, dtype=float) > _VOXEL_LIMIT:
        raise InputError(f"a grid of {' x '.join(map(str, grid.shape))} voxels is too large; choose a wider spacing")
