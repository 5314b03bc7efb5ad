"""Several sequences of one case as channels of one image: T2 and ADC, PET and CT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

from radfuse.errors import InputError
from radfuse.volume.files import read_volume
from radfuse.volume.flat import Spacing
from radfuse.volume.image import Volume
from radfuse.volume.resample import resample


@dataclass(frozen=True)
class Stack(Volume):
    """An image that brings other sequences of its case along; whoever reads one channel takes it for the first.

    Attributes:
        others: on the grid of the first.
    """

    others: tuple[Volume, ...] = ()

    @property
    def channels(self) -> tuple[Volume, ...]:
        """All its sequences."""
        return (Volume(self.array, self.grid, self.name, self.stored), *self.others)


def stacked(images: Sequence[Volume]) -> Volume:
    """Return images of one case as one, on the grid of the first; linear, outside a source its smallest value.

    Raises:
        InputError: one lies wholly beside the first.
    """
    first, *others = images
    if not others:
        return first
    here = []
    for other in others:
        if first.grid.beside(other.grid):
            raise InputError(
                f"image {other.name} lies wholly beside image {first.name}, and the network reads both as channels:\n  "
                f"{first.name} {first.grid}\n  {other.name} {other.grid}\nRegister them to each other, or mend the "
                "header that is wrong"
            )
        same = other.grid.same_as(first.grid)
        here.append(replace(other, grid=first.grid) if same else resample(other, first.grid))
    return Stack(first.array, first.grid, first.name, first.stored, tuple(here))


def read_stacked(paths: Sequence[Path], spacings_mm: Sequence[Spacing | None] = ()) -> Volume:
    """Read a case's images as one, as `stacked` has it.

    Args:
        paths: of the images.
        spacings_mm: of each, as `read_volume` takes it; may be left out.

    Raises:
        InputError: as `read_volume` and `stacked`.
    """
    sizes = zip_longest(paths, spacings_mm)
    return stacked([read_volume(path, spacing_mm) for path, spacing_mm in sizes])
