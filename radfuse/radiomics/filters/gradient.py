"""The length of the gradient, by central differences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from radfuse.radiomics.filters.filter import Filter, Filtered, common_box, gathered
from radfuse.radiomics.preprocess import Prepared
from radfuse.radiomics.settings import Settings
from radfuse.volume.sitk import gradient_magnitude


def _make(regions: Sequence[Prepared], settings: Settings) -> Iterator[Filtered]:
    box, image = common_box(regions), regions[0].image
    z, y, x = (slice(max(part.start - 1, 0), min(part.stop + 1, n)) for part, n in zip(box, image.shape, strict=True))
    spacing = regions[0].spacing_zyx_mm if settings.gradient_per_mm else None
    found = gradient_magnitude(image[z, y, x], spacing)
    back = tuple(
        slice(mine.start - wide.start, mine.stop - wide.start) for mine, wide in zip(box, (z, y, x), strict=True)
    )
    yield Filtered("gradient", gathered(found[back], box, regions))


FILTER = Filter(lambda _: ("gradient",), _make)
