"""What the engine works by: a study's settings, and for each filter those that are its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from radfuse.radiomics.config import RadiomicsConfig


class Settings(RadiomicsConfig):
    """A study's settings, and what only a PyRadiomics parameter file can say beside them."""

    more_than_voxels: int | None = None
    """Regions of so many voxels or fewer are refused after resampling too."""
    pattern_axis: int = 0
    """Axis across which lbp_2d goes slice by slice: that of `slice_axis`, or z."""

    @property
    def flat_axis(self) -> int | None:
        """Axis across which nothing is looked at: 0 is z; None: three-dimensional."""
        return None if self.slice_axis is None else "zyx".index(self.slice_axis)


@dataclass(frozen=True)
class Plan:
    """All an extraction is asked for.

    Attributes:
        settings: for everything.
        filters: filter -> settings for it, all merged.
        features: family -> names, in the order of the columns.
        chosen: whether families were asked for by name; otherwise all are tried.
        label: the one label that a parameter file asks for; None: all.
        said: what a parameter file says, in its own words; None without one.
    """

    settings: Settings
    filters: Mapping[str, Settings]
    features: Mapping[str, tuple[str, ...]]
    chosen: bool = True
    label: int | None = None
    said: Mapping[str, Any] | None = None
