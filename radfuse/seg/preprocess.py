"""From a volume to what the network reads, and from its answer back to the volume's grid; no torch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from radfuse.seg.plan import SegPlan
from radfuse.volume import Grid, LabelMap, Volume, resample, resample_labels, with_spacing


def network_input(volume: Volume, plan: SegPlan) -> tuple[np.ndarray, Grid]:
    """Return the image at the plan's spacing, clipped and standardised by the voxels of the body.

    The body is what exceeds a tenth of the 99.5th percentile: air and padding, of which images have different shares,
    do not count.

    Returns:
        float32 of shape (z, y, x), mean 0 and standard deviation 1 over the body, and its grid.
    """
    grid = with_spacing(volume.grid, plan.spacing_zyx_mm)
    array = resample(volume, grid).array
    body = array[array > 0.1 * np.percentile(array, 99.5)]
    body = body if body.size > 0.01 * array.size else array.ravel()
    low, high = np.percentile(body, (0.5, 99.5))
    body = np.clip(body, low, high)
    array = np.clip(array, min(low, float(array.min())), high)
    return ((array - body.mean()) / max(float(body.std()), 1e-6)).astype(np.float32), grid


def network_target(labels: LabelMap, grid: Grid, plan: SegPlan) -> np.ndarray:
    """Return class numbers on the network's grid, uint8 of shape (z, y, x)."""
    here = resample_labels(labels, grid).array
    target = np.zeros(here.shape, dtype=np.uint8)
    for position, number in enumerate(plan.labels.values(), start=1):
        target[here == number] = position
    return target


def label_map(probability: Callable[[int], np.ndarray], inner: Grid, volume: Volume, plan: SegPlan) -> LabelMap:
    """Return the most probable label of each voxel on the volume's own grid.

    Args:
        probability: class -> float32 of the shape of `inner`; asked for one class at a time.
        inner: the network's grid.
        volume: where the labels shall lie.
        plan: the network's plan.
    """
    best = np.full(volume.grid.shape, -np.inf, dtype=np.float32)
    array = np.zeros(volume.grid.shape, dtype=np.uint8 if max(plan.labels.values()) < 256 else np.int32)
    for position, number in enumerate([0, *plan.labels.values()]):
        here = resample(Volume(probability(position), inner), volume.grid).array
        array[here > best] = number
        np.maximum(best, here, out=best)
    if plan.largest_component:
        array = largest_components(array)
    return LabelMap(array, volume.grid, {number: name for name, number in plan.labels.items()}, volume.name)


def largest_components(array: np.ndarray) -> np.ndarray:
    """Return the array with the largest connected part (26 neighbours) of each label, the rest background."""
    kept = np.zeros_like(array)
    for number in np.unique(array):
        if number == 0:
            continue
        parts, count = ndimage.label(array == number, structure=np.ones((3, 3, 3)))
        if count:
            sizes = np.bincount(parts.ravel())
            sizes[0] = 0
            kept[parts == sizes.argmax()] = number
    return kept
