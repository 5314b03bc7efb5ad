"""From a volume to what the network reads, and from its answer back to the volume's grid; no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
from scipy import ndimage

from radfuse.seg.plan import SegPlan
from radfuse.volume.grid import Grid, oriented, with_spacing
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.resample import resample, resample_labels

_SPECK = 0.1
"""Parts of a label below this fraction of its largest one are specks."""


def network_input(volume: Volume, plan: SegPlan) -> tuple[np.ndarray, Grid]:
    """Return the image in the plan's orientation and spacing, clipped and standardised by the voxels of the body.

    The body is what exceeds a tenth of the 99.5th percentile: air and padding, of which images have different shares,
    do not count.

    Returns:
        float32 of shape (z, y, x), mean 0 and standard deviation 1 over the body, and its grid.
    """
    turned = oriented(volume.grid, plan.orientation) if plan.orientation else volume.grid
    grid = with_spacing(turned, plan.spacing_zyx_mm)
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
        here = resample(Volume(probability(position), inner), volume.grid, edge=True).array
        array[here > best] = number
        np.maximum(best, here, out=best)
    if plan.parts:
        array = largest_parts(array, dict(zip(plan.labels.values(), plan.parts, strict=True)))
    return LabelMap(array, volume.grid, {number: name for name, number in plan.labels.items()}, volume.name)


def largest_parts(array: np.ndarray, most: Mapping[int, int]) -> np.ndarray:
    """Return the array with the largest connected parts (26 neighbours) of each label, the rest background.

    Args:
        array: label numbers, shape (z, y, x).
        most: label -> number of parts kept; those of less than a tenth of the largest are not.
    """
    kept = np.zeros_like(array)
    for number, box in _boxes(array):
        parts, sizes = _parts(array[box] == number)
        largest = np.argsort(-sizes, kind="stable")[: most.get(number, len(sizes))]
        largest = largest[sizes[largest] >= _SPECK * sizes.max()]
        kept[box][np.isin(parts, largest + 1)] = number
    return kept


def usual_parts(targets: Iterable[np.ndarray], classes: int) -> tuple[int, ...]:
    """Return into how many connected parts each class falls in the median target: one tibia, two menisci.

    Args:
        targets: class numbers, shape (z, y, x); parts of less than a tenth of the largest do not count.
        classes: number of classes, background counted.

    Returns:
        A number for each class but the background, at least 1.
    """
    found: dict[int, list[int]] = {}
    for target in targets:
        for number, box in _boxes(target):
            sizes = _parts(target[box] == number)[1]
            found.setdefault(number, []).append(int((sizes >= _SPECK * sizes.max()).sum()))
    return tuple(int(np.ceil(np.median(found.get(number, [1])))) for number in range(1, classes))


def _boxes(array: np.ndarray) -> list[tuple[int, tuple[slice, ...]]]:
    boxes = ndimage.find_objects(array.astype(np.int32))
    return [(number, box) for number, box in enumerate(boxes, start=1) if box is not None]


def _parts(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of each voxel's part, counted from 1, and the parts' sizes."""
    parts, _ = ndimage.label(mask, structure=np.ones((3, 3, 3)))
    return parts, np.bincount(parts.ravel())[1:]
