"""Our engine beside PyRadiomics on one image and mask: which features differ, and by what measure."""

from __future__ import annotations

import sys
import types
import warnings
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage, special

from radfuse.radiomics.engines.fast import extract_regions
from radfuse.radiomics.engines.result import RegionResult
from radfuse.radiomics.pyradiomics_params import plan_of_params
from radfuse.volume.grid import Grid
from radfuse.volume.region import Region

TOLERANCE = 1e-6
CANCEL = {
    "Skewness": "the third central moment sums terms of both signs; relative to 1",
    "Imc1": "a difference of two entropies over a third; relative to 1",
    "Correlation": "a covariance over standard deviations; relative to 1",
    "ClusterShade": "sums third powers of both signs; relative to ClusterProminence^(3/4)",
}
"""Features whose summands cancel: equal relative to the size of the summands."""
NOISE = 1e-12
"""Both below this: rounding of something that is 0 (the variance of zones of one size, say). Of first-order features
relative to the largest grey value."""
KNOWN_REFUSALS = {
    "their neighbours are all alike": "LBP2D by method var: PyRadiomics gives NaN a bin of its own, or fails",
    "B-spline gives random values": "an axis of 2 voxels: ITK reads beyond the image, each run gives other numbers",
}
"""What we refuse and PyRadiomics computes: part of the message -> what it does. Beyond these, only too many bins."""


def old_scipy(patch: pytest.MonkeyPatch) -> None:
    """Put back what PyRadiomics' LBP3D imports: scipy.ndimage.interpolation, and sph_harm(m, n, azimuth, polar)."""
    module = types.ModuleType("scipy.ndimage.interpolation")
    module.map_coordinates = ndimage.map_coordinates  # type: ignore[attr-defined]
    patch.setitem(sys.modules, "scipy.ndimage.interpolation", module)
    patch.setattr(
        special, "sph_harm", lambda m, n, azimuth, polar: special.sph_harm_y(n, m, polar, azimuth), raising=False
    )


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
    region = Region.of("region", sitk.GetArrayFromImage(mask) == label, grid_of(mask))
    plan = plan_of_params(params, "test")
    voxels = sitk.GetArrayFromImage(image)
    return extract_regions(voxels, grid_of(image), [region], plan, threads=threads, all_or_none=True)["region"]


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
        noise = NOISE * max(1.0, largest_value(reference, name))
        if abs(mine - value) > TOLERANCE * size and max(abs(mine), abs(value)) > noise:
            wrong[name] = (value, mine)
    return wrong


def largest_value(reference: dict[str, float], name: str) -> float:
    """Return the largest absolute grey value a first-order feature is of; 0 for other features."""
    group = name.rsplit("_", 1)[0]
    ends = [reference.get(f"{group}_{end}", 0.0) for end in ("Minimum", "Maximum")]
    return max(map(abs, ends)) if group.endswith("_firstorder") else 0.0
