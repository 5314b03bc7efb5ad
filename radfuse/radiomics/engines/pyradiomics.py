"""Features by PyRadiomics; the only file that imports it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from radfuse.errors import CaseError, InputError
from radfuse.radiomics.config import RadiomicsConfig
from radfuse.radiomics.engines.result import RegionResult
from radfuse.radiomics.plan import plan_of
from radfuse.radiomics.pyradiomics_params import params_of, read_params
from radfuse.radiomics.settings import Plan
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.region import Region
from radfuse.volume.sitk import to_sitk

_LABEL = 1


def measure(
    volume: Volume,
    regions: Sequence[Region],
    config: RadiomicsConfig,
    _threads: int = 1,
    plan: Plan | None = None,
    *,
    all_or_none: bool = False,
) -> dict[str, RegionResult]:
    """Return region -> features; see `radfuse.radiomics.measure`. PyRadiomics goes by its own plan, in one thread."""
    if plan is None:
        plan_of(config)  # which refuses what PyRadiomics would take in silence
    extractor = Extractor(config)
    found = {}
    for region in regions:
        try:
            found[region.name] = extractor.measured(volume, region)
        except CaseError as error:
            if all_or_none:
                raise
            found[region.name] = RegionResult(failed=error)
    return found


class Extractor:
    """A PyRadiomics extractor for one group of settings, used for many regions."""

    def __init__(self, config: RadiomicsConfig) -> None:
        """Set it up.

        Raises:
            InputError: PyRadiomics is not installed, or the parameter file is not one.
        """
        featureextractor = _import()
        params = read_params(config.params) if config.params is not None else params_of(config)
        self._wants_lbp3d = "LBP3D" in (params.get("imageType") or {})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self._extractor = featureextractor.RadiomicsFeatureExtractor(params)
            except Exception as error:
                raise InputError(
                    f"{config.params or 'radiomics'}: PyRadiomics refuses the settings: {error}"
                ) from error
        self._extractor.settings["label"] = _LABEL
        if self._wants_lbp3d:
            raise InputError(
                "filter lbp_3d (LBP3D): PyRadiomics 3.0.1 cannot compute it with current SciPy and would leave it "
                "out without a word; remove it"
            )

    def measured(self, volume: Volume, region: Region) -> RegionResult:
        """Return features, names as PyRadiomics spells them; NaN where it could not compute one.

        Raises:
            CaseError: PyRadiomics refuses the region.
        """
        mask = to_sitk(LabelMap(region.mask.astype(np.uint8), region.grid, {}, region.name))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numpy's, on flat regions; the values are NaN then
            try:
                found = self._extractor.execute(to_sitk(volume), mask, label=_LABEL)
            except (ValueError, RuntimeError, IndexError) as error:
                raise CaseError(f"{volume.name}, region {region.name}", f"PyRadiomics refuses it: {error}") from error
        values = {name: float(value) for name, value in found.items() if not name.startswith("diagnostics_")}
        reasons = {name: "PyRadiomics does not say why" for name, value in values.items() if value != value}
        went = int(found.get("diagnostics_Mask-interpolated_VoxelNum", region.voxels))
        went = int(found.get("diagnostics_Mask-resegmented_VoxelNum", went))
        return RegionResult(values, reasons, (region.voxels, went))


def _import() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import radiomics
            from radiomics import featureextractor
    except ImportError as error:
        raise InputError(
            "engine pyradiomics needs PyRadiomics: pip install 'radfuse[pyradiomics]' (Python 3.11 and a C compiler)"
        ) from error
    radiomics.setVerbosity(logging.CRITICAL)
    return featureextractor
