"""Our own engine: PyRadiomics' features and numbers, all regions in one call, filters shared where numbers allow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from radfuse.errors import CaseError, InputError
from radfuse.radiomics import filters
from radfuse.radiomics.discretise import Levels, discretise
from radfuse.radiomics.firstorder import firstorder_features
from radfuse.radiomics.glcm import glcm_features
from radfuse.radiomics.gldm import gldm_features
from radfuse.radiomics.glrlm import glrlm_features
from radfuse.radiomics.glszm import glszm_features
from radfuse.radiomics.lattice import Lattice, make_lattice
from radfuse.radiomics.ngtdm import ngtdm_features
from radfuse.radiomics.preprocess import Prepared, normalised, prepare
from radfuse.radiomics.settings import Plan, Settings
from radfuse.radiomics.shape import shape_features
from radfuse.radiomics.shape2d import shape2d_features
from radfuse.radiomics.wavelet import wavelet_names
from radfuse.volume.grid import Grid
from radfuse.volume.region import Region

_TEXTURE = ("glcm", "glrlm", "glszm", "gldm", "ngtdm")
_CAUSES = {
    "glcm": "no two voxels of the region lie at the distances asked for",
    "glrlm": "no line along any direction holds two voxels of the region",
    "shape": "the region is flat, and rounding makes its smallest principal variance negative",
    "shape2D": "the region is a line, and rounding makes its smaller principal variance negative",
    "firstorder": "no grey value lies between the 10th and the 90th percentile",
}
_NO_VOLUME = "the mesh around the region encloses no volume: its voxels touch at corners and edges only"
_NEGATIVE = "rounding makes the value under its square root negative in every direction"


@dataclass
class RegionResult:
    """What an extraction gives for one region.

    Attributes:
        values: feature -> value, columns in PyRadiomics' order; NaN where there is none.
        reasons: feature, or filtered image -> why it is NaN, or was not made.
        voxels: number of voxels of the region as it came in, and after resampling and resegmentation.
    """

    values: dict[str, float] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    voxels: tuple[int, int] = (0, 0)


def extract_regions(
    image: np.ndarray,
    grid: Grid,
    regions: Sequence[Region],
    plan: Plan,
    *,
    reference: np.ndarray | None = None,
    threads: int = 1,
    where: str = "image",
) -> dict[str, RegionResult]:
    """Return the features of all regions of an image.

    Args:
        image: shape (z, y, x), in the type it was stored in: bins depend on it.
        grid: where its voxels lie.
        regions: to look at.
        plan: what to compute.
        reference: bool, the region that normalisation refers to; None: the whole image.
        threads: at work on different filtered images.
        where: for messages.

    Raises:
        CaseError: a region cannot be used; names it and the reason.
        InputError: an image that is not three-dimensional, or more bins than `max_bins`.
    """
    if image.ndim != 3:
        raise InputError(f"{where}: the image has {image.ndim} dimensions, shape {image.shape}; give one of three")
    if image.dtype.kind == "b":
        image = image.astype(np.uint8)
    if plan.settings.normalize:
        image = normalised(image, plan.settings, reference)
    prepared = [prepare(image, grid, region, plan.settings, f"{where}, region {region.name}") for region in regions]
    results = {part.name: RegionResult(voxels=part.voxels) for part in prepared}
    for part in prepared:
        _add_shape(part, plan, results[part.name])
    _add_images(prepared, plan, results, max(threads, 1))
    return results


Lattices = dict[tuple[str, tuple[int, ...], int | None], Lattice]
"""Region, distances and flat axis -> lattice."""
Made = list[tuple[str, Prepared, "Future[dict[str, float]] | str"]]


def _add_images(prepared: Sequence[Prepared], plan: Plan, results: dict[str, RegionResult], threads: int) -> None:
    """Add the features of every region on every filtered image, columns in PyRadiomics' order."""
    lattices = _lattices(prepared, plan)
    found: dict[tuple[str, str], dict[str, float]] = {}
    alone = len(prepared) * len(_image_names(plan)) == 1
    with _one_thread_each(), _Inline() if alone else ThreadPoolExecutor(threads) as pool:
        makers = [
            pool.submit(_make, group, name, settings, plan, lattices, pool)
            for group in _groups(prepared)
            for name, settings in _by_effort(plan)
        ]
        for image_name, part, made in (item for maker in makers for item in maker.result()):
            if isinstance(made, str):
                results[part.name].reasons[image_name] = made
            else:
                found[part.name, image_name] = made.result()
    for region_name, result in results.items():
        for image_name in _image_names(plan):
            values = found.get((region_name, image_name), {})
            result.values |= values
            result.reasons |= {feature: _cause(feature) for feature, value in values.items() if value != value}


