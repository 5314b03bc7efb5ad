"""The sliding window on plain arrays: whoever runs the network, torch, onnxruntime or another."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

Runner = Callable[[np.ndarray], np.ndarray]
"""float32 (batch, input, z, y, x) -> float32 (batch, class, z, y, x): logits of patches."""


def sliding_window(
    image: np.ndarray,
    patch_zyx: tuple[int, int, int],
    classes: int,
    overlap: float,
    run: Runner,
    *,
    position: bool = False,
    batch: int = 1,
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield class probabilities of an image, slab by slab; no more than the depth of a patch is held.

    Patches overlap and are weighted by a Gaussian, so that their borders count little. An image smaller than a patch
    is padded with its smallest value, in its middle as in training. Patches of one value, air that was set to zero,
    say, go through the network once.

    Args:
        image: float32, shape (z, y, x).
        patch_zyx: the network's patch.
        classes: number of classes.
        overlap: share of a patch that its neighbour sees too, in [0, 1).
        run: the network.
        position: give the network each voxel's position too.
        batch: patches that go through the network together.

    Yields:
        Slices along z, in their order, and their probabilities: float32, shape (class, slices, y, x), summing to 1 over
        classes.

    Source:
        The weighting: Isensee et al. 2021, doi:10.1038/s41592-020-01008-z.
    """
    padding = padding_of(image.shape, patch_zyx)
    padded = np.pad(image, padding, constant_values=float(image.min())) if np.any(padding) else image
    starts_z, *starts = (
        window_starts(size, patch, overlap) for size, patch in zip(padded.shape, patch_zyx, strict=True)
    )
    middle = tuple(slice(before, before + size) for (before, _), size in zip(padding[1:], image.shape[1:], strict=True))
    sums = _Sums(classes, patch_zyx, padded.shape[1:])
    answered = _once_each_value(run)
    for start, following in zip(starts_z, [*starts_z[1:], padded.shape[0]], strict=True):
        for group in _groups(list(itertools.product([start], *starts)), batch):
            patches = [_cut(padded, corner, patch_zyx, padding, image.shape if position else None) for corner in group]
            for corner, logits in zip(group, answered(np.concatenate(patches)), strict=True):
                sums.add(corner[1:], logits)
        found = sums.take(following - start)
        first, last = (min(max(at - padding[0][0], 0), image.shape[0]) for at in (start, following))
        skipped = max(padding[0][0] - start, 0)
        yield slice(first, last), found[(slice(None), slice(skipped, skipped + last - first), *middle)]


class _Sums:
    """Weighted probabilities of the slices that the patches at work reach, as deep as a patch."""

    def __init__(self, classes: int, patch_zyx: tuple[int, int, int], sizes_yx: Sequence[int]) -> None:
        self._weight = gaussian_weight(patch_zyx)
        self._total = np.zeros((classes, patch_zyx[0], *sizes_yx), dtype=np.float32)
        self._weights = np.zeros(self._total.shape[1:], dtype=np.float32)

    def add(self, corner_yx: tuple[int, ...], logits: np.ndarray) -> None:
        """Add what the network says of a patch, (class, z, y, x)."""
        part = tuple(slice(at, at + size) for at, size in zip(corner_yx, self._weight.shape[1:], strict=True))
        probability = softmax(logits)
        probability *= self._weight
        self._total[(slice(None), slice(None), *part)] += probability
        self._weights[(slice(None), *part)] += self._weight

    def take(self, count: int) -> np.ndarray:
        """Return the probabilities of the first slices, which no patch reaches any more, and go on behind them."""
        found = self._total[:, :count] / self._weights[:count]
        for kept in (self._total, self._weights):
            left = kept.shape[-3] - count
            for number in range(left):  # one after another: slices may overlap those they move to
                kept[..., number, :, :] = kept[..., number + count, :, :]
            kept[..., left:, :, :] = 0
        return found


def _groups(corners: list[tuple[int, ...]], size: int) -> Iterator[list[tuple[int, ...]]]:
    return (corners[first : first + size] for first in range(0, len(corners), size))


