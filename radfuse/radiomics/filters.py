"""Image filters: what features are computed on beside the original image. Only voxels of the regions come back.

Formulas and names as in PyRadiomics 3.0.1.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from radfuse.radiomics.laplacian import SHORTEST, laplacian_of_gaussian
from radfuse.radiomics.lbp3d import local_binary_patterns_3d
from radfuse.radiomics.preprocess import Prepared
from radfuse.radiomics.settings import Settings
from radfuse.radiomics.wavelet import wavelet_images
from radfuse.volume.region import Box
from radfuse.volume.sitk import gradient_magnitude


@dataclass(frozen=True)
class Filtered:
    """A filtered image.

    Attributes:
        name: as in feature names.
        values: (n,) values of each region's voxels.
        skipped: why there is none; empty otherwise.
    """

    name: str
    values: tuple[np.ndarray, ...] = ()
    skipped: str = ""


Filter = Callable[[Sequence[Prepared], Settings], Iterator[Filtered]]
"""Regions of one image -> filtered images."""


def inside(regions: Sequence[Prepared]) -> tuple[np.ndarray, ...]:
    """Return the image's own values of each region's voxels."""
    return tuple(region.image[region.box][region.mask] for region in regions)


def common_box(regions: Sequence[Prepared]) -> Box:
    """Return the smallest box that holds all regions."""
    z, y, x = (
        slice(min(region.box[axis].start for region in regions), max(region.box[axis].stop for region in regions))
        for axis in range(3)
    )
    return z, y, x


def _gathered(found: np.ndarray, box: Box, regions: Sequence[Prepared]) -> tuple[np.ndarray, ...]:
    """Return each region's values from an image of a box that holds them all."""
    parts = []
    for region in regions:
        z, y, x = (
            slice(mine.start - whole.start, mine.stop - whole.start)
            for mine, whole in zip(region.box, box, strict=True)
        )
        parts.append(found[z, y, x][region.mask])
    return tuple(parts)


def _original(regions: Sequence[Prepared], _: Settings) -> Iterator[Filtered]:
    yield Filtered("original", inside(regions))


def _wavelet(regions: Sequence[Prepared], settings: Settings) -> Iterator[Filtered]:
    box = common_box(regions)
    axes = [axis for axis in (2, 1, 0) if axis != settings.flat_axis]
    found = wavelet_images(
        regions[0].image, settings.wavelet, settings.wavelet_levels, settings.wavelet_start_level, axes, box
    )
    for name, image in found:
        yield Filtered(name, _gathered(image, box, regions))


def log_name(sigma_mm: float) -> str:
    """Return a Laplacian of Gaussian's name in feature names."""
    return f"log-sigma-{str(sigma_mm).replace('.', '-')}-mm-3D"


def _log(regions: Sequence[Prepared], settings: Settings) -> Iterator[Filtered]:
    image, spacing = regions[0].image, regions[0].spacing_zyx_mm
    box = common_box(regions)
    for sigma in settings.log_sigma_mm:
        needed = np.maximum(np.ceil(sigma / np.array(spacing)) + 1, SHORTEST)
        if (np.array(image.shape) < needed).any():
            shape, least = (" x ".join(str(int(value)) for value in size) for size in (image.shape, needed))
            yield Filtered(log_name(sigma), skipped=f"the image around the region is {shape} voxels, needs {least}")
            continue
        found = laplacian_of_gaussian(image, spacing, sigma, box)
        yield Filtered(log_name(sigma), _gathered(found, box, regions))


def _extremes(image: np.ndarray) -> tuple[float, float]:
    return float(image.min()), float(image.max())


def _square(regions: Sequence[Prepared], _: Settings) -> Iterator[Filtered]:
    """Return (c x)^2, c = 1 / sqrt(max |x|)."""
    scale = 1 / np.sqrt(max(map(abs, _extremes(regions[0].image))))
    yield Filtered("square", tuple((scale * x.astype(np.float64)) ** 2 for x in inside(regions)))


