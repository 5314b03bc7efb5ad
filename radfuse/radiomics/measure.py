"""Features of regions of one image, whoever computes."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from radfuse.radiomics.config import RadiomicsConfig
from radfuse.radiomics.engines import ENGINES
from radfuse.radiomics.engines.result import RegionResult
from radfuse.radiomics.settings import Plan
from radfuse.volume.image import Volume
from radfuse.volume.region import Region


def region_features(
    volume: Volume, regions: Sequence[Region], config: RadiomicsConfig, threads: int = 1
) -> dict[str, dict[str, float]]:
    """Return region -> feature -> value; a feature that cannot be computed is NaN.

    Args:
        volume: the image.
        regions: on the image's grid.
        config: how to compute.
        threads: at work within the image; engine fast only.

    Raises:
        CaseError: a region cannot be used; names it and the reason.
    """
    return {name: result.values for name, result in measured_regions(volume, regions, config, threads).items()}


def measured_regions(
    volume: Volume, regions: Sequence[Region], config: RadiomicsConfig, threads: int = 1, plan: Plan | None = None
) -> dict[str, RegionResult]:
    """Return region -> features with the reasons of those that are missing.

    Arguments are those of `region_features`, and the plan where it is known already.
    """
    found: dict[str, RegionResult] = import_module(ENGINES[config.engine]).measure(
        volume, regions, config, threads, plan
    )
    return found
