"""Instance normalisation and leaky ReLU in one, on a GPU, with channels last: an image is read twice and written once.

torch's own turns the image into another layout first, and cuDNN's convolutions turn it back.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from subprocess import SubprocessError
from typing import Any

import torch
import triton
from triton import language as tl
from triton.errors import TritonError

_TILE = 8192
"""Values that one program holds."""
_CANNOT = (TritonError, RuntimeError, OSError, SubprocessError, AssertionError, ImportError)
"""What a missing compiler, an old GPU, an old driver, and none of them raise."""


@triton.jit
def _places(voxels, channels, WIDTH: tl.constexpr, ROWS: tl.constexpr):
    """Return of this program's tile where each value lies, which of them there are, and which columns."""
    columns = tl.arange(0, WIDTH)
    rows = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    inside = columns < channels
    at = (tl.program_id(0).to(tl.int64) * voxels + rows[:, None]) * channels + columns[None, :]
    return at, (rows < voxels)[:, None] & inside[None, :], tl.program_id(0) * channels + columns, inside


@triton.jit
def _put(sums, first, second, channels, chunks, WIDTH: tl.constexpr):
    """Write two sums of each channel over this program's tile: sums (image, 2, chunk, channel)."""
    columns = tl.arange(0, WIDTH)
    place = sums + (tl.program_id(0) * 2 * chunks + tl.program_id(1)) * channels + columns
    tl.store(place, tl.sum(first, 0), mask=columns < channels)
    tl.store(place + chunks * channels, tl.sum(second, 0), mask=columns < channels)


@triton.jit
def _add_up(image, sums, voxels, channels, chunks, WIDTH: tl.constexpr, ROWS: tl.constexpr):
    """Write the sum of each channel, and that of its squares."""
    at, there, _, _ = _places(voxels, channels, WIDTH, ROWS)
    values = tl.load(image + at, mask=there, other=0).to(tl.float32)
    _put(sums, values, values * values, channels, chunks, WIDTH)


@triton.jit
def _apply(
    image,
    out,
    factor,
    offset,
    slope,
    voxels,
    channels,
    WIDTH: tl.constexpr,
    ROWS: tl.constexpr,
):
    """Write image * factor + offset, what is negative of it times the slope; factor and offset (image, channel)."""
    at, there, channel, inside = _places(voxels, channels, WIDTH, ROWS)
    times = tl.load(factor + channel, mask=inside, other=0)
    plus = tl.load(offset + channel, mask=inside, other=0)
    values = tl.load(image + at, mask=there, other=0).to(tl.float32) * times[None, :] + plus[None, :]
    values = tl.where(values < 0, values * slope, values)
    tl.store(out + at, values.to(out.dtype.element_ty), mask=there)


@triton.jit
def _before(image, told, factor, offset, slope, at, there, channel, inside):
    """Return the image, the gradient before its activation, and the factor of each channel."""
    times = tl.load(factor + channel, mask=inside, other=0)
    plus = tl.load(offset + channel, mask=inside, other=0)
    values = tl.load(image + at, mask=there, other=0).to(tl.float32)
    gradient = tl.load(told + at, mask=there, other=0).to(tl.float32)
    return values, tl.where(values * times[None, :] + plus[None, :] < 0, gradient * slope, gradient), times


@triton.jit
def _add_up_back(
    image,
    told,
    factor,
    offset,
    slope,
    sums,
    voxels,
    channels,
    chunks,
    WIDTH: tl.constexpr,
    ROWS: tl.constexpr,
):
    """Write the sum of each channel's gradient before the activation, and of that times the image."""
    at, there, channel, inside = _places(voxels, channels, WIDTH, ROWS)
    values, gradient, _ = _before(image, told, factor, offset, slope, at, there, channel, inside)
    _put(sums, gradient, gradient * values, channels, chunks, WIDTH)


@triton.jit
def _apply_back(
    image,
    told,
    factor,
    offset,
    slope,
    out,
    of_image,
    constant,
    voxels,
    channels,
    WIDTH: tl.constexpr,
    ROWS: tl.constexpr,
):
    """Write gradient * factor + image * of_image + constant, each of them (image, channel)."""
    at, there, channel, inside = _places(voxels, channels, WIDTH, ROWS)
    values, gradient, times = _before(image, told, factor, offset, slope, at, there, channel, inside)
    more = tl.load(of_image + channel, mask=inside, other=0)
    rest = tl.load(constant + channel, mask=inside, other=0)
    found = gradient * times[None, :] + values * more[None, :] + rest[None, :]
    tl.store(out + at, found.to(out.dtype.element_ty), mask=there)


