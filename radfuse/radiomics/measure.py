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
    found = measured_regions(volume, regions, config, threads, all_or_none=True)
    return {name: result.values for name, result in found.items()}


def measured_regions(
    volume: Volume,
    regions: Sequence[Region],
    config: RadiomicsConfig,
    threads: int = 1,
    plan: Plan | None = None,
    *,
    all_or_none: bool = False,
) -> dict[str, RegionResult]:
    """Return region -> features with the reasons of those that are missing, and of a region that failed.

    Arguments are those of `region_features`, the plan where it is known already, and `all_or_none`: whether the first
    region that fails ends the work.

    Raises:
        CaseError: with `all_or_none`, a region cannot be used; names it and the reason.
    """
    engine = import_module(ENGINES[config.engine])
    found: dict[str, RegionResult] = engine.measure(volume, regions, config, threads, plan, all_or_none=all_or_none)
    return found
