"""An image as nnU-Net's preprocessing makes it, and its answer back on the image's grid, as nnU-Net's export makes it.

Source: Isensee et al. 2021, doi:10.1038/s41592-020-01008-z; nnunetv2 2.8, which the tests compare with voxel by voxel.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from scipy import ndimage

from radfuse import machine
from radfuse.errors import InputError
from radfuse.seg.memory import require_size
from radfuse.seg.nnunet.plan import NnunetPlan, Normalisation, Resampling
from radfuse.seg.nnunet.resize import as_flat, axis_by_itself, resized, resized_mask, resized_slabs, shape_at
from radfuse.seg.window import There
from radfuse.volume.grid import Grid, oriented, part_of, triple
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.resample import resample, resample_labels

_EPSILON = 1e-8
_PART = 2**18
"""Voxels decided on together: what a core's cache holds."""
_KEPT = np.float16
"""Of logits that wait to be resampled; nnU-Net keeps them so, too."""


class NnunetFrame:
    """An image as an nnU-Net reads it: turned, cut to what is not zero, normalised, resampled.

    Args:
        volume: the image, with its channels.
        plan: the network's plan.
        before: of a cascade, what its first stage made of the image, on the image's grid.

    Raises:
        InputError: the image has other channels than the network reads, intensities that its scheme refuses, or a
            spacing that cannot be.
    """

    def __init__(self, volume: Volume, plan: NnunetPlan, before: LabelMap | None = None) -> None:
        if len(volume.channels) != plan.images:
            raise InputError(
                f"{volume.name}: the network reads {plan.images} channels ({', '.join(plan.channels)}), and is given "
                f"{len(volume.channels)}; name them in that order in segmentation.sequence"
            )
        self._volume, self._plan = volume, plan
        self._read = oriented(volume.grid, plan.orientation) if plan.orientation else volume.grid
        turned = self._read is not volume.grid
        channels = [resample(part, self._read, "nearest") if turned else part for part in volume.channels]
        whole = _together([channel.array for channel in channels]).transpose(0, *(axis + 1 for axis in plan.transpose))
        self._whole_shape = triple(whole.shape[1:], int)
        self._mm = triple([self._read.spacing_zyx_mm[axis] for axis in plan.transpose], float)
        if plan.pixels and self._whole_shape[0] > 1:
            raise InputError(
                f"{volume.name}: the network reads pictures, and this image has {self._whole_shape[0]} slices; give "
                "each as an image of its own"
            )
        there = (whole != 0).any(axis=0)
        self._box = _box_of(there)
        cut, there = whole[(slice(None), *self._box)], there[self._box]
        if before is not None or any(part.masked for part in plan.normalisation):
            there = ndimage.binary_fill_holes(there)
        self._cut_shape = triple(there.shape, int)
        mask = None if before is None else self._cut(before, there)
        if mask is not None:
            there = mask >= 0
        self._spacing = self._counted()
        self._onto = [self._spacing[0], *plan.spacing_mm] if plan.slices else list(plan.spacing_mm)
        shape = shape_at(self._cut_shape, self._spacing, self._onto)
        kept = f", of which all but {' x '.join(map(str, self._cut_shape))} voxels are zero"
        require_size(volume.name + kept * (self._cut_shape != self._whole_shape), shape, self._spacing, self._onto)
        alone = axis_by_itself(plan.of_images.separate_z, self._spacing, self._onto)
        orders = _orders(plan.of_images, alone)
        parts = [
            resized(_normalised(channel, there, how, volume.name), shape, orders, alone)
            for channel, how in zip(cut, plan.normalisation, strict=True)
        ]
        if mask is not None and plan.of_masks is not None:
            alone = axis_by_itself(plan.of_masks.separate_z, self._spacing, self._onto)
            mask = resized_mask(mask, shape, plan.of_masks.order, alone)
            parts += [(mask == number).astype(np.float32) for number in plan.masks]
        self.array = _together(parts)

    def _counted(self) -> list[float]:
        """Return the spacing, transposed, as nnU-Net's reader told it of what the network learned from."""
        spacing = (1.0, 1.0, 1.0) if self._plan.pixels else self._mm
        return list(as_flat(spacing) if self._plan.flat and self._whole_shape[0] == 1 else spacing)

    def _cut(self, before: LabelMap, there: np.ndarray) -> np.ndarray:
        """Return a mask, float32, where the image is cut to; -1 where neither that nor the image has anything."""
        mask = resample_labels(before, self._read).array.transpose(self._plan.transpose)[self._box].astype(np.float32)
        mask[(mask == 0) & ~there] = -1
        return mask

    @property
    def grid(self) -> Grid:
        """Where the voxels of the array lie."""
        axes = np.array(self._read.direction).reshape(3, 3)[:, ::-1][:, list(self._plan.transpose)]
        shape = [self._read.shape[axis] for axis in self._plan.transpose]
        direction = tuple(float(value) for value in axes[:, ::-1].ravel())
        turned = Grid(triple(shape, int), self._mm, self._read.origin, direction)
        cut, new = part_of(turned, self._box), np.array(self.array.shape[1:])
        old_mm = np.array(cut.spacing_zyx_mm)
        new_mm = old_mm * cut.shape / new
        shift = axes @ ((new_mm - old_mm) / 2)
        return Grid(triple(new, int), triple(new_mm, float), triple(np.array(cut.origin) + shift, float), direction)

    def labels(self, slabs: Iterator[tuple[slice, np.ndarray | There]]) -> LabelMap:
        """Return the labels on the image's own grid, from logits slab by slab."""
        found = np.zeros(self._cut_shape, dtype=np.uint8 if max(self._plan.labels.values()) < 256 else np.uint16)
        if self.array.shape[1:] == self._cut_shape:
            numbers = np.array([0, *self._plan.labels.values()], dtype=found.dtype)
            for slices, said in slabs:
                here = found[slices]
                if not isinstance(said, np.ndarray) and not self._plan.regions:
                    here[...] = numbers[said.likeliest()]
                    continue

                logits = np.asarray(said)

                def decide(part: slice, here: np.ndarray = here, logits: np.ndarray = logits) -> None:
                    here[part] = self._decided(iter(logits[:, part]), here[part].shape)

                machine.by_parts(decide, len(here), _PART // math.prod(here.shape[1:]))
        else:
            kept = np.empty((self._plan.classes, *self.array.shape[1:]), dtype=_KEPT)
            for slices, said in slabs:
                kept[:, slices] = said
            alone = axis_by_itself(self._plan.of_logits.separate_z, self._onto, self._spacing)
            for slices, parts in resized_slabs(list(kept), self._cut_shape, _orders(self._plan.of_logits, alone)):
                found[slices] = self._decided(parts, found[slices].shape)
        whole = np.zeros(self._whole_shape, dtype=found.dtype)
        whole[self._box] = found
        array = np.ascontiguousarray(whole.transpose(np.argsort(self._plan.transpose)))
        names = {number: name for name, number in self._plan.labels.items()}
        return resample_labels(LabelMap(array, self._read, names, self._volume.name), self._volume.grid)

    def _decided(self, logits: Iterator[np.ndarray], shape: Sequence[int]) -> np.ndarray:
        """Return the label of the largest logit; of regions, the last whose logit says more likely than not."""
        labels = np.zeros(shape, dtype=np.int32)
        best = np.zeros(shape, dtype=np.float32) if self._plan.regions else next(logits).astype(np.float32)
        for number, here in zip(self._plan.labels.values(), logits, strict=True):
            labels[here > best] = number
            if not self._plan.regions:
                np.maximum(best, here, out=best)
        return labels


def _orders(how: Resampling, alone: int | None) -> list[int]:
    return [how.order_z if axis == alone else how.order for axis in range(3)]


def _together(channels: Sequence[np.ndarray]) -> np.ndarray:
    """Return channels as one array; of one channel no copy."""
    return channels[0][None] if len(channels) == 1 else np.stack(channels)


def _box_of(there: np.ndarray) -> tuple[slice, slice, slice]:
    """Return the box of the voxels that are there; the whole image where none is."""
    found = ndimage.find_objects(there.view(np.uint8))
    if not found:
        z, y, x = (slice(0, size) for size in there.shape)
        return z, y, x
    z, y, x = found[0]
    return z, y, x


def _normalised(image: np.ndarray, there: np.ndarray, how: Normalisation, name: str) -> np.ndarray:
    """Return one channel, float32, by nnU-Net's scheme."""
    image = image.astype(np.float32)
    if how.scheme == "ZScoreNormalization":
        if how.masked:
            inside = image[there]
            if not inside.size:
                return image
            image[there] = (inside - inside.mean()) / max(inside.std(), _EPSILON)
            return image
        mean, deviation = image.mean(), max(image.std(), _EPSILON)
        np.subtract(image, mean, out=image)
        return np.divide(image, deviation, out=image)
    if how.scheme == "CTNormalization":
        return np.asarray((np.clip(image, how.low, how.high) - how.mean) / max(how.std, _EPSILON), dtype=np.float32)
    if how.scheme == "RescaleTo01Normalization":
        image = image - image.min()
        return np.asarray(image / max(image.max(), _EPSILON), dtype=np.float32)
    if how.scheme == "RGBTo01Normalization":
        if image.min() < 0 or image.max() > 255:
            raise InputError(
                f"{name}: the network reads RGB values from 0 to 255, found {image.min()} to {image.max()}"
            )
        return image / 255
    return image