def _make(
    group: Sequence[Prepared],
    name: str,
    settings: Settings,
    plan: Plan,
    lattices: Lattices,
    pool: Executor,
) -> Made:
    """Filter the image of a group, and hand each region's values on to be measured."""
    made: Made = []
    with np.errstate(divide="ignore", invalid="ignore"):  # where a filter has no value is an error later, with a cause
        for filtered in filters.BY_NAME[name](group, settings):
            for place, part in enumerate(group):
                if filtered.skipped:
                    made.append((filtered.name, part, filtered.skipped))
                    continue
                lattice = lattices.get((part.name, settings.distances, settings.flat_axis))
                job = pool.submit(_measure, part, lattice, filtered.values[place], filtered.name, settings, plan)
                made.append((filtered.name, part, job))
    return made


class _Inline(Executor):
    """Runs a job where it is handed in: one small region on one image is done before a thread has started."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Return a future that is done; an error of the job is raised at once."""
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


def _one_thread_each() -> AbstractContextManager[object]:
    """Keep linear algebra from starting threads of its own beside ours."""
    limit: AbstractContextManager[object] = _controller().limit(limits=1, user_api="blas")
    return limit


@lru_cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def _groups(prepared: Sequence[Prepared]) -> list[list[Prepared]]:
    """Put together the regions whose filters see one and the same image."""
    groups: dict[tuple[int, tuple[int, ...]], list[Prepared]] = {}
    for part in prepared:
        key = (part.image.__array_interface__["data"][0], part.image.shape)
        groups.setdefault(key, []).append(part)
    return list(groups.values())


def _by_effort(plan: Plan) -> Iterator[tuple[str, Settings]]:
    """Yield filters with their settings, each sigma on its own, the slowest first."""
    order = {"Wavelet": 0, "LBP3D": 1, "LoG": 2}
    for name, settings in sorted(plan.filters.items(), key=lambda item: order.get(item[0], 3)):
        if name == "LoG":
            for sigma in settings.log_sigma_mm:
                yield name, settings.model_copy(update={"log_sigma_mm": (sigma,)})
        else:
            yield name, settings


def _image_names(plan: Plan) -> list[str]:
    """Return the names of filtered images in the order of the columns."""
    names: list[str] = []
    for name, settings in plan.filters.items():
        if name == "Wavelet":
            names += wavelet_names(settings.wavelet_levels, 2 if settings.force_2d else 3)
        elif name == "LoG":
            names += [filters.log_name(sigma) for sigma in settings.log_sigma_mm]
        elif name == "LBP3D":
            names += [*(f"lbp-3D-m{n + 1}" for n in range(settings.lbp_3d_levels)), "lbp-3D-k"]
        else:
            names.append({"LBP2D": "lbp-2D"}.get(name, name.lower()))
    return names


def _lattices(prepared: Sequence[Prepared], plan: Plan) -> Lattices:
    """Return who neighbours whom in each region, for every way the filters' settings look at it."""
    if not any(name in plan.features for name in _TEXTURE):
        return {}
    ways = {(settings.distances, settings.flat_axis) for settings in plan.filters.values()}
    return {
        (part.name, distances, axis): make_lattice(part.mask, distances, axis)
        for part in prepared
        for distances, axis in ways
    }


