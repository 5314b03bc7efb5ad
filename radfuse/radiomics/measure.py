"""Features of regions of one image, whoever computes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib import import_module

import numpy as np

from radfuse.errors import CaseError
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
        regions: on the image's grid; of one that is averaged, values are means over its parts.
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
    if not regions:
        return {}
    engine = import_module(ENGINES[config.engine])
    parts = {region.name: region.parts for region in regions}
    wanted = [part for region in regions for part in parts[region.name]]
    # normalisation may refer to a region as a whole
    wanted += [region for region in regions if region.averaged and region.name == config.normalize_region]
    found: dict[str, RegionResult] = engine.measure(volume, wanted, config, threads, plan, all_or_none=all_or_none)
    return {
        region.name: found[region.name]
        if region.averaged is None
        else averaged([found[part.name] for part in parts[region.name]], parts[region.name], region)
        for region in regions
    }


def averaged(results: Sequence[RegionResult], parts: Sequence[Region], region: Region) -> RegionResult:
    """Return the features of a region as means over those of its connected parts.

    A feature that one part has no value of has none; a part that failed fails the region.

    Args:
        results: of each part.
        parts: of the region.
        region: says how they are averaged.
    """
    failed = next((result.failed for result in results if result.failed is not None), None)
    if failed is not None:
        return RegionResult(failed=CaseError(region.name, str(failed)))
    by_volume = region.averaged is not None and region.averaged.by_volume
    weights = np.array([part.voxels if by_volume else 1 for part in parts], dtype=float)
    joined = RegionResult()
    for result, part in zip(results, parts, strict=True):
        joined.reasons |= {name: f"{part.name}: {reason}" for name, reason in result.reasons.items()}
        joined.remarks |= {name: f"{part.name}: {remark}" for name, remark in result.remarks.items()}
        joined.values |= dict.fromkeys(result.values, math.nan)
        joined.voxels = (joined.voxels[0] + result.voxels[0], joined.voxels[1] + result.voxels[1])
    for name in joined.values:
        values = [result.values.get(name, math.nan) for result in results]
        joined.values[name] = float(np.average(values, weights=weights))
    return joined
