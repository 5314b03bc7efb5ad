"""Full augmentation by MONAI, which no other file asks for it: a patch varied by the numbers of its own generator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from monai import transforms

_WIDE = 1.5
"""Ratio of spacings above which patches are turned and bent slice by slice: voxels are no cubes."""
_TURN = float(np.deg2rad(30))
_SCALE = (-0.25, 0.3)
"""Of the grid that samples: objects become up to 1.3 times smaller, and as much larger."""
_BENT, _SHAPED = 0.15, 0.5
"""Shares of patches that are bent, and that are bent or turned and scaled."""
_BENDING = 0.12
"""Of half a patch's side: how far its voxels move at most."""
_KNOTS = 4
"""Along each axis, between which bending is interpolated; a power of 2, or MONAI's sizes round to others."""


class Augmentation:
    """Turns, scales or bends a patch, and varies its intensities.

    Args:
        patch_zyx: its size.
        spacing_zyx_mm: voxel size.
        images: channels whose intensities are varied, each for itself; those behind them are positions.
        slices: patches are slices, perhaps with their neighbours.
    """

    def __init__(
        self,
        patch_zyx: tuple[int, int, int],
        spacing_zyx_mm: tuple[float, float, float],
        images: int,
        slices: bool,
    ) -> None:
        self.images = images
        self.flat = slices or spacing_zyx_mm[0] > _WIDE * min(spacing_zyx_mm[1:])
        self.changes = _intensities(self.flat)
        sizes = patch_zyx[1:] if self.flat else patch_zyx
        self.affine: Any = transforms.RandAffine(
            prob=1.0,
            rotate_range=(_TURN,) * (1 if self.flat else 3),
            scale_range=(_SCALE,) * len(sizes),
            padding_mode="border",
        )
        self.bending: Any = transforms.RandSmoothDeform(
            sizes,
            (_KNOTS,) * len(sizes),
            field_mode="bilinear" if self.flat else "trilinear",
            align_corners=True,
            prob=1.0,
            def_range=_BENDING,
            grid_align_corners=True,
        )

    def __call__(
        self, image: torch.Tensor, target: torch.Tensor, generator: np.random.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return image (channel, z, y, x) and target (1, z, y, x), varied."""
        sizes, last = image.shape[-3:], 1 if self.flat else 0  # slices are channels to it where they stay what they are
        draw = generator.random()
        if draw < _SHAPED:
            seed, shape = _seed(generator), self._bent if draw < _BENT else self._turned
            image = _plain(shape(image.flatten(0, last), "bilinear", seed)).reshape(-1, *sizes)
            target = _plain(shape(target.flatten(0, last), "nearest", seed)).reshape(-1, *sizes)
        channels = (image[channel : channel + 1].flatten(0, last) for channel in range(self.images))
        varied = [_varied(channel, self.changes, generator).reshape(-1, *sizes) for channel in channels]
        return torch.cat([*varied, image[self.images :]]), target

    def _turned(self, array: torch.Tensor, mode: str, seed: int) -> Any:
        self.affine.set_random_state(seed=seed)
        return self.affine(array, mode=mode)

    def _bent(self, array: torch.Tensor, mode: str, seed: int) -> Any:
        self.bending.set_random_state(seed=seed)
        self.bending.set_grid_mode(mode)
        return self.bending(array)


def _intensities(flat: bool) -> list[Any]:
    """Return the changes of intensities, each seldom, as few images have all of them."""
    enlarged = "bilinear" if flat else "trilinear"
    return [
        transforms.RandGaussianNoise(prob=0.15, std=0.3),  # of which it draws up to that
        transforms.RandGaussianSmooth((0.5, 1.0), (0.5, 1.0), (0.5, 1.0), prob=0.15),
        transforms.RandScaleIntensity((-0.25, 0.25), prob=0.3),
        transforms.RandShiftIntensity((-0.2, 0.2), prob=0.3),
        transforms.RandScaleIntensityFixedMean(factors=(-0.25, 0.5), preserve_range=True, prob=0.2),
        transforms.RandSimulateLowResolution(prob=0.15, zoom_range=(0.5, 1.0), upsample_mode=enlarged),
        transforms.RandAdjustContrast(prob=0.1, gamma=(0.7, 1.5), invert_image=True, retain_stats=True),
        transforms.RandAdjustContrast(prob=0.3, gamma=(0.7, 1.5), retain_stats=True),
    ]


def _varied(image: torch.Tensor, changes: Sequence[Any], generator: np.random.Generator) -> torch.Tensor:
    """Return one channel with other intensities."""
    for change in changes:
        change.set_random_state(seed=_seed(generator))
        image = _plain(change(image))
    if generator.random() < 0.2:
        bias: Any = transforms.RandBiasField(coeff_range=(-0.3, 0.3), prob=1.0)
        bias.set_random_state(seed=_seed(generator))
        lowest = image.min()  # a coil's field multiplies what is not below zero
        image = _plain(bias(image - lowest)) + lowest
    return image


def _seed(generator: np.random.Generator) -> int:
    return int(generator.integers(2**31))


def _plain(array: Any) -> torch.Tensor:
    """Return what MONAI made without its record of where it came from."""
    plain: torch.Tensor = array.as_tensor() if hasattr(array, "as_tensor") else torch.as_tensor(array)
    return plain