def _measure(
    part: Prepared, lattice: Lattice | None, values: np.ndarray, image_name: str, settings: Settings, plan: Plan
) -> dict[str, float]:
    """Return the features of one region on one filtered image."""
    where = f"region {part.name}, {image_name}"
    if not np.isfinite(values).all():
        raise CaseError(where, _no_value(values, image_name, settings))
    try:
        levels = discretise(values, settings.bin_width, settings.bin_count, settings.bin_range, settings.max_bins)
    except InputError as error:
        raise CaseError(where, str(error)) from error
    found: dict[str, float] = {}
    for name, chosen in plan.features.items():
        if name in ("shape", "shape2D"):
            continue
        computed = _class_features(name, part, lattice, levels, values, settings)
        found |= {f"{image_name}_{name}_{feature}": computed[feature] for feature in chosen}
    return found


def _class_features(
    name: str, part: Prepared, lattice: Lattice | None, levels: Levels, values: np.ndarray, settings: Settings
) -> Mapping[str, float]:
    spacing = part.spacing_zyx_mm
    if name == "firstorder":
        return firstorder_features(values, levels, float(np.prod(spacing)), settings.shift)
    assert lattice is not None
    if name == "glcm":
        return glcm_features(lattice, levels, spacing, symmetric=settings.symmetric_glcm, weighting=settings.weighting)
    if name == "glrlm":
        return glrlm_features(lattice, levels, spacing, weighting=settings.weighting)
    if name == "glszm":
        return glszm_features(lattice, levels)
    if name == "gldm":
        return gldm_features(lattice, levels, settings.gldm_alpha)
    return ngtdm_features(lattice, levels)


def _add_shape(part: Prepared, plan: Plan, result: RegionResult) -> None:
    spacing = part.spacing_zyx_mm
    for name in ("shape", "shape2D"):
        if name not in plan.features:
            continue
        if name == "shape":
            computed = shape_features(part.shape_mask, spacing)
        else:
            axis = plan.settings.force_2d_axis
            lacking = _no_slice(part, plan.settings)
            if lacking:
                result.reasons |= {f"original_{name}": lacking} if plan.chosen else {}
                continue
            in_plane = [step for place, step in enumerate(spacing) if place != axis]
            computed = shape2d_features(part.shape_mask.squeeze(axis), in_plane)
        for feature in plan.features[name]:
            result.values[f"original_{name}_{feature}"] = computed[feature]
            if computed[feature] != computed[feature]:
                divided = feature in ("SurfaceVolumeRatio", "SphericalDisproportion")
                result.reasons[f"original_{name}_{feature}"] = _NO_VOLUME if divided else _CAUSES[name]


def _no_slice(part: Prepared, settings: Settings) -> str:
    """Return why a region has no two-dimensional shape; empty where it has."""
    if not settings.force_2d:
        return "shape2D needs a slice-wise extraction (`slice_axis`, force2D)"
    axis = settings.force_2d_axis
    if part.shape_mask.shape[axis] > 1:
        return f"shape2D needs a region of one slice along {'zyx'[axis]}, found {part.shape_mask.shape[axis]}"
    if part.shape_mask.shape[::-1][axis] <= 1:
        # PyRadiomics compares with the extent along the axis of that number counted x, y, z
        return f"PyRadiomics computes no shape2D along {'zyx'[axis]} for a region one voxel wide along {'xyz'[axis]}"
    return ""


def _no_value(values: np.ndarray, image_name: str, settings: Settings) -> str:
    """Return why a filter has no value somewhere in a region."""
    found = f"{np.count_nonzero(~np.isfinite(values))} voxels of the region have no value: "
    if image_name == "lbp-2D" and settings.lbp_2d_method == "var":
        return f"{found}their neighbours are all alike, so that method var is undefined; take another `lbp_2d_method`"
    if image_name in ("square", "logarithm", "exponential") and not np.isfinite(values).any():
        return f"{found}the filter divides by the image's largest value, which is 0 or no number; mend the image"
    return f"{found}the filter spread NaN or infinite voxels of the image into the region; mend the image"


def _cause(feature: str) -> str:
    _, name, short = feature.rsplit("_", 2)
    return _NEGATIVE if short in ("Imc2", "MCC") else _CAUSES.get(name, "not a number")
