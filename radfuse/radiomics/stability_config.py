"""Settings of the stability analysis."""

from __future__ import annotations

from pydantic import Field, NonNegativeFloat, NonNegativeInt

from radfuse.config import Section


class StabilityConfig(Section):
    """How copies are made; each setting at 0 or false leaves its disturbance out."""

    copies: int = Field(10, ge=1, le=1000)
    """Disturbed copies of each case, beside the case itself."""
    translation_voxels: NonNegativeFloat = 0.5
    """Largest shift along each axis."""
    rotation_degrees: NonNegativeFloat = 6.0
    """Largest turn about the z axis."""
    noise: NonNegativeFloat = 1.0
    """Standard deviation of the noise added, in those of the image's own."""
    growth: float = Field(0.15, ge=0, lt=1)
    """Largest share of its volume that a region grows or shrinks by."""
    contour: bool = True
    """Draw the contour anew along supervoxels."""
    supervoxel_voxels: NonNegativeInt = 64
    """Mean size of a supervoxel."""
