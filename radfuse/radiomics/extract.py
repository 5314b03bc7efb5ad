"""Features of every label of a segmentation in one call, with their provenance."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache
from importlib.metadata import version

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from radfuse.config import nearest
from radfuse.errors import CaseError, InputError, listed
from radfuse.features import FeatureTable
from radfuse.given import as_kind
from radfuse.machine import cores
from radfuse.radiomics.config import RadiomicsConfig
from radfuse.radiomics.engines import ENGINES
from radfuse.radiomics.engines.result import RegionResult
from radfuse.radiomics.measure import measured_regions
from radfuse.radiomics.plan import plan_of
from radfuse.radiomics.pyradiomics_params import said_by
from radfuse.radiomics.settings import Plan
from radfuse.volume.grid import SPACING_MM, Grid
from radfuse.volume.image import LabelMap, Volume, in_order_of, require_all_slices
from radfuse.volume.quantities import units_of
from radfuse.volume.region import Region
from radfuse.volume.sitk import Image, from_sitk, is_sitk


def extract(
    volume: Volume | Image | ArrayLike,
    labels: LabelMap | Image | ArrayLike,
    config: RadiomicsConfig | None = None,
    engine: str | None = None,
    only: int | Sequence[int] | None = (),
    *,
    spacing_zyx_mm: tuple[float, float, float] = (1.0, 1.0, 1.0),
    threads: int = 0,
) -> FeatureTable:
    """Return the features of every label of a segmentation.

    Args:
        volume: the image; may be one of SimpleITK, which says where its voxels lie, or an array of shape (z, y, x).
        labels: on the same grid; whole numbers, 0 is background. An array lies on the grid of the image.
        config: how to compute; defaults when None.
        engine: "fast" or "pyradiomics", in the place of the config's.
        only: labels to compute, or the one; empty: all that are present.
        spacing_zyx_mm: voxel size, where the image is an array.
        threads: of engine fast; 0 takes all cores.

    Returns:
        A row per label that could be used, index `label`. The provenance holds engine, settings, versions, digests,
        voxel counts; by label, under `failed` why a label has no row, under `missing` the reason of each NaN, and
        under `remarks` what to know of the others.

    Raises:
        InputError: another grid, an unknown engine, or a label that is not present.
        CaseError: no label can be used; says why not the first.
    """
    config = RadiomicsConfig() if config is None else as_kind(config, RadiomicsConfig, "config")
    if engine is not None and as_kind(engine, str, "engine") not in ENGINES:
        raise InputError(f"unknown engine {engine!r}{nearest(engine, ENGINES)}")
    if engine is not None and engine != config.engine:
        config = RadiomicsConfig.model_validate({**config.model_dump(exclude_unset=True), "engine": engine})
    volume = volume if isinstance(volume, Volume) else _as_volume(volume, spacing_zyx_mm)
    labels = labels if isinstance(labels, LabelMap) else _as_labels(labels, volume.grid)
    only = _whole(only)
    labels = in_order_of(labels, volume.grid)
    plan = plan_of(config)
    settings = plan.settings
    if plan.label is not None and not only:
        only = (plan.label,)
    if not (settings.correct_mask or settings.spacing_zyx_mm or settings.grid_tolerance):
        _require_same_grid(volume, labels)
    failed: dict[int, CaseError] = {}
    regions = [region for label in _chosen(labels, only) if (region := _label_region(labels, label, config, failed))]
    if not regions:
        raise failed[min(failed)]
    with ThreadPoolExecutor(1) as aside:
        digests = aside.submit(lambda: {"image_sha256": _digest(volume.voxels), "mask_sha256": _digest(labels.array)})
        results = measured_regions(volume, regions, config, as_kind(threads, int, "threads") or cores(), plan)
    failed |= {int(name): result.failed for name, result in results.items() if result.failed}
    measured = {int(name): result for name, result in results.items() if not result.failed}
    if not measured:
        raise failed[min(failed)]
    provenance = _provenance(config, plan, {_name(labels, label): result for label, result in measured.items()})
    provenance["failed"] = {_name(labels, label): str(failed[label]) for label in sorted(failed)}
    values = _table([result.values for result in measured.values()], [_name(labels, label) for label in measured])
    return FeatureTable(values, units_of(values.columns), provenance | digests.result())


def _table(rows: Sequence[Mapping[str, float]], names: Sequence[str]) -> pd.DataFrame:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = np.array([[row.get(name, np.nan) for name in columns] for row in rows])
    return pd.DataFrame(cells, pd.Index(names, name="label"), columns, dtype=np.float64)


def _name(labels: LabelMap, label: int) -> str:
    return labels.names.get(label, str(label))


def _require_same_grid(volume: Volume, labels: LabelMap) -> None:
    require_all_slices(volume.grid, volume.name, labels)
    if not volume.grid.same_as(labels.grid):
        raise InputError(
            f"mask {labels.name} lies on another grid than image {volume.name}:\n  image {volume.grid}\n  mask  "
            f"{labels.grid}\nAllow more with `grid_tolerance` (geometryTolerance), resample the mask with "
            "`correct_mask` (correctMask), or resample both with `spacing_zyx_mm` (resampledPixelSpacing)"
        )


def _chosen(labels: LabelMap, only: Sequence[int]) -> Sequence[int]:
    present = labels.present()
    if not present:
        raise InputError(f"{labels.name}: the mask is empty")
    absent = [label for label in only if label not in present]
    if absent:
        raise InputError(f"{labels.name}: labels {listed(absent)} are not present; present: {listed(present)}")
    return only or present


def _label_region(labels: LabelMap, label: int, config: RadiomicsConfig, failed: dict[int, CaseError]) -> Region | None:
    """Return a label's region; None where it is too small, which is noted."""
    box = labels.boxes[label]
    region = Region(str(label), labels.array[box] == label, box, labels.grid)
    found = region.voxels
    least = config.min_voxels if config.params is None else 1
    if found >= least:
        return region
    failed[label] = CaseError(
        labels.name,
        f"label {label} has {found} voxels, needs {least}; labels present: {listed(labels.present())}. "
        "Lower `min_voxels`, or leave the label out",
    )
    return None


