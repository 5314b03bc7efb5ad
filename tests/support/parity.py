"""Our engine beside PyRadiomics on one image and mask: which features differ, and by what measure."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import SimpleITK as sitk

from radfuse.radiomics.fast_engine import RegionResult, extract_regions
from radfuse.radiomics.regions import Region
from radfuse.radiomics.settings import make_plan
from radfuse.volume import Grid

TOLERANCE = 1e-6
CANCEL = {
    "Skewness": "the third central moment sums terms of both signs; relative to 1",
    "Imc1": "a difference of two entropies over a third; relative to 1",
    "Correlation": "a covariance over standard deviations; relative to 1",
    "ClusterShade": "sums third powers of both signs; relative to ClusterProminence^(3/4)",
}
"""Features whose summands cancel: equal relative to the size of the summands."""
NOISE = 1e-12
"""Both below this: rounding of something that is 0 (the variance of zones of one size, say)."""


def grid_of(image: sitk.Image) -> Grid:
    z, y, x = image.GetSize()[::-1]
    dz, dy, dx = image.GetSpacing()[::-1]
    return Grid((z, y, x), (dz, dy, dx), image.GetOrigin(), image.GetDirection())


def theirs(image: sitk.Image, mask: sitk.Image, params: dict[str, Any], label: int = 1) -> dict[str, float]:
    from radiomics import featureextractor, setVerbosity

    setVerbosity(60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = featureextractor.RadiomicsFeatureExtractor(params).execute(image, mask, label=label)
    return {name: float(value) for name, value in found.items() if not name.startswith("diagnostics_")}


def ours(image: sitk.Image, mask: sitk.Image, params: dict[str, Any], label: int = 1, threads: int = 1) -> RegionResult:
    region = Region("region", sitk.GetArrayFromImage(mask) == label, grid_of(mask))
    plan = make_plan(params, "test")
    return extract_regions(sitk.GetArrayFromImage(image), grid_of(image), [region], plan, threads=threads)["region"]


def differing(reference: dict[str, float], found: dict[str, float]) -> dict[str, tuple[float, float]]:
    """Return feature -> (theirs, ours) of those that are not equal."""
    wrong = {}
    for name, value in reference.items():
        mine = found.get(name, np.inf)
        if np.isnan(value) or np.isnan(mine):
            if np.isnan(value) != np.isnan(mine):
                wrong[name] = (value, mine)
            continue
        size, short = abs(value), name.rsplit("_", 1)[1]
        if short in CANCEL:
            prominence = reference.get(f"{name.rsplit('_', 1)[0]}_ClusterProminence", 1.0)
            size = max(size, abs(prominence) ** 0.75 if short == "ClusterShade" else 1.0)
        if abs(mine - value) > TOLERANCE * size and max(abs(mine), abs(value)) > NOISE:
            wrong[name] = (value, mine)
    return wrong
