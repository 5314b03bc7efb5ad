"""Local binary patterns slice by slice, in the image's own type, by scikit-image.

Source: Ojala et al. 1996, doi:10.1016/0031-3203(95)00067-4.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from radfuse.radiomics.filters.filter import Filter, Filtered, common_box, gathered, spread
from radfuse.radiomics.preprocess import Prepared
from radfuse.radiomics.settings import Settings


def _make(regions: Sequence[Prepared], settings: Settings) -> Iterator[Filtered]:
    feature: Any = importlib.import_module("skimage.feature")  # heavy, and untyped
    box, axis = common_box(regions), settings.pattern_axis
    image = regions[0].image.swapaxes(0, axis)
    part = box[axis]
    found = np.empty((part.stop - part.start, *image.shape[1:]), dtype=image.dtype)
    for place in range(part.start, part.stop):
        # as objects, which scikit-image turns into float64 without its advice on real images: to silence a warning
        # changes the filters of all threads
        found[place - part.start] = feature.local_binary_pattern(
            image[place].astype(object),
            P=settings.lbp_2d_samples,
            R=settings.lbp_2d_radius,
            method=settings.lbp_2d_method,
        )
    cut = [slice(0, part.stop - part.start) if place == axis else box[place] for place in range(3)]
    yield Filtered("lbp-2D", gathered(found.swapaxes(0, axis)[tuple(cut)], box, regions))


def _no_value(values: np.ndarray, settings: Settings) -> str:
    if settings.lbp_2d_method == "var":
        return "their neighbours are all alike, so that method var is undefined; take another `lbp_2d_method`"
    return spread(values, settings)


FILTER = Filter(lambda _: ("lbp-2D",), _make, no_value=_no_value)
