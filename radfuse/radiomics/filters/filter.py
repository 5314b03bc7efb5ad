"""What a filter is. Only voxels of the regions come back from it.

Formulas and names as in PyRadiomics 3.0.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module

import numpy as np

from radfuse.radiomics.filters import FILTERS
from radfuse.radiomics.preprocess import Prepared
from radfuse.radiomics.settings import Settings
from radfuse.volume.region import Box


@dataclass(frozen=True)
class Filtered:
    """A filtered image.

    Attributes:
        name: as in feature names.
        values: (n,) values of each region's voxels.
        skipped: why there is none; empty otherwise.
        remarks: what to know of each region's values; empty texts, or none at all, where there is nothing.
    """

    name: str
    values: tuple[np.ndarray, ...] = ()
    skipped: str = ""
    remarks: tuple[str, ...] = ()


def _as_they_are(settings: Settings) -> Sequence[Settings]:
    return (settings,)


def spread(_: np.ndarray, __: Settings) -> str:
    """Return why most filters have no value somewhere."""
    return "the filter spread NaN or infinite voxels of the image into the region; mend the image"


@dataclass(frozen=True)
class Filter:
    """A filter.

    Attributes:
        images: settings -> names of the filtered images, in the order of their columns.
        make: (regions of one image, settings) -> filtered images, in any order.
        effort: those of more are begun first.
        compiled: whether it has kernels of its own to compile.
        parts: settings -> settings of parts that can be made side by side.
        no_value: (values of a region, settings) -> why some are NaN or infinite.
    """

    images: Callable[[Settings], Sequence[str]]
    make: Callable[[Sequence[Prepared], Settings], Iterator[Filtered]]
    effort: int = 0
    compiled: bool = False
    parts: Callable[[Settings], Sequence[Settings]] = _as_they_are
    no_value: Callable[[np.ndarray, Settings], str] = spread


def filter_of(name: str) -> Filter:
    """Return a filter by its name in settings."""
    found: Filter = import_module(FILTERS[name]).FILTER
    return found


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


def gathered(found: np.ndarray, box: Box, regions: Sequence[Prepared]) -> tuple[np.ndarray, ...]:
    """Return each region's values from an image of a box that holds them all."""
    parts = []
    for region in regions:
        z, y, x = (
            slice(mine.start - whole.start, mine.stop - whole.start)
            for mine, whole in zip(region.box, box, strict=True)
        )
        parts.append(found[z, y, x][region.mask])
    return tuple(parts)


def of_each_value(
    name: str,
    scale: Callable[[float], float],
    formula: Callable[[np.ndarray, float], np.ndarray],
    no_value: Callable[[np.ndarray, Settings], str] = spread,
) -> Filter:
    """Return a filter of each voxel's own value.

    Args:
        name: of the image.
        scale: the image's largest absolute value -> c.
        formula: (values, float64, and c) -> filtered values.
        no_value: as in Filter.
    """

    def make(regions: Sequence[Prepared], _: Settings) -> Iterator[Filtered]:
        image = regions[0].image
        c = scale(max(abs(float(image.min())), abs(float(image.max()))))
        yield Filtered(name, tuple(formula(x.astype(np.float64), c) for x in inside(regions)))

    return Filter(lambda _: (name,), make, no_value=no_value)


def divides_by_largest(values: np.ndarray, settings: Settings) -> str:
    """Return why a filter that divides by the image's largest value has none."""
    if np.isfinite(values).any():
        return spread(values, settings)
    return "the filter divides by the image's largest value, which is 0 or no number; mend the image"
