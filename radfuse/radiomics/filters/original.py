"""The image as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from radfuse.radiomics.filters.filter import Filter, Filtered, inside
from radfuse.radiomics.preprocess import Prepared
from radfuse.radiomics.settings import Settings


def _make(regions: Sequence[Prepared], _: Settings) -> Iterator[Filtered]:
    yield Filtered("original", inside(regions))


FILTER = Filter(lambda _: ("original",), _make)
