"""Several sequences of one case as channels of one image: T2 and ADC, PET and CT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np

from radfuse.errors import InputError
from radfuse.volume.files import read_volume
from radfuse.volume.flat import Spacing
from radfuse.volume.grid import Grid, same_voxels, stored_as
from radfuse.volume.image import Volume
from radfuse.volume.resample import resample

_ALONG = 40
"""Voxels along an axis that are looked at, to tell how much of an image another lacks."""
_TOLD = 0.01


@dataclass(frozen=True)
class Stack(Volume):
    """An image that brings other sequences of its case along; whoever reads one channel takes it for the first.

    Attributes:
        others: on the grid of the first.
        brought: which of them were brought there from grids of their own; empty: none.
        lacks: what they lack of it; empty: next to nothing.
    """

    others: tuple[Volume, ...] = ()
    brought: str = ""
    lacks: str = ""

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
    here: list[Volume] = []
    told: list[tuple[str, str]] = []
    for other in others:
        require_overlap(first.name, first.grid, other.name, other.grid)
        array = stored_as(other.array, other.grid, first.grid)
        turned = None if array is None else Volume(np.ascontiguousarray(array), first.grid, other.name)
        here.append(turned or resample(other, first.grid))
        told.append(brought(first.name, first.grid, other.name, other.grid))
    remarks = ("; ".join(filter(None, texts)) for texts in zip(*told, strict=True))
    return Stack(first.array, first.grid, first.name, first.stored, tuple(here), *remarks)


def require_overlap(first: str, grid: Grid, other: str, there: Grid) -> None:
    """Refuse two channels, by name and grid, of which one lies wholly beside the other.

    Raises:
        InputError: they do.
    """
    if grid.beside(there):
        raise InputError(
            f"image {other} lies wholly beside image {first}, and the network reads both as channels:\n  {first} {grid}"
            f"\n  {other} {there}\nRegister them to each other, or mend the header that is wrong"
        )


def brought(first: str, grid: Grid, other: str, there: Grid) -> tuple[str, str]:
    """Return in words that a channel lies on another grid than the first, and what it lacks of that; empty if not."""
    if same_voxels(there, grid):
        return "", ""
    share = _beyond(grid, there)
    lacks = f"{other} lacks {share:.0%} of {first}, and its smallest value stands there" if share >= _TOLD else ""
    return f"{other} lies on another grid than {first}, onto which it is brought by linear interpolation", lacks


def _beyond(grid: Grid, there: Grid) -> float:
    """Return which share of a grid's voxels, of some dozens along each axis, lies where another has none.

    Nothing does where its corners lie inside the other, which is a box. Else an index there is a sum of one number for
    each axis here, so that no point needs a product of its own.
    """
    axes, own = (np.reshape(one.direction, (3, 3)) * np.array(one.spacing_zyx_mm[::-1]) for one in (there, grid))
    turn, start = np.split(np.linalg.solve(axes, np.c_[own, np.subtract(grid.origin, there.origin)]), [3], axis=1)
    ends = np.array(there.shape[::-1]) - 0.5
    far = turn * (np.array(grid.shape[::-1]) - 1)
    low, high = (start[:, 0] + pick(far, 0).sum(axis=1) for pick in (np.minimum, np.maximum))
    over = (low < -0.5) | (high > ends)
    if not over.any():
        return 0.0
    x, y, z = (np.rint(np.linspace(0, size - 1, min(size, _ALONG))) for size in grid.shape[::-1])
    outside = np.zeros((len(x), len(y), len(z)), dtype=bool)
    for (by_x, by_y, by_z), begin, end in zip(turn[over], start[over, 0], ends[over], strict=True):
        index = (begin + by_x * x)[:, None, None] + (by_y * y)[:, None] + by_z * z
        outside |= (index < -0.5) | (index > end)
    return float(outside.mean())


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