def _cut(
    padded: np.ndarray,
    corner: tuple[int, ...],
    patch_zyx: tuple[int, int, int],
    padding: list[tuple[int, int]],
    shape: Sequence[int] | None,
) -> np.ndarray:
    """Return a patch, shape (1, input, z, y, x); with the shape of the whole image it has positions too."""
    part = tuple(slice(start, start + size) for start, size in zip(corner, patch_zyx, strict=True))
    patch = np.ascontiguousarray(padded[part][None, None], dtype=np.float32)
    if shape is None:
        return patch
    return positioned(patch, np.subtract(corner, [before for before, _ in padding]), shape)


def _once_each_value(run: Runner) -> Callable[[np.ndarray], list[np.ndarray]]:
    """Return a network that remembers what it said of patches of a single value; two such are kept."""
    known: dict[float | None, np.ndarray] = {}

    def answered(patches: np.ndarray) -> list[np.ndarray]:
        values = [float(patch.flat[0]) if (patch == patch.flat[0]).all() else None for patch in patches]
        new = [value not in known for value in values]
        logits = iter(run(patches if all(new) else patches[new]) if any(new) else ())
        found = [next(logits) if asked else known[value] for asked, value in zip(new, values, strict=True)]
        for value, said in zip(values, found, strict=True):
            if value is not None and value not in known and len(known) < 2:
                known[value] = said.copy()
        return found

    return answered


def padding_of(shape: Sequence[int], patch_zyx: Sequence[int]) -> list[tuple[int, int]]:
    """Return voxels to add before and after each axis, so that an image is at least a patch, and lies in its middle.

    Training pads by the same rule: a network that sees whole images learns where in the patch they lie.
    """
    lacking = [max(patch - size, 0) for patch, size in zip(patch_zyx, shape, strict=True)]
    return [((voxels + 1) // 2, voxels // 2) for voxels in lacking]


def positioned(patch: np.ndarray, corner: ArrayLike, shape: Sequence[int]) -> np.ndarray:
    """Return a patch (1, 1, z, y, x) with three more channels: how far along z, y, x of the image each voxel lies.

    Args:
        patch: cut from the image, or reaching beyond it.
        corner: voxel of the image (z, y, x) where the patch starts; may be negative.
        shape: of the image.

    Returns:
        float32 (1, 4, z, y, x); positions are -1 and 1 at the image's faces.
    """
    sizes = patch.shape[2:]
    axes = [
        (2 * (start + np.arange(size)) + 1) / whole - 1
        for start, size, whole in zip(np.asarray(corner), sizes, shape, strict=True)
    ]
    places = [np.broadcast_to(place, sizes) for place in np.meshgrid(*axes, indexing="ij")]
    return np.concatenate([patch, np.stack(places)[None].astype(np.float32)], axis=1)


def window_starts(size: int, patch: int, overlap: float) -> list[int]:
    """Return evenly spread first voxels of patches that cover `size` voxels; the last patch ends with the image."""
    if size <= patch:
        return [0]
    count = int(np.ceil((size - patch) / max(patch * (1 - overlap), 1))) + 1
    return [round(start) for start in np.linspace(0, size - patch, count)]


@lru_cache(maxsize=4)
def gaussian_weight(patch_zyx: tuple[int, int, int], sigma: float = 0.125) -> np.ndarray:
    """Return weights of a patch, 1 in its middle, never below 1e-3; sigma as a share of each side."""
    axes = [np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / (sigma * n)) ** 2) for n in patch_zyx]
    weight = axes[0][:, None, None] * axes[1][None, :, None] * axes[2][None, None, :]
    return np.asarray(np.maximum(weight / weight.max(), 1e-3), dtype=np.float32)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return probabilities along the first axis."""
    shifted = logits - logits.max(axis=0, keepdims=True)
    np.exp(shifted, out=shifted)
    shifted /= shifted.sum(axis=0, keepdims=True)
    return np.asarray(shifted, dtype=np.float32)
