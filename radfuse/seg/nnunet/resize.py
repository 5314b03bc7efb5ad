"""nnU-Net's resampling, one axis after another: the same numbers as skimage's `resize`, many times quicker.

Splines on a grid are separable: what `scipy.ndimage.zoom` does along one axis is a matrix, found by asking it for the
columns of the unit matrix, and applied by BLAS.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from scipy import ndimage

from radfuse.volume.grid import triple

_SLAB = 2**22
"""Voxels of one class made at once."""
_ANISOTROPIC = 3.0
"""nnU-Net resamples an axis by itself where its spacing exceeds the finest by this factor."""
_FAR = 999.0
"""Times its largest pixel spacing: how far nnU-Net's readers take the slice of a flat image to be from the next."""


def as_flat(spacing: Sequence[float]) -> tuple[float, float, float]:
    """Return the spacing of an image of one slice, its first axis, as nnU-Net's readers of flat images tell it."""
    _, y, x = spacing
    return _FAR * max(y, x), y, x


def is_flat(spacing: Sequence[float]) -> bool:
    """Return whether a spacing is that of an image of one slice, as nnU-Net's readers tell it."""
    between, *within = spacing
    return between > _FAR / 10 * max(within)


def shape_at(shape: Sequence[int], spacing: Sequence[float], onto: Sequence[float]) -> tuple[int, int, int]:
    """Return nnU-Net's number of voxels along each axis at another spacing."""
    z, y, x = (round(old / new * size) for size, old, new in zip(shape, spacing, onto, strict=True))
    return z, y, x


def axis_by_itself(force: bool | None, current: Sequence[float], new: Sequence[float]) -> int | None:
    """Return the axis that is resampled by itself, to its nearest slices; None where there is none.

    Args:
        force: of the plan; None: by the spacings.
        current: spacing.
        new: spacing.
    """
    if force is False:
        return None
    for spacing in (current,) if force else (current, new):
        if force or max(spacing) / min(spacing) > _ANISOTROPIC:
            widest = [axis for axis, size in enumerate(spacing) if max(spacing) / size == 1]
            return widest[0] if len(widest) == 1 else None
    return None


def resized(array: np.ndarray, shape: tuple[int, int, int], orders: Sequence[int], alone: int | None) -> np.ndarray:
    """Return an image of another shape, by splines; values stay within those it had.

    Args:
        array: float32, shape (z, y, x).
        shape: wanted.
        orders: of the splines along each axis.
        alone: axis that is resampled last: the range is then each of its slices' own.
    """
    if array.shape == shape:
        return array
    axes = [axis for axis in range(3) if axis != alone]
    ranged = tuple(axes) if alone is not None else None
    low, high = array.min(axis=ranged, keepdims=True), array.max(axis=ranged, keepdims=True)
    for axis in axes:
        array = _applied(matrix(array.shape[axis], shape[axis], orders[axis]), array, axis)
    if any(orders[axis] > 1 for axis in axes):
        array = np.clip(array, low, high)
    if alone is not None:
        array = _applied(matrix(array.shape[alone], shape[alone], orders[alone]), array, alone)
    return array


def resized_mask(mask: np.ndarray, shape: tuple[int, int, int], order: int, alone: int | None) -> np.ndarray:
    """Return a mask of another shape: in each voxel the number that most of its surroundings have.

    Of several that share it, the nearest voxel's where that is one of them, else the lowest. Rounding decides what is
    shared, so that nothing here is quicker than nnU-Net, lest it be another mask.

    Args:
        mask: whole numbers of a float type, shape (z, y, x).
        shape: wanted.
        order: of the splines, 0 or 1.
        alone: axis that is resampled last, to its nearest slices.
    """
    within = tuple(mask.shape[axis] if axis == alone else size for axis, size in enumerate(shape))
    found = nearest = resized(mask, triple(within, int), (0, 0, 0), None)
    if order and mask.shape != within:
        factors = [size / before for size, before in zip(within, mask.shape, strict=True)]
        found, best = np.zeros_like(nearest), np.full(within, -np.inf)
        near = np.zeros(within, dtype=bool)
        for number in np.unique(mask):
            there = (mask == number).astype(np.float64)
            share = ndimage.zoom(there, factors, order=1, mode="nearest", grid_mode=True)
            ahead = share > best
            found[ahead] = number
            near = (near & ~ahead) | ((nearest == number) & (share >= best))
            np.maximum(best, share, out=best)
        found[near] = nearest[near]
    return resized(found, shape, (0, 0, 0), None)


def resized_slabs(
    classes: Sequence[np.ndarray], shape: tuple[int, int, int], orders: Sequence[int]
) -> Iterator[tuple[slice, Iterator[np.ndarray]]]:
    """Yield slices along z of another shape, and of each class its values there, one class after another.

    Args:
        classes: of each class an array (z, y, x), of any float type.
        shape: wanted.
        orders: of the splines along each axis, 0 or 1, so that nothing needs to be clipped.
    """
    along = [matrix(size, wanted, order) for size, wanted, order in zip(classes[0].shape, shape, orders, strict=True)]
    depth = max(_SLAB // (shape[1] * shape[2]), 1)
    for first in range(0, shape[0], depth):
        slices = slice(first, min(first + depth, shape[0]))
        rows = along[0][slices]
        read = np.flatnonzero(rows.any(axis=0))
        source = slice(int(read[0]), int(read[-1]) + 1)
        yield slices, (_planes(values[source], rows[:, source], along[1], along[2]) for values in classes)


def _planes(values: np.ndarray, z: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    found = _applied(z, values.astype(np.float32), 0)
    return _applied(x, _applied(y, found, 1), 2)


def _applied(rows: np.ndarray, array: np.ndarray, axis: int) -> np.ndarray:
    """Return a matrix times an array along an axis."""
    if rows.shape[0] == rows.shape[1] and np.array_equal(rows, np.eye(len(rows), dtype=rows.dtype)):
        return array
    if axis == 2:
        return np.asarray(array @ rows.T)
    if axis == 1:
        return np.asarray(rows @ array)
    return (rows @ array.reshape(array.shape[0], -1)).reshape(-1, *array.shape[1:])


@lru_cache(maxsize=64)
def matrix(size: int, wanted: int, order: int) -> np.ndarray:
    """Return float32 (wanted, size): what `scipy.ndimage.zoom` does along an axis, edges repeated.

    Order 0 takes the nearest voxel as `map_coordinates` finds it.
    """
    if order == 0:
        places = (np.arange(wanted) + 0.5) * (size / wanted) - 0.5
        nearest = np.clip(np.floor(places + 0.5), 0, size - 1).astype(int)
        return np.eye(size, dtype=np.float32)[nearest]
    columns = (ndimage.zoom(unit, wanted / size, order=order, mode="nearest", grid_mode=True) for unit in np.eye(size))
    return np.stack(list(columns), axis=1).astype(np.float32)
