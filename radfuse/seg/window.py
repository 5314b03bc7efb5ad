"""The sliding window on plain arrays: whoever runs the network, torch, onnxruntime or another."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

Runner = Callable[[np.ndarray], np.ndarray]
"""float32 (1, input, z, y, x) -> float32 (1, class, z, y, x): logits of one patch."""


def sliding_window(
    image: np.ndarray,
    patch_zyx: tuple[int, int, int],
    classes: int,
    overlap: float,
    run: Runner,
    *,
    position: bool = False,
) -> np.ndarray:
    """Return class probabilities of a whole image.

    Patches overlap and are weighted by a Gaussian, so that their borders count little. An image smaller than a patch
    is padded with its smallest value, in its middle as in training.

    Args:
        image: float32, shape (z, y, x).
        patch_zyx: the network's patch.
        classes: number of classes.
        overlap: share of a patch that its neighbour sees too, in [0, 1).
        run: the network.
        position: give the network each voxel's position too.

    Returns:
        float32, shape (class, z, y, x), summing to 1 over classes.

    Source:
        The weighting: Isensee et al. 2021, doi:10.1038/s41592-020-01008-z.
    """
    padding = padding_of(image.shape, patch_zyx)
    padded = np.pad(image, padding, constant_values=float(image.min())).astype(np.float32)
    starts = [window_starts(size, patch, overlap) for size, patch in zip(padded.shape, patch_zyx, strict=True)]
    weight = gaussian_weight(patch_zyx)
    total = np.zeros((classes, *padded.shape), dtype=np.float32)
    weights = np.zeros(padded.shape, dtype=np.float32)
    for corner in itertools.product(*starts):
        part = tuple(slice(start, start + patch) for start, patch in zip(corner, patch_zyx, strict=True))
        patch = np.ascontiguousarray(padded[part][None, None])
        if position:
            patch = positioned(patch, np.subtract(corner, [before for before, _ in padding]), image.shape)
        logits = run(patch)[0]
        total[(slice(None), *part)] += softmax(logits) * weight
        weights[part] += weight
    total /= weights
    inner = (slice(before, before + size) for (before, _), size in zip(padding, image.shape, strict=True))
    return total[(slice(None), *inner)]


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
    shifted = np.exp(logits - logits.max(axis=0, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=0, keepdims=True), dtype=np.float32)
