"""A small picture of an image and the labels on it, to tell at a glance whether they lie where they should."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from radfuse.report.palette import LABEL_COLOURS
from radfuse.report.slices import slice_of_labels
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.resample import resample_labels

_PIXELS = 256
"""Of the longer side."""
_GREYS = 48
"""So few that no picture of this size reaches 60 KB, whatever noise is in it."""
_MARGIN = 1.0
"""Around the labels, as a share of their size, that there is something to see them against."""
_LEAST_MM = 60.0
"""Shown at least, along both sides."""


def preview(image: Volume, labels: LabelMap) -> bytes:
    """Return a PNG of at most 256 x 256 pixels and 60 KB: the slice where labels are seen best together, and contours.

    The slice lies across the axis of the widest spacing, as it was acquired; contours of all labels in it, in
    `LABEL_COLOURS` by the order of their numbers. Without any label it is the middle slice. It holds no text.

    Args:
        image: shape (z, y, x).
        labels: of it; brought onto its grid where they lie on another.
    """
    labels = resample_labels(labels, image.grid)
    across = int(np.argmax(image.spacing_zyx_mm))
    spacing = [size for axis, size in enumerate(image.spacing_zyx_mm) if axis != across]
    at = slice_of_labels(labels, across)
    grey, found = (np.take(item.array, at, axis=across) for item in (image, labels))
    part = _part(found, spacing)
    shown = found[part]
    lengths = [size * step for size, step in zip(shown.shape, spacing, strict=True)]
    rows, columns = (max(round(_PIXELS * length / max(lengths)), 1) for length in lengths)  # square in mm
    at_pixels = [(np.arange(n) + 0.5) * size / n for n, size in zip((rows, columns), shown.shape, strict=True)]
    here = shown[np.ix_(*(places.astype(int) for places in at_pixels))]
    return _png(_drawn(_greys(grey[part], (columns, rows)), here, sorted(labels.names or labels.present())))


def _part(found: np.ndarray, spacing: list[float]) -> tuple[slice, ...]:
    """Return what is shown of a slice: its labels with a margin, or all of it."""
    part = []
    for axis, size in enumerate(found.shape):
        rows = np.flatnonzero(found.any(axis=1 - axis))
        if not len(rows):
            return slice(0, found.shape[0]), slice(0, found.shape[1])
        length = rows[-1] + 1 - rows[0]
        margin = max(_MARGIN * length, (_LEAST_MM / spacing[axis] - length) / 2)
        part.append(slice(max(int(rows[0] - margin), 0), min(int(np.ceil(rows[-1] + 1 + margin)), size)))
    return tuple(part)


def _greys(grey: np.ndarray, size_xy: tuple[int, int]) -> np.ndarray:
    """Return a slice in as many pixels, each one of the greys of the palette."""
    from PIL import Image

    low, high = np.percentile(grey, (1, 99.5))
    scaled = np.clip((grey - low) / max(float(high - low), 1e-6), 0, 1) * (_GREYS - 1)
    picture = Image.fromarray(scaled.astype(np.float32)).resize(size_xy, Image.Resampling.BILINEAR)
    return np.asarray(picture).round().astype(np.uint8)


def _drawn(grey: np.ndarray, found: np.ndarray, numbers: Sequence[int]) -> np.ndarray:
    """Return places in the palette: greys, and the border of each label, two pixels wide, in its colour."""
    for place, number in enumerate(numbers):
        inside = found == number
        grey[inside & ~ndimage.binary_erosion(inside, iterations=2)] = _GREYS + place % len(LABEL_COLOURS)
    return grey


def _png(places: np.ndarray) -> bytes:
    from PIL import Image

    greys = np.linspace(0, 255, _GREYS).astype(np.uint8).repeat(3).tobytes()
    picture = Image.fromarray(places)
    picture.putpalette(greys + bytes.fromhex("".join(LABEL_COLOURS).replace("#", "")))
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()