def _as_volume(array: Image | ArrayLike, spacing_zyx_mm: tuple[float, float, float]) -> Volume:
    if is_sitk(array):
        return _volume_of(*_of_sitk("image", array))
    voxels = _array("image", array)
    if voxels.ndim != 3:
        raise InputError(f"image: an array of shape {voxels.shape} is not three-dimensional (z, y, x)")
    if np.shape(spacing_zyx_mm) != (3,) or not all(isinstance(side, (int, float)) for side in spacing_zyx_mm):
        raise InputError(f"spacing_zyx_mm: give three numbers in mm, z first; found {spacing_zyx_mm!r}")
    if not all(SPACING_MM[0] <= side <= SPACING_MM[1] for side in spacing_zyx_mm):
        raise InputError(
            f"spacing_zyx_mm: {spacing_zyx_mm!r} cannot be; give from {SPACING_MM[0]:g} to {SPACING_MM[1]:g} mm"
        )
    z, y, x = voxels.shape
    return _volume_of(voxels, Grid((z, y, x), spacing_zyx_mm))


def _volume_of(voxels: np.ndarray, grid: Grid) -> Volume:
    """Return an image, its voxels in a type that all that computes knows."""
    if voxels.dtype.kind not in "iufb":
        raise InputError(f"image: voxels of type {voxels.dtype} are no real numbers")
    if voxels.dtype.kind == "b":
        voxels = voxels.astype(np.uint8)
    elif voxels.dtype.kind == "f" and voxels.dtype.itemsize not in (4, 8):
        voxels = voxels.astype(np.float32 if voxels.dtype.itemsize < 4 else np.float64)
    voxels = voxels.astype(voxels.dtype.newbyteorder("="), copy=False)
    volume = Volume(voxels.astype(np.float32, copy=False), grid, "image")
    return volume if voxels.dtype == np.float32 else replace(volume, stored=voxels)


def _of_sitk(what: str, image: Image) -> tuple[np.ndarray, Grid]:
    """Return the voxels of an image of SimpleITK, and where they lie; refuse what is no volume."""
    axes, values = image.GetDimension(), image.GetNumberOfComponentsPerPixel()
    if axes != 3 or values != 1:
        raise InputError(f"{what}: give an image of three axes and a value a voxel; found {axes} axes, {values} values")
    return from_sitk(image)


def _as_labels(array: Image | ArrayLike, grid: Grid) -> LabelMap:
    if is_sitk(array):
        labels, grid = _of_sitk("labels", array)
    else:
        labels = _array("labels", array)
    if labels.dtype.kind not in "iufb":
        raise InputError(f"labels: voxels of type {labels.dtype} are no labels; give whole numbers, 0 for background")
    if labels.dtype == bool:
        labels = labels.astype(np.uint8)
    if labels.dtype.kind == "f":
        if not np.array_equal(labels, np.rint(labels)):
            raise InputError("labels: a mask holds whole numbers; round them, background 0")
        labels = labels.astype(np.int64)
    return LabelMap(labels, grid)


def _array(what: str, given: ArrayLike) -> np.ndarray:
    """Return what was given as an array; refuse what is none, and cells that numpy marks as not there."""
    if isinstance(given, (str, os.PathLike)):
        raise InputError(f"{what}: give an array, or what read_volume or read_labels made of {str(given)!r}")
    if isinstance(given, (Volume, LabelMap)):
        raise InputError(f"{what}: found a {type(given).__name__}; give the image first, then the labels")
    if np.ma.is_masked(given):
        raise InputError(f"{what}: numpy marks voxels as not there (a masked array); fill them")
    try:
        return np.asarray(given)
    except ValueError as error:
        raise InputError(f"{what}: no array of one shape ({error}); give (z, y, x)") from error


def _whole(only: int | Sequence[int] | None) -> tuple[int, ...]:
    labels = () if only is None else (only,) if isinstance(only, (int, np.integer)) else only
    if isinstance(labels, str) or not all(isinstance(label, (int, np.integer)) for label in labels):
        raise InputError(f"only: give labels, whole numbers; found {only!r}")
    return tuple(int(label) for label in labels)


def _provenance(config: RadiomicsConfig, plan: Plan, results: dict[str, RegionResult]) -> dict[str, object]:
    packages = ["radfuse", "numpy", "SimpleITK", "PyWavelets"]
    packages += ["pyradiomics"] if config.engine == "pyradiomics" else ["numba"]
    return {
        "engine": config.engine,
        "settings": config.model_dump(mode="json", exclude_unset=config.params is not None),  # the file says the rest
        "pyradiomics_settings": plan.said or said_by(config),
        "versions": {name: _version(name) for name in packages},
        "voxels": {name: list(result.voxels) for name, result in results.items()},
        "missing": {name: result.reasons for name, result in results.items() if result.reasons},
        "remarks": {name: result.remarks for name, result in results.items() if result.remarks},
    }


@lru_cache
def _version(package: str) -> str:
    return version(package)


def _digest(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()
