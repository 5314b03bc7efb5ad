"""Which slice a picture shows."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from radfuse.volume.image import LabelMap


def areas(mask: np.ndarray, axis: int) -> np.ndarray:
    """Return how many voxels of a mask each slice across an axis holds."""
    return np.count_nonzero(mask, axis=tuple(other for other in range(mask.ndim) if other != axis))


def slice_of(parts: Iterable[np.ndarray], size: int) -> int:
    """Return the slice where parts of an image are seen best together, the middle one without any.

    It has the largest sum over parts of what it shows of each, as a share of the most that one slice shows of it. So
    a small part counts as much as a large one, and a picture does not miss it for a few voxels more of the other.

    Args:
        parts: voxels of each in every slice, as `areas` gives them.
        size: how many slices there are.
    """
    shares = [part / part.max() for part in parts if part.any()]
    return int(np.argmax(np.sum(shares, axis=0))) if shares else size // 2


def slice_of_labels(labels: LabelMap, axis: int) -> int:
    """Return the slice across an axis where the labels of a map are seen best together, the middle one without any."""
    size = labels.array.shape[axis]
    parts = []
    for number, box in labels.boxes.items():
        part = np.zeros(size, dtype=int)
        part[box[axis]] = areas(labels.array[box] == number, axis)
        parts.append(part)
    return slice_of(parts, size)
