"""The sliding window on plain arrays: whoever runs the network, torch, onnxruntime or another."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike

Runner = Callable[[np.ndarray], Any]
"""float32 (batch, input, z, y, x) -> float32 (batch, class, z, y, x): logits of patches, numpy's or on a device."""


class There(Protocol):
    """What a network says of slices, (class, z, y, x), on the device that computed it.

    What is asked of it comes back, and no more; as an array all of it does.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes, (class, z, y, x)."""

    def __getitem__(self, places: tuple[slice, ...]) -> There:
        """Return a part of it, there."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return all of it, here."""

    def likeliest(self) -> np.ndarray:
        """Return the number of each voxel's most probable class, (z, y, x)."""

    def entropy(self, *, logits: bool) -> np.ndarray:
        """Return what `radfuse.seg.quality.entropy_of` does."""


class Averages(Protocol):
    """What is averaged where patches overlap, of the slices that the patches at work reach."""

    def add(self, corner_yx: tuple[int, ...], logits: Any) -> None:
        """Add what the network says of a patch, (class, z, y, x)."""

    def take(self, count: int) -> np.ndarray | There:
        """Return the means of the first slices, (class, count, y, x), and go on behind them."""


AveragesOf = Callable[[int, "Window", Sequence[int]], Averages]
"""Number of classes, window, sizes (y, x) of the image -> where answers are added up."""


@dataclass(frozen=True)
class Window:
    """How patches cover an image, and how what the network says of them becomes one answer.

    Attributes:
        patch_zyx: the network's patch; one slice deep for networks of slices.
        overlap: share of a patch that its neighbour sees too, in [0, 1).
        position: the network reads where each voxel lies too, in channels behind those of the image.
        averages: what is averaged where patches overlap.
        pads: what stands around an image smaller than a patch; "lowest" is each channel's smallest value.
        impulse: weigh patches by the answer of a Gaussian filter to an impulse, as nnU-Net does.
        mirror_axes: 0, 1, 2 for z, y, x: the network sees each patch mirrored along these too, and its answers are
            averaged.
    """

    patch_zyx: tuple[int, int, int]
    overlap: float
    position: bool = False
    averages: Literal["probabilities", "logits"] = "probabilities"
    pads: Literal["lowest", "zero"] = "lowest"
    impulse: bool = False
    mirror_axes: tuple[int, ...] = ()

    @property
    def weight(self) -> np.ndarray:
        """Of each voxel of a patch."""
        return impulse_weight(self.patch_zyx) if self.impulse else gaussian_weight(self.patch_zyx)

    def padding(self, shape: Sequence[int]) -> list[tuple[int, int]]:
        """Return voxels to add before and after each axis, (z, y, x); nnU-Net adds an odd one behind."""
        padding = padding_of(shape, self.patch_zyx)
        return [(after, before) for before, after in padding] if self.pads == "zero" else padding

    def padded(self, image: np.ndarray) -> np.ndarray:
        """Return an image (channel, z, y, x) that is at least a patch."""
        padding = self.padding(image.shape[1:])
        if not np.any(padding):
            return image
        around = [0.0 if self.pads == "zero" else float(channel.min()) for channel in image]
        return np.stack([np.pad(part, padding, constant_values=v) for part, v in zip(image, around, strict=True)])


def sliding_window(
    image: np.ndarray,
    window: Window,
    classes: int,
    run: Runner,
    batch: int = 1,
    averages: AveragesOf | None = None,
) -> Iterator[tuple[slice, np.ndarray | There]]:
    """Yield what a network says of an image, slab by slab; no more than the depth of a patch is held.

    Patches overlap and are weighted so that their borders count little. Patches of one value, air that was set to zero,
    say, go through the network once.

    Args:
        image: float32, shape (channel, z, y, x).
        window: how patches cover it.
        classes: number of classes.
        run: the network.
        batch: patches that go through the network together.
        averages: adds up the answers where they are; None: in this process's memory, as numpy arrays.

    Yields:
        Slices along z, in their order, and what is averaged, float32 of shape (class, slices, y, x): logits, or
        probabilities, which sum to 1 over classes; of `averages` on a device still there.

    Source:
        The weighting: Isensee et al. 2021, doi:10.1038/s41592-020-01008-z.
    """
    shape, patch_zyx = image.shape[1:], window.patch_zyx
    padding, padded = window.padding(shape), window.padded(image)
    depth = padded.shape[1]
    starts_z, *starts = (
        window_starts(size, patch, window.overlap) for size, patch in zip(padded.shape[1:], patch_zyx, strict=True)
    )
    middle = tuple(slice(before, before + size) for (before, _), size in zip(padding[1:], shape[1:], strict=True))
    sums = (averages or Sums)(classes, window, padded.shape[2:])
    answered = _once_each_value(mirrored(run, window, len(image)))
    for start, following in zip(starts_z, [*starts_z[1:], depth], strict=True):
        for group in _groups(list(itertools.product([start], *starts)), batch):
            patches = [_cut(padded, corner, patch_zyx, padding, shape if window.position else None) for corner in group]
            for corner, logits in zip(group, answered(np.concatenate(patches)), strict=True):
                sums.add(corner[1:], logits)
        found = sums.take(following - start)
        first, last = (min(max(at - padding[0][0], 0), shape[0]) for at in (start, following))
        skipped = max(padding[0][0] - start, 0)
        yield slice(first, last), found[(slice(None), slice(skipped, skipped + last - first), *middle)]


