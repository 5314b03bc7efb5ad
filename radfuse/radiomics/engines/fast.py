"""Our own engine: PyRadiomics' features and numbers, all regions in one call, filters shared where numbers allow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from radfuse.config import nearest
from radfuse.errors import CaseError, InputError
from radfuse.radiomics.config import RadiomicsConfig
from radfuse.radiomics.discretise import discretise
from radfuse.radiomics.engines.result import RegionResult
from radfuse.radiomics.families import FAMILIES
from radfuse.radiomics.families.family import Measured, NotMeasuredError, family_of
from radfuse.radiomics.filters.filter import Filter, filter_of
from radfuse.radiomics.lattice import NOBODY, Lattice, make_lattice
from radfuse.radiomics.plan import plan_of
from radfuse.radiomics.preprocess import Prepared, normalised, prepare
from radfuse.radiomics.settings import Plan, Settings
from radfuse.volume.grid import Grid
from radfuse.volume.image import Volume
from radfuse.volume.region import Region


def measure(
    volume: Volume, regions: Sequence[Region], config: RadiomicsConfig, threads: int = 1, plan: Plan | None = None
) -> dict[str, RegionResult]:
    """Return region -> features; see `radfuse.radiomics.measure`."""
    reference = None
    if config.normalize_region is not None:
        by_name = {region.name: region for region in regions}
        if config.normalize_region not in by_name:
            raise InputError(
                f"radiomics.normalize_region: no region {config.normalize_region!r}"
                f"{nearest(config.normalize_region, by_name)}"
            )
        region = by_name[config.normalize_region]
        if not region.grid.same_as(volume.grid):
            raise InputError(
                f"radiomics.normalize_region: region {region.name!r} lies on another grid than {volume.name}; resample "
                "the mask first"
            )
        reference = region.mask
    return extract_regions(
        volume.voxels,
        volume.grid,
        regions,
        plan or plan_of(config),
        reference=reference,
        threads=threads,
        where=volume.name,
    )


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
        for name in FAMILIES:
            if name in plan.features and family_of(name).sees == "mask":
                _add_family(name, "original", Measured(part), plan.settings, plan, results[part.name])
    _add_images(prepared, plan, results, max(threads, 1))
    return results


Lattices = dict[tuple[str, tuple[int, ...], int | None], Lattice]
"""Region, distances and flat axis -> lattice."""
Made = list[tuple[str, Prepared, "Future[RegionResult] | str"]]


def _add_images(prepared: Sequence[Prepared], plan: Plan, results: dict[str, RegionResult], threads: int) -> None:
    """Add the features of every region on every filtered image, columns in PyRadiomics' order."""
    lattices = _lattices(prepared, plan)
    found: dict[tuple[str, str], RegionResult] = {}
    alone = len(prepared) * len(_image_names(plan)) == 1
    with _one_thread_each(), _Inline() if alone else ThreadPoolExecutor(threads) as pool:
        makers = [
            pool.submit(_make, group, chosen, settings, plan, lattices, pool)
            for group in _groups(prepared)
            for chosen, settings in _by_effort(plan)
        ]
        for image_name, part, made in (item for maker in makers for item in maker.result()):
            if isinstance(made, str):
                results[part.name].reasons[image_name] = made
            else:
                found[part.name, image_name] = made.result()
    for region_name, result in results.items():
        for image_name in _image_names(plan):
            here = found.get((region_name, image_name), RegionResult())
            result.values |= here.values
            result.reasons |= here.reasons


def _make(
    group: Sequence[Prepared],
    chosen: Filter,
    settings: Settings,
    plan: Plan,
    lattices: Lattices,
    pool: Executor,
) -> Made:
    """Filter the image of a group, and hand each region's values on to be measured."""
    made: Made = []
    with np.errstate(divide="ignore", invalid="ignore"):  # where a filter has no value is an error later, with a cause
        for filtered in chosen.make(group, settings):
            for place, part in enumerate(group):
                if filtered.skipped:
                    made.append((filtered.name, part, filtered.skipped))
                    continue
                lattice = lattices.get((part.name, settings.distances, settings.flat_axis), NOBODY)
                seen = part, lattice, filtered.values[place], filtered.name
                made.append((filtered.name, part, pool.submit(_measure, *seen, chosen, settings, plan)))
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


def _by_effort(plan: Plan) -> Iterator[tuple[Filter, Settings]]:
    """Yield filters with their settings, each part on its own, the slowest first."""
    chosen = [(filter_of(name), settings) for name, settings in plan.filters.items()]
    for item, settings in sorted(chosen, key=lambda pair: -pair[0].effort):
        for part in item.parts(settings):
            yield item, part


def _image_names(plan: Plan) -> list[str]:
    """Return the names of filtered images in the order of the columns."""
    return [image for name, settings in plan.filters.items() for image in filter_of(name).images(settings)]


def _lattices(prepared: Sequence[Prepared], plan: Plan) -> Lattices:
    """Return who neighbours whom in each region, for every way the filters' settings look at it."""
    if not any(family_of(name).sees == "neighbours" for name in plan.features):
        return {}
    ways = {(settings.distances, settings.flat_axis) for settings in plan.filters.values()}
    return {
        (part.name, distances, axis): make_lattice(part.mask, distances, axis)
        for part in prepared
        for distances, axis in ways
    }


def _measure(
    part: Prepared,
    lattice: Lattice,
    values: np.ndarray,
    image_name: str,
    chosen: Filter,
    settings: Settings,
    plan: Plan,
) -> RegionResult:
    """Return the features of one region on one filtered image."""
    where = f"region {part.name}, {image_name}"
    if not np.isfinite(values).all():
        lacking = np.count_nonzero(~np.isfinite(values))
        cause = chosen.no_value(values, settings)
        raise CaseError(where, f"{lacking} voxels of the region have no value: {cause}")
    try:
        levels = discretise(values, settings.bin_width, settings.bin_count, settings.bin_range, settings.max_bins)
    except InputError as error:
        raise CaseError(where, str(error)) from error
    measured, result = Measured(part, values, levels, lattice), RegionResult()
    for name in plan.features:
        if family_of(name).sees != "mask":
            _add_family(name, image_name, measured, settings, plan, result)
    return result


def _add_family(
    name: str, image_name: str, measured: Measured, settings: Settings, plan: Plan, result: RegionResult
) -> None:
    """Add the features of a family that are asked for, and the reasons of those that are missing."""
    family = family_of(name)
    try:
        computed = family.features(measured, settings)
    except NotMeasuredError as error:
        result.reasons |= {f"{image_name}_{name}": str(error)} if plan.chosen else {}
        return
    for feature in plan.features[name]:
        column, value = f"{image_name}_{name}_{feature}", computed[feature]
        result.values[column] = value
        if value != value:
            result.reasons[column] = family.why_missing(feature)