def _square_root(regions: Sequence[Prepared], _: Settings) -> Iterator[Filtered]:
    """Return sqrt(c |x|) with the sign of x, c = max |x|."""
    scale = max(map(abs, _extremes(regions[0].image)))
    values = (x.astype(np.float64) for x in inside(regions))
    yield Filtered("squareroot", tuple(np.sqrt(np.abs(x) * scale) * np.sign(x) for x in values))


def _logarithm(regions: Sequence[Prepared], _: Settings) -> Iterator[Filtered]:
    """Return c log(|x| + 1) with the sign of x, c = max |x| / log(max |x| + 1)."""
    largest = max(map(abs, _extremes(regions[0].image)))
    scale = largest / np.log(np.float64(largest) + 1)
    values = (x.astype(np.float64) for x in inside(regions))
    yield Filtered("logarithm", tuple(np.log(np.abs(x) + 1) * np.sign(x) * scale for x in values))


def _exponential(regions: Sequence[Prepared], _: Settings) -> Iterator[Filtered]:
    """Return exp(c x), c = log(max |x|) / max |x|."""
    largest = max(map(abs, _extremes(regions[0].image)))
    scale = np.log(np.float64(largest)) / largest
    yield Filtered("exponential", tuple(np.exp(scale * x.astype(np.float64)) for x in inside(regions)))


def _gradient(regions: Sequence[Prepared], settings: Settings) -> Iterator[Filtered]:
    """Return the length of the gradient by central differences."""
    box, image = common_box(regions), regions[0].image
    z, y, x = (slice(max(part.start - 1, 0), min(part.stop + 1, n)) for part, n in zip(box, image.shape, strict=True))
    spacing = regions[0].spacing_zyx_mm if settings.gradient_per_mm else None
    found = gradient_magnitude(image[z, y, x], spacing)
    back = tuple(
        slice(mine.start - wide.start, mine.stop - wide.start) for mine, wide in zip(box, (z, y, x), strict=True)
    )
    yield Filtered("gradient", _gathered(found[back], box, regions))


def _lbp_2d(regions: Sequence[Prepared], settings: Settings) -> Iterator[Filtered]:
    """Return local binary patterns slice by slice, in the image's own type (Ojala 1996, by scikit-image)."""
    feature: Any = importlib.import_module("skimage.feature")  # heavy, and untyped
    box, axis = common_box(regions), settings.force_2d_axis
    image = regions[0].image.swapaxes(0, axis)
    part = box[axis]
    found = np.empty((part.stop - part.start, *image.shape[1:]), dtype=image.dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-image's advice on real images
        for place in range(part.start, part.stop):
            found[place - part.start] = feature.local_binary_pattern(
                image[place], P=settings.lbp_2d_samples, R=settings.lbp_2d_radius, method=settings.lbp_2d_method
            )
    cut = [slice(0, part.stop - part.start) if place == axis else box[place] for place in range(3)]
    yield Filtered("lbp-2D", _gathered(found.swapaxes(0, axis)[tuple(cut)], box, regions))


def _lbp_3d(regions: Sequence[Prepared], settings: Settings) -> Iterator[Filtered]:
    per_region = []
    for region in regions:
        voxels = np.argwhere(region.mask) + [part.start for part in region.box]
        per_region.append(
            local_binary_patterns_3d(
                region.image, voxels, settings.lbp_3d_levels, settings.lbp_3d_radius, settings.lbp_3d_subdivision
            )
        )
    for name in per_region[0]:
        yield Filtered(name, tuple(found[name] for found in per_region))


BY_NAME: dict[str, Filter] = {
    "Original": _original,
    "Wavelet": _wavelet,
    "LoG": _log,
    "Square": _square,
    "SquareRoot": _square_root,
    "Logarithm": _logarithm,
    "Exponential": _exponential,
    "Gradient": _gradient,
    "LBP2D": _lbp_2d,
    "LBP3D": _lbp_3d,
}
