"""The body in an image: what is no air."""

from __future__ import annotations

import numpy as np

_HOUNSFIELD = -500.0
"""Halfway between air and water; an image that has more than a few voxels below is CT."""
_SHARE = 0.25
"""Of the mean of the foreground: air and its noise lie below, the darkest tissue that fills space above."""


def body_of(image: np.ndarray, holding: np.ndarray | None = None) -> np.ndarray:
    """Return the body: what is brighter than air, its holes in any slice filled.

    Of parts that air lies between, as two legs, it is those that hold some voxels asked for, or else the largest.

    CT is cut at -500 HU. Elsewhere the threshold is a quarter of the mean of all that lies above it (found by
    iteration, as AFNI's 3dClipLevel does with half the median), counted from 0, or from the lowest percent where that
    is negative. Otsu's is none for this: it parts fat from all else in T1-weighted images, and a hot tumour from all
    else in PET. Of a CT that is cut out without any air, fat is taken for air.

    Args:
        image: shape (z, y, x); NaN where there is none.
        holding: bool, same shape: voxels whose part is wanted.

    Returns:
        bool, same shape; all True where no voxel is dark enough for air.
    """
    from scipy import ndimage

    known = np.nan_to_num(image, nan=float(np.nanmin(image)))
    low, high = np.percentile(known, (1, 99))
    air = min(float(low), 0.0)
    level = _HOUNSFIELD if low < _HOUNSFIELD else air + _clip_level(np.clip(known, air, max(float(high), air)) - air)
    bright = known > level
    opened = ndimage.binary_opening(np.pad(bright, 1, mode="edge"))[1:-1, 1:-1, 1:-1]  # cuts what hangs by a voxel
    parts, count = ndimage.label(opened)
    if not count:
        return bright
    held = np.unique(parts[holding & (parts > 0)]) if holding is not None else np.zeros(0, dtype=int)
    body = np.isin(parts, held if held.size else [1 + np.bincount(parts.ravel())[1:].argmax()])
    body = ndimage.binary_dilation(body) & bright  # what the opening took off its surface
    return _without_holes(body)


def _without_holes(body: np.ndarray) -> np.ndarray:
    """Return a body whose slices along any axis have no holes; what one axis fills may close a hole of another's."""
    from scipy import ndimage

    voxels = -1
    while voxels != (voxels := int(np.count_nonzero(body))):
        for axis in range(3):
            for plane in np.moveaxis(body, axis, 0):
                plane |= ndimage.binary_fill_holes(plane)
    return body


def _clip_level(values: np.ndarray) -> float:
    """Return the level that is `_SHARE` of the mean of the values above it; they are from 0 on."""
    level = float(values.mean(dtype=np.float64))
    for _ in range(100):
        above = values[values > level]
        new = _SHARE * float(above.mean(dtype=np.float64)) if above.size else 0.0
        if abs(new - level) <= 1e-6 * level:
            break
        level = new
    return level
