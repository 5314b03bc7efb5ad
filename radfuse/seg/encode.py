"""Deep features: what a segmentation network's encoder sees at fixed places of each region; outcome-free.

Each region gets a grid along and across its two longest principal axes. The grid's cells are anatomical coordinates:
the same cell is the same place in every case, so that where something sits is kept. Encoder features are averaged
over each cell.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np

from radfuse.seg.predict import OnnxSegmenter
from radfuse.seg.preprocess import network_input
from radfuse.seg.window import gaussian_weight, padding_of, positioned, window_starts
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.resample import resample_labels

CELLS = (4, 5)
"""Cells along the longest and the second longest axis of a region."""


def deep_features(
    volume: Volume, regions: Mapping[str, np.ndarray], segmenter: OnnxSegmenter, *, mirrored: bool = False
) -> dict[str, float]:
    """Return "region/deep_ROW-COLUMN_CHANNEL" -> mean encoder feature; NaN for a cell without voxels.

    Args:
        volume: the image.
        regions: name -> bool mask of shape (z, y, x) on the image's grid.
        segmenter: whose encoder is used.
        mirrored: True for the side that shall be read as the mirror image of the other (left knees).
    """
    image, inner = network_input(volume, segmenter.plan)
    cells = {
        name: region_cells(
            resample_labels(LabelMap(mask.astype(np.uint8), volume.grid), inner).array > 0, inner, mirrored=mirrored
        )
        for name, mask in regions.items()
    }
    sums = _pooled(image, cells, segmenter)
    features = {}
    for name, values in sums.items():
        for cell, channels in enumerate(values):
            row, column = divmod(cell, CELLS[1])
            for channel, value in enumerate(channels):
                features[f"{name}/deep_{row}-{column}_{channel:03d}"] = float(value)
    return features


def region_cells(mask: np.ndarray, grid: Grid, *, mirrored: bool = False) -> np.ndarray:
    """Return the cell of each voxel of a region, counted from 1; 0 outside.

    Axes are the principal ones of the voxels' positions in mm, each pointing so that its largest component is
    positive in patient space (left, posterior, superior; left turned to right where `mirrored`). Cell borders are
    quantiles of the position along the longest axis, and within each row along the second.

    Args:
        mask: bool, shape (z, y, x).
        grid: where its voxels lie.
        mirrored: True for the other side.
    """
    cells = np.zeros(mask.shape, dtype=np.int16)
    index = np.argwhere(mask)
    if len(index) < CELLS[0] * CELLS[1]:
        return cells
    axes = np.array(grid.direction).reshape(3, 3) * np.array(grid.spacing_zyx_mm[::-1])
    position = index[:, ::-1] @ axes.T
    if mirrored:
        position[:, 0] *= -1
    position -= position.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov(position.T))
    along, across = (_pointing(vectors[:, place]) for place in (2, 1))
    rows = _parts(position @ along, CELLS[0])
    second = position @ across
    columns = np.zeros(len(index), dtype=int)
    for row in range(CELLS[0]):
        columns[rows == row] = _parts(second[rows == row], CELLS[1])
    cells[tuple(index.T)] = 1 + rows * CELLS[1] + columns
    return cells


def _pointing(axis: np.ndarray) -> np.ndarray:
    return axis * np.sign(axis[np.abs(axis).argmax()])


def _parts(values: np.ndarray, count: int) -> np.ndarray:
    """Return which of `count` parts of equal range each value lies in, the outer 2 % of values set aside."""
    if not len(values):  # a row in a gap of the region
        return np.zeros(0, dtype=int)
    low, high = np.percentile(values, (2, 98))
    scaled = (values - low) / max(float(high - low), 1e-9)
    return np.clip((scaled * count).astype(int), 0, count - 1)


def _pooled(image: np.ndarray, cells: Mapping[str, np.ndarray], segmenter: OnnxSegmenter) -> dict[str, np.ndarray]:
    """Return region -> (cell, channel) means of encoder features over all patches, weighted like logits."""
    plan = segmenter.plan
    padding = padding_of(image.shape, plan.patch_zyx)
    padded = np.pad(image, padding, constant_values=float(image.min()))
    maps = {name: np.pad(cell, padding) for name, cell in cells.items()}
    starts = [window_starts(n, patch, plan.overlap) for n, patch in zip(padded.shape, plan.patch_zyx, strict=True)]
    count = CELLS[0] * CELLS[1]
    sums: dict[str, np.ndarray] = {}
    weights = {name: np.zeros(count + 1) for name in cells}
    for corner in itertools.product(*starts):
        part = tuple(slice(start, start + patch) for start, patch in zip(corner, plan.patch_zyx, strict=True))
        if not any(cell[part].any() for cell in maps.values()):
            continue
        patch = np.ascontiguousarray(padded[part][None, None])
        if plan.position:
            patch = positioned(patch, np.subtract(corner, [before for before, _ in padding]), image.shape)
        found = segmenter.encode(patch)[0]
        weight = gaussian_weight(plan.patch_zyx)
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
