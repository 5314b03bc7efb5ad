"""Deep features: what a segmentation network's encoder sees in the cells of each region; outcome-free."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np

from radfuse.seg.predict import OnnxSegmenter
from radfuse.seg.window import positioned, window_starts
from radfuse.volume.region import CELLS


def encode(image: np.ndarray, cells: Mapping[str, np.ndarray], segmenter: OnnxSegmenter) -> dict[str, float]:
    """Return "region/deep_ROW-COLUMN_CHANNEL" -> mean encoder feature over a cell; NaN for a cell without voxels.

    Args:
        image: what the network reads, float32 of shape (channel, z, y, x).
        cells: region -> cell of each voxel of it (z, y, x), counted row by row from 1; 0 outside.
        segmenter: whose encoder is used.
    """
    features = {}
    for name, values in _pooled(image, cells, segmenter).items():
        for cell, channels in enumerate(values):
            row, column = divmod(cell, CELLS[1])
            for channel, value in enumerate(channels):
                features[f"{name}/deep_{row}-{column}_{channel:03d}"] = float(value)
    return features


def _pooled(image: np.ndarray, cells: Mapping[str, np.ndarray], segmenter: OnnxSegmenter) -> dict[str, np.ndarray]:
    """Return region -> (cell, channel) means of encoder features over all patches, weighted like logits."""
    window = segmenter.plan.window
    patch_zyx, shape = window.patch_zyx, image.shape[1:]
    padding, padded = window.padding(shape), window.padded(image)
    maps = {name: np.pad(cell, padding) for name, cell in cells.items()}
    starts = [window_starts(n, patch, window.overlap) for n, patch in zip(padded.shape[1:], patch_zyx, strict=True)]
    count = CELLS[0] * CELLS[1]
    sums: dict[str, np.ndarray] = {}
    weights = {name: np.zeros(count + 1) for name in cells}
    for corner in itertools.product(*starts):
        part = tuple(slice(start, start + patch) for start, patch in zip(corner, patch_zyx, strict=True))
        if not any(cell[part].any() for cell in maps.values()):
            continue
        patch = np.ascontiguousarray(padded[(slice(None), *part)][None])
        if window.position:
            patch = positioned(patch, np.subtract(corner, [before for before, _ in padding]), shape)
        found, weight = segmenter.encode(patch)[0], window.weight
        for name, cell in maps.items():
            inside = np.nonzero(cell[part])
            here, by = cell[part][inside], weight[inside].astype(np.float64)
            if name not in sums:
                sums[name] = np.zeros((count + 1, found.shape[0]))
            for channel, values in enumerate(found):
                sums[name][:, channel] += np.bincount(here, values[inside] * by, count + 1)
            weights[name] += np.bincount(here, by, count + 1)
    with np.errstate(invalid="ignore"):
        return {name: (total / weights[name][:, None])[1:] for name, total in sums.items()}