class _Normalised(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any, image: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor, epsilon: float, slope: float
    ) -> torch.Tensor:
        tiles = _Tiles(image)
        sums = tiles.sums()
        tiles.run(_add_up, image, sums, chunks=tiles.chunks)
        mean, square = (sums.sum(2, dtype=torch.float64) / tiles.voxels).unbind(1)
        inverse = (square - mean * mean).clamp(min=0).add(epsilon).rsqrt()
        factor = (scale * inverse).float().contiguous()
        offset = (shift - mean * (scale * inverse)).float().contiguous()
        out = torch.empty_like(image)
        tiles.run(_apply, image, out, factor, offset, slope)
        context.save_for_backward(image, factor, offset, mean, inverse)
        context.slope = slope
        return out

    @staticmethod
    def backward(context: Any, *told: torch.Tensor) -> Any:
        image, factor, offset, mean, inverse = context.saved_tensors
        tiles = _Tiles(image)
        gradient = told[0].contiguous(memory_format=tiles.layout)
        sums, slope = tiles.sums(), context.slope
        tiles.run(_add_up_back, image, gradient, factor, offset, slope, sums, chunks=tiles.chunks)
        total, with_image = sums.sum(2, dtype=torch.float64).unbind(1)
        with_standard = (with_image - mean * total) * inverse  # the gradient times the standardised image
        # d image = factor * (gradient - mean of it - standardised image * mean of that product)
        of_image = -factor * inverse * with_standard / tiles.voxels
        constant = -factor * total / tiles.voxels - of_image * mean
        out = torch.empty_like(image)
        numbers = of_image.float().contiguous(), constant.float().contiguous()
        tiles.run(_apply_back, image, gradient, factor, offset, slope, out, *numbers)
        return out, with_standard.sum(0).float(), total.sum(0).float(), None, None


class _Tiles:
    """How an image, channels last, is shared among programs."""

    def __init__(self, image: torch.Tensor) -> None:
        self.layout = torch.channels_last if image.ndim == 4 else torch.channels_last_3d
        self.image, (self.batch, self.channels) = image, image.shape[:2]
        self.voxels = image[0, 0].numel()
        self.width = triton.next_power_of_2(self.channels)
        self.rows = max(_TILE // self.width, 1)
        self.chunks = triton.cdiv(self.voxels, self.rows)

    def sums(self) -> torch.Tensor:
        """Return room for two sums of each channel and chunk."""
        return torch.empty((self.batch, 2, self.chunks, self.channels), dtype=torch.float32, device=self.image.device)

    def run(self, kernel: Any, *arguments: Any, **more: Any) -> None:
        """Run a kernel on each tile."""
        kernel[(self.batch, self.chunks)](
            *arguments, voxels=self.voxels, channels=self.channels, **more, WIDTH=self.width, ROWS=self.rows
        )


def normalised(
    image: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor, epsilon: float = 1e-5, slope: float = 1.0
) -> torch.Tensor:
    """Return leaky ReLU of the instance normalisation of an image; differentiable.

    Args:
        image: (batch, channel, z, y, x) or without z, of any float type; channels last, or it is copied so.
        scale: of each channel, float32.
        shift: of each channel, float32.
        epsilon: added to the variance.
        slope: what negative values are multiplied by; 1: they stay.

    Returns:
        Of the same shape and type, channels last.
    """
    layout = torch.channels_last if image.ndim == 4 else torch.channels_last_3d
    found: torch.Tensor = _Normalised.apply(image.contiguous(memory_format=layout), scale, shift, epsilon, slope)
    return found


@lru_cache
def runs_here() -> bool:
    """Return whether Triton can write and run its kernels for this GPU; where it cannot, a warning says why."""
    try:
        normalised(torch.ones((1, 2, 4, 4), device="cuda"), *torch.ones((2, 2), device="cuda"))
    except _CANNOT as error:
        warnings.warn(
            f"normalisation runs as torch has it, several times slower: Triton cannot compile here ({error!r:.200}). "
            "It needs a C compiler and Python's headers, and a GPU of compute capability 7.0 or above",
            RuntimeWarning,
            stacklevel=2,
        )
        return False
    return True