def mirrored(run: Runner, window: Window, channels: int) -> Runner:
    """Return a network whose answer is the mean of its answers to a patch and to all its mirror images.

    Args:
        run: the network.
        window: along which axes, and whether behind the image's channels stand positions, which turn with the axis.
        channels: of the image.
    """
    turns = [axes for count in range(len(window.mirror_axes) + 1) for axes in combinations(window.mirror_axes, count)]
    if len(turns) == 1:
        return run

    def answer(patches: np.ndarray) -> Any:
        total: Any = None
        for axes in turns:
            behind = tuple(axis + 2 for axis in axes)
            turned = np.flip(patches, behind).copy()  # whole: of an axis of one voxel its stride stays negative else
            if window.position:
                turned[:, [channels + axis for axis in axes]] *= -1
            said = run(turned)
            found = np.flip(said, behind) if isinstance(said, np.ndarray) else said.flip(behind)
            if total is None:
                total = _own(found)
            else:
                total += found
        total /= len(turns)
        return total

    return answer


def _own(array: Any) -> Any:
    """Return a copy of an array, numpy's or torch's: runtimes may write their next answer over the last."""
    return array.copy() if isinstance(array, np.ndarray) else array.clone()


class Sums:
    """Averages in this process's memory, as deep as a patch."""

    def __init__(self, classes: int, window: Window, sizes_yx: Sequence[int]) -> None:
        self._weight, self._of_logits = window.weight, window.averages == "logits"
        self._total = np.zeros((classes, window.patch_zyx[0], *sizes_yx), dtype=np.float32)
        self._weights = np.zeros(self._total.shape[1:], dtype=np.float32)

    def add(self, corner_yx: tuple[int, ...], logits: np.ndarray) -> None:
        """Add what the network says of a patch, (class, z, y, x)."""
        part = tuple(slice(at, at + size) for at, size in zip(corner_yx, self._weight.shape[1:], strict=True))
        said = logits if self._of_logits else softmax(logits)
        self._total[(slice(None), slice(None), *part)] += said * self._weight
        self._weights[(slice(None), *part)] += self._weight

    def take(self, count: int) -> np.ndarray:
        """Return the means of the first slices, which no patch reaches any more, and go on behind them."""
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
    patch = np.ascontiguousarray(padded[(slice(None), *part)][None], dtype=np.float32)
    if shape is None:
        return patch
    return positioned(patch, np.subtract(corner, [before for before, _ in padding]), shape)


def _once_each_value(run: Runner) -> Callable[[np.ndarray], list[Any]]:
    """Return a network that remembers what it said of patches of a single value; two such are kept."""
    known: dict[bytes | None, Any] = {}

    def answered(patches: np.ndarray) -> list[Any]:
        values = [patch[:, 0, 0, 0].tobytes() if _is_flat(patch) else None for patch in patches]
        new = [value not in known for value in values]
        logits = iter(run(patches if all(new) else patches[new]) if any(new) else ())
        found = [next(logits) if asked else known[value] for asked, value in zip(new, values, strict=True)]
        for value, said in zip(values, found, strict=True):
            if value is not None and value not in known and len(known) < 2:
                known[value] = _own(said)
        return found

    return answered


def _is_flat(patch: np.ndarray) -> bool:
    """Return whether each channel has one value; of most patches the middle tells that it has not."""
    first = patch[:, :1, :1, :1]
    middle = patch[:, patch.shape[1] // 2, patch.shape[2] // 2, :]
    return bool((middle == first[:, 0, 0]).all() and (patch == first).all())


def padding_of(shape: Sequence[int], patch_zyx: Sequence[int]) -> list[tuple[int, int]]:
    """Return voxels to add before and after each axis, so that an image is at least a patch, and lies in its middle.

    Training pads by the same rule: a network that sees whole images learns where in the patch they lie.
    """
    lacking = [max(patch - size, 0) for patch, size in zip(patch_zyx, shape, strict=True)]
    return [((voxels + 1) // 2, voxels // 2) for voxels in lacking]


def positioned(patch: np.ndarray, corner: ArrayLike, shape: Sequence[int]) -> np.ndarray:
    """Return a patch (1, channel, z, y, x) with three more channels: how far along the image's z, y, x each voxel is.

    Args:
        patch: cut from the image, or reaching beyond it.
        corner: voxel of the image (z, y, x) where the patch starts; may be negative.
        shape: of the image.

    Returns:
        float32 (1, channel + 3, z, y, x); positions are -1 and 1 at the image's faces.
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


@lru_cache(maxsize=4)
def impulse_weight(patch_zyx: tuple[int, int, int]) -> np.ndarray:
    """Return nnU-Net's weights of a patch: a Gaussian filter's answer to an impulse in the middle, nowhere zero."""
    from scipy import ndimage  # now: settings are read without it

    axes = []
    for size in patch_zyx:
        impulse = np.zeros(size)
        impulse[size // 2] = 1
        axes.append(ndimage.gaussian_filter1d(impulse, size / 8, mode="constant") if size > 1 else impulse)
    weight = axes[0][:, None, None] * axes[1][None, :, None] * axes[2][None, None, :]
    weight = (weight / weight.max() * 10).astype(np.float16).astype(np.float32)  # it keeps them so
    return np.where(weight == 0, weight[weight > 0].min(), weight).astype(np.float32)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return probabilities along the first axis."""
    shifted = logits - logits.max(axis=0, keepdims=True)
    np.exp(shifted, out=shifted)
    shifted /= shifted.sum(axis=0, keepdims=True)
    return np.asarray(shifted, dtype=np.float32)
