"""The part of a label that is as bright as asked: PET thresholds, CT windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import FiniteFloat, PositiveInt, model_validator

from radfuse.errors import CaseError
from radfuse.regions.named import NamedRegion

if TYPE_CHECKING:
    from radfuse.regions.scene import Scene


_ROUNDING = 1e-6
"""Share of a threshold by which a value may miss it: images hold 4.1 as 4.0999999, in float32."""


class ThresholdRegion(NamedRegion):
    """The voxels of some labels whose value in an image lies above a threshold, or in a window.

    `{of: tumour, sequence: pet, at_least: 0.41, relative: true}` is the part of 41 % of SUVmax and more,
    `{of: psoas, sequence: ct, between: [-190, -30]}` its fat. Values are those on the grid that the region lies on, by
    linear interpolation; voxels that the image does not reach are left out.
    """

    kind: Literal["threshold"] = "threshold"
    of: str | PositiveInt | tuple[str | PositiveInt, ...]
    """Label or labels, by name or number."""
    sequence: str | None = None
    """Image whose values count; None: the one that is measured."""
    at_least: FiniteFloat | None = None
    """Smallest value of a voxel."""
    between: tuple[FiniteFloat, FiniteFloat] | None = None
    """Smallest and largest value, instead of `at_least`."""
    relative: bool = False
    """Thresholds are shares of the largest value inside the labels."""
    components: Literal["all", "largest"] = "all"
    """Which connected parts of it; voxels that share a corner are connected."""

    @model_validator(mode="after")
    def _says_one(self) -> ThresholdRegion:
        if (self.at_least is None) == (self.between is None):
            raise ValueError("give `at_least`, or `between` with the smallest and the largest value")
        if self.between is not None and self.between[0] >= self.between[1]:
            raise ValueError(f"between: {self.between[0]:g} is not below {self.between[1]:g}")
        low = self.at_least if self.between is None else self.between[0]
        if self.relative and low is not None and low > 1:
            raise ValueError(f"relative: {low:g} times the largest value is above all values; 41 % of it is 0.41")
        return self

    def labels_named(self) -> tuple[str | int, ...]:
        """Return the labels it refers to."""
        return self.of if isinstance(self.of, tuple) else (self.of,)

    def mask(self, scene: Scene) -> np.ndarray:
        """Return its voxels, bool of shape (z, y, x).

        Raises:
            CaseError: a share of a largest value that is not above 0.
        """
        from radfuse.regions.intensity import values_in
        from radfuse.regions.lesions import largest_of

        found = scene.of(*self.labels_named())
        values = values_in(scene, self.sequence, found)
        low, high = self.between or (self.at_least, np.inf)
        scale = float(np.nanmax(values)) if self.relative and values.size else 1.0
        if scale <= 0:
            raise CaseError(
                scene.case or scene.labels.name,
                f"region {self.name!r}: the largest value of the labels is {scale:g}, and a share of that is no "
                "threshold; give `at_least` in units of the image, with relative: false",
            )
        least, most = (scale * float(edge or 0.0) if edge != np.inf else edge for edge in (low, high))
        found[found] = (values >= least - _ROUNDING * abs(least)) & (values <= most + _ROUNDING * abs(most))
        return largest_of(found, scene.labels.grid) if self.components == "largest" else found
