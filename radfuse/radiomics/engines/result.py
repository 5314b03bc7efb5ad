"""What an engine gives."""

from __future__ import annotations

from dataclasses import dataclass, field

from radfuse.errors import CaseError


@dataclass
class RegionResult:
    """What an extraction gives for one region.

    Attributes:
        values: feature -> value, columns in PyRadiomics' order; NaN where there is none.
        reasons: feature, or filtered image -> why it is NaN, or was not made.
        voxels: number of voxels of the region as it came in, and after resampling and resegmentation.
        remarks: filtered image -> what to know of its values.
        failed: why the region has no features at all; None where it has.
    """

    values: dict[str, float] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    voxels: tuple[int, int] = (0, 0)
    remarks: dict[str, str] = field(default_factory=dict)
    failed: CaseError | None = None
