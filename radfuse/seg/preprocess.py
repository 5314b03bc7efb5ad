"""From a volume to what the network reads, and from its answer back to the volume's grid; no torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from radfuse import machine
from radfuse.errors import InputError
from radfuse.seg.memory import require_size
from radfuse.seg.percentiles import percentiles
from radfuse.seg.window import There
from radfuse.volume.grid import Grid, box_around, oriented, part_of, with_spacing
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.resample import resample, resample_labels

if TYPE_CHECKING:
    from radfuse.seg.plan import NetworkInput, SegPlan

_SPECK = 0.1
"""Parts of a label below this fraction of its largest one are specks."""
_SLAB = 2**22
"""Voxels resampled at once: some tens of MiB a class."""
_PART = 2**18
"""Voxels decided on together: what a core's cache holds."""
_LEAST = 0.95
"""Of a class's fair share: float16 rounds, and what is resampled no longer sums to 1."""


class OwnFrame:
    """An image as our U-Net reads it.

    Args:
        volume: the image.
        plan: the network's plan.
    """

    def __init__(self, volume: Volume, plan: SegPlan) -> None:
        self._volume, self._plan = volume, plan
        array, self.grid = network_input(volume, plan)
        self.array = with_neighbours(by_foreground(array, plan), plan.neighbours)

    def labels(self, slabs: Iterator[tuple[slice, np.ndarray | There]]) -> LabelMap:
        """Return the most probable labels on the image's grid."""
        if self.grid.same_as(self._volume.grid):
            return label_map_here(slabs, self._volume, self._plan)
        probability = np.empty((self._plan.classes, *self.grid.shape), dtype=np.float16)  # float32 takes twice as much
        for slices, found in slabs:
            probability[:, slices] = found
        return label_map(lambda number: probability[number], self.grid, self._volume, self._plan)


def network_input(volume: Volume, plan: NetworkInput) -> tuple[np.ndarray, Grid]:
    """Return the image in the plan's orientation and spacing, clipped and standardised by the voxels of the body.

    Returns:
        float32 of shape (channel, z, y, x), each mean 0 and standard deviation 1 over the body, and the grid. What is
        standardised by the foreground of training masks comes in its own units: each network has seen others.

    Raises:
        InputError: the image has other channels than the network reads, or a spacing that cannot be.
    """
    if len(volume.channels) != plan.images:
        raise InputError(
            f"{volume.name}: the network reads {plan.images} sequences as channels, and is given {len(volume.channels)}"
        )
    turned = oriented(volume.grid, plan.orientation) if plan.orientation else volume.grid
    grid = with_spacing(turned, plan.spacing_zyx_mm)
    require_size(volume.name, grid.shape, turned.spacing_zyx_mm, grid.spacing_zyx_mm)
    here = grid.same_as(volume.grid)
    channels = [channel.array if here else resample(channel, grid).array for channel in volume.channels]
    ready = [
        _standardised(channel) if plan.intensities_of(image) == "body" else channel.astype(np.float32)
        for image, channel in enumerate(channels)
    ]
    return np.stack(ready), grid


def by_foreground(array: np.ndarray, plan: SegPlan) -> np.ndarray:
    """Return images (image, z, y, x), those clipped and standardised that the plan has a foreground of."""
    if not any(plan.foreground):
        return array
    ready = array.copy()
    for image, inside in zip(ready, plan.foreground, strict=True):
        if inside is not None:
            image[...] = (np.clip(image, inside.low, inside.high) - inside.mean) / inside.deviation
    return ready


def with_neighbours(array: np.ndarray, neighbours: int) -> np.ndarray:
    """Return images (image, z, y, x) with slices around each as channels, image by image; the edge's are repeated."""
    if not neighbours:
        return array
    at = np.arange(array.shape[1])
    shifts = range(-neighbours, neighbours + 1)
    moved = [array[:, np.clip(at + shift, 0, len(at) - 1)] for shift in shifts]
    return np.stack(moved, axis=1).reshape(-1, *array.shape[1:])


