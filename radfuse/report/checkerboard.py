"""A picture of a registration: both images as a checkerboard before and after, with the contours of masks."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from radfuse.report.slices import areas, slice_of
from radfuse.volume.image import LabelMap, Volume

_PIXELS = 320
"""Of the longer side of one of the two pictures."""
_SQUARES = 8
"""Along the longer side."""
_CARRIED, _OWN = (230, 159, 0), (86, 180, 233)
"""Orange: the mask that was carried over. Blue: the image's own."""
_MARGIN_MM = 30.0
"""Around the mask; without one the whole slice is shown."""


def checkerboard(
    fixed: Volume, moved: Sequence[Volume], carried: LabelMap | None = None, own: LabelMap | None = None
) -> bytes:
    """Return a PNG of one slice: squares of the fixed image between squares of each moved one, side by side.

    The slice lies across the axis of the widest spacing, where the mask is largest, or in the middle. Borders that go
    on from square to square are where they should be. The carried mask has an orange contour, the image's own a blue
    one. It holds no text.

    Args:
        fixed: shape (z, y, x).
        moved: the other image on its grid, for example before and after.
        carried: on the same grid; of the last picture.
        own: on the same grid; of every picture.
    """
    across = int(np.argmax(fixed.spacing_zyx_mm))
    spacing = [step for axis, step in enumerate(fixed.spacing_zyx_mm) if axis != across]
    masks = [mask for mask in (carried, own) if mask is not None and mask.present()]
    at, part = _place(fixed, masks, across, spacing)
    one = _grey(np.take(fixed.array, at, axis=across)[part], spacing)
    squares = np.add.outer(*(np.arange(size) * _SQUARES // max(one.shape) for size in one.shape)) % 2 == 1
    pictures = []
    for number, other in enumerate(moved):
        mixed = np.where(squares, _grey(np.take(other.array, at, axis=across)[part], spacing), one)
        picture = np.repeat(mixed[..., None], 3, axis=2)
        drawn = [(own, _OWN), (carried if number == len(moved) - 1 else None, _CARRIED)]
        for mask, colour in drawn:
            if mask is not None:
                picture[_contour(np.take(mask.array, at, axis=across)[part] > 0, one.shape)] = colour
        pictures += [picture, np.full((one.shape[0], 6, 3), 255, dtype=np.uint8)]
    return _png(np.concatenate(pictures[:-1], axis=1))


def _place(
    fixed: Volume, masks: Sequence[LabelMap], across: int, spacing: Sequence[float]
) -> tuple[int, tuple[slice, slice]]:
    """Return the slice that is shown, and which part of it."""
    if not masks:
        return fixed.array.shape[across] // 2, (slice(None), slice(None))
    inside = masks[0].array > 0
    at = slice_of([areas(inside, across)], inside.shape[across])
    flat = np.any([np.take(mask.array, at, axis=across) > 0 for mask in masks], axis=0)
    sides = []
    for axis, step in enumerate(spacing):
        there = np.flatnonzero(flat.any(axis=1 - axis))
        margin = int(np.ceil(_MARGIN_MM / step))
        sides.append(slice(max(int(there[0]) - margin, 0), int(there[-1]) + 1 + margin))
    return at, (sides[0], sides[1])


def _size(shape: Sequence[int], spacing: Sequence[float]) -> tuple[int, int]:
    lengths = [size * step for size, step in zip(shape, spacing, strict=True)]
    rows, columns = (max(round(_PIXELS * length / max(lengths)), 1) for length in lengths)
    return rows, columns


def _grey(values: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """Return a slice as greys from 0 to 255, its pixels square in mm."""
    from PIL import Image

    low, high = np.percentile(values, (1, 99))
    scaled = np.clip((values - low) / max(float(high - low), 1e-6), 0, 1) * 255
    rows, columns = _size(values.shape, spacing)
    picture = Image.fromarray(scaled.astype(np.float32)).resize((columns, rows), Image.Resampling.BILINEAR)
    return np.asarray(picture).round().astype(np.uint8)


def _contour(inside: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    places = [(np.arange(n) + 0.5) * size / n for n, size in zip(shape, inside.shape, strict=True)]
    large = inside[np.ix_(*(place.astype(int) for place in places))]
    return large & ~ndimage.binary_erosion(large, iterations=1)


def _png(picture: np.ndarray) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG", optimize=True)
    return stream.getvalue()