def _standardised(array: np.ndarray) -> np.ndarray:
    """Return an image of mean 0 and standard deviation 1 over the body, its extremes clipped.

    The body is what exceeds a tenth of the 99.5th percentile: air and padding, of which images have different shares,
    do not count.
    """
    array = array.astype(np.float32)
    body = array[array > np.float32(0.1 * percentiles(array, 99.5)[0])]
    body = body if body.size > 0.01 * array.size else array.flatten()
    low, high = percentiles(body, 0.5, 99.5)
    mean = np.clip(body, low, high, out=body).mean(dtype=np.float64)
    np.square(np.subtract(body, mean, out=body), out=body)
    deviation = max(math.sqrt(body.mean(dtype=np.float64)), 1e-6)
    np.minimum(array, high, out=array)
    return np.divide(np.subtract(array, mean, out=array), deviation, out=array)


def network_target(labels: LabelMap, grid: Grid, plan: NetworkInput) -> np.ndarray:
    """Return class numbers on the network's grid, uint8 of shape (z, y, x)."""
    return class_numbers(resample_labels(labels, grid), plan.labels)


def class_numbers(labels: LabelMap, known: Mapping[str, int]) -> np.ndarray:
    """Return which of the known labels each voxel has, counted from 1, as uint8; 0 is background."""
    target = np.zeros(labels.array.shape, dtype=np.uint8)
    for position, number in enumerate(known.values(), start=1):
        target[labels.array == number] = position
    return target


def label_map(probability: Callable[[int], np.ndarray], inner: Grid, volume: Volume, plan: SegPlan) -> LabelMap:
    """Return the most probable label of each voxel on the volume's own grid, resampled slab by slab.

    Args:
        probability: class -> floats of the shape of `inner`, summing to 1 over classes; rather a view than a copy.
        inner: the network's grid.
        volume: where the labels shall lie.
        plan: the network's plan.
    """
    array = np.zeros(volume.grid.shape, dtype=_type_of(plan))
    depth = max(_SLAB // max(int(np.prod(volume.grid.shape[1:])), 1), 1)
    for first in range(0, len(array), depth):
        slices = slice(first, min(first + depth, len(array)))
        onto = part_of(volume.grid, (slices, slice(0, array.shape[1]), slice(0, array.shape[2])))
        box = box_around(onto, inner)
        source, least = part_of(inner, box), _LEAST / plan.classes
        parts = (probability(number)[box] for number in range(plan.classes))
        # the most probable of n classes has at least 1 / n: one that nowhere has it need not be resampled
        there = ((number, part) for number, part in enumerate(parts) if part.max() >= least)
        here = (
            (number, resample(Volume(part.astype(np.float32), source), onto, edge=True).array) for number, part in there
        )
        array[slices] = _most_probable(here, onto.shape, plan)
    return _finished(array, volume, plan)


def label_map_here(slabs: Iterable[tuple[slice, np.ndarray | There]], volume: Volume, plan: SegPlan) -> LabelMap:
    """Return the most probable label of each voxel where the network's grid is the volume's own.

    Args:
        slabs: as `sliding_window` yields them.
        volume: where the labels lie.
        plan: the network's plan.
    """
    array = np.zeros(volume.grid.shape, dtype=_type_of(plan))
    numbers = np.array([0, *plan.labels.values()], dtype=array.dtype)
    for slices, probability in slabs:
        here = array[slices]
        if not isinstance(probability, np.ndarray):
            here[...] = numbers[probability.likeliest()]
            continue

        def decide(part: slice, here: np.ndarray = here, probability: np.ndarray = probability) -> None:
            here[part] = _most_probable(enumerate(probability[:, part]), here[part].shape, plan)

        machine.by_parts(decide, len(here), _PART // math.prod(here.shape[1:]))
    return _finished(array, volume, plan)


def _most_probable(probabilities: Iterable[tuple[int, np.ndarray]], shape: Sequence[int], plan: SegPlan) -> np.ndarray:
    """Return the label of the most probable class of each voxel; the first of equals."""
    numbers = [0, *plan.labels.values()]
    best = np.full(shape, -np.inf, dtype=np.float32)
    array = np.zeros(shape, dtype=_type_of(plan))
    for number, here in probabilities:
        array[here > best] = numbers[number]
        np.maximum(best, here, out=best)
    return array


def _type_of(plan: SegPlan) -> type[np.integer]:
    return np.uint8 if max(plan.labels.values()) < 256 else np.int32


def _finished(array: np.ndarray, volume: Volume, plan: SegPlan) -> LabelMap:
    """Return labels without specks, where the plan says so."""
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
