"""Our own engine: PyRadiomics' features and numbers, all regions in one call, filters shared where numbers allow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from threading import Lock
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from radfuse.config import nearest
from radfuse.errors import CaseError, InputError
from radfuse.radiomics.config import RadiomicsConfig
from radfuse.radiomics.discretise import NO_LEVELS, Levels, discretise
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
    volume: Volume,
    regions: Sequence[Region],
    config: RadiomicsConfig,
    threads: int = 1,
    plan: Plan | None = None,
    *,
    all_or_none: bool = False,
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
        all_or_none=all_or_none,
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
    all_or_none: bool = False,
) -> dict[str, RegionResult]:
    """Return the features of all regions of an image; of one that fails, why.

    Args:
        image: shape (z, y, x), in the type it was stored in: bins depend on it.
        grid: where its voxels lie.
        regions: to look at.
        plan: what to compute.
        reference: bool, the region that normalisation refers to; None: the whole image.
        threads: at work on different filtered images.
        where: for messages.
        all_or_none: whether the first region that fails ends the work.

    Raises:
        CaseError: with `all_or_none`, a region cannot be used; names it and the reason.
        InputError: an image that is not three-dimensional.
    """
    if image.ndim != 3:
        raise InputError(f"{where}: the image has {image.ndim} dimensions, shape {image.shape}; give one of three")
    if image.dtype.kind == "b":
        image = image.astype(np.uint8)
    if plan.settings.normalize:
        image = normalised(image, plan.settings, reference)
    failures = _Failures(all_or_none)
    results, prepared = {region.name: RegionResult() for region in regions}, []
    for region in regions:
        with failures.of(region.name):
            prepared.append(prepare(image, grid, region, plan.settings, f"{where}, region {region.name}"))
    failures.end()
    for part in prepared:
        results[part.name].voxels = part.voxels
        for name in FAMILIES:
            if name in plan.features and family_of(name).sees == "mask":
                _add_family(name, "original", Measured(part), plan.settings, plan, results[part.name])
    _add_images(prepared, plan, results, max(threads, 1), failures)
    failures.end()
    return results | {name: RegionResult(failed=error) for name, error in failures.found.items()}


class _Failures:
    """Which regions failed, for the jobs that wait: what is left of a failed region is not computed."""

    def __init__(self, all_or_none: bool) -> None:
        """Begin without any; with `all_or_none` the first stops all regions."""
        self.found: dict[str, CaseError] = {}
        self._all_or_none = all_or_none

    @contextmanager
    def of(self, *names: str) -> Iterator[None]:
        """Note that regions failed by an error raised here."""
        try:
            yield
        except CaseError as error:
            for name in names:
                self.found.setdefault(name, error)

    def over(self, name: str) -> bool:
        """Return whether nothing more is wanted of a region."""
        return name in self.found or (self._all_or_none and bool(self.found))

    def end(self) -> None:
        """Raise the first failure where one ends the work."""
        if self._all_or_none and self.found:
            raise next(iter(self.found.values()))


Lattices = dict[tuple[str, tuple[int, ...], int | None], Lattice]
"""Region, distances and flat axis -> lattice."""
Made = list[tuple[str, Prepared, "Future[RegionResult] | str"]]


def _add_images(
    prepared: Sequence[Prepared], plan: Plan, results: dict[str, RegionResult], threads: int, failures: _Failures
) -> None:
    """Add the features of every region on every filtered image, columns in PyRadiomics' order."""
    lattices = _lattices(prepared, plan)
    found: dict[tuple[str, str], RegionResult] = {}
    alone = len(prepared) * len(_image_names(plan)) == 1
    with _ONE_THREAD_EACH, _Inline() if alone else ThreadPoolExecutor(threads) as pool:
        try:
            makers = [
                pool.submit(_make, group, chosen, settings, plan, lattices, failures, pool)
                for group in _groups(prepared)
                for chosen, settings in _by_effort(plan)
            ]
            for image_name, part, made in (item for maker in makers for item in maker.result()):
                if isinstance(made, str):
                    results[part.name].reasons[image_name] = made
                else:
                    found[part.name, image_name] = made.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)  # what nobody will see is not waited for
            raise
    for region_name, result in results.items():
        for image_name in _image_names(plan):
            here = found.get((region_name, image_name), RegionResult())
            result.values |= here.values
            result.reasons |= here.reasons
            result.remarks |= here.remarks


def _make(
    group: Sequence[Prepared],
    chosen: Filter,
    settings: Settings,
    plan: Plan,
    lattices: Lattices,
    failures: _Failures,
    pool: Executor,
) -> Made:
    """Filter the image of a group, and hand each region's values on to be measured."""
    made: Made = []
    if all(failures.over(part.name) for part in group):
        return made
    with (
        failures.of(*(part.name for part in group)),
        np.errstate(divide="ignore", invalid="ignore"),  # where a filter has no value is an error later, with a cause
    ):
        for filtered in chosen.make(group, settings):
            for place, part in enumerate(group):
                if filtered.skipped:
                    made.append((filtered.name, part, filtered.skipped))
                    continue
                lattice = lattices.get((part.name, settings.distances, settings.flat_axis), NOBODY)
                remark = filtered.remarks[place] if filtered.remarks else ""
                seen = part, lattice, filtered.values[place], filtered.name, remark
                made.append((filtered.name, part, pool.submit(_measure, *seen, chosen, settings, plan, failures)))
    return made


class _Inline(Executor):
    """Runs a job where it is handed in: one small region on one image is done before a thread has started."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Return a future that is done; an error of the job is raised at once."""
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


class _OneThreadEach:
    """Keeps linear algebra from starting threads of its own beside ours, until the last of those at work is done."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._at_work = 0
        self._limit: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if not self._at_work:
                self._limit = _controller().limit(limits=1, user_api="blas")
            self._at_work += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._at_work -= 1
            if not self._at_work:
                self._limit.restore_original_limits()


_ONE_THREAD_EACH = _OneThreadEach()


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
    remark: str,
    chosen: Filter,
    settings: Settings,
    plan: Plan,
    failures: _Failures,
) -> RegionResult:
    """Return the features of one region on one filtered image; nothing where the region has failed elsewhere."""
    result = RegionResult()
    if failures.over(part.name):
        return result
    where = f"region {part.name}, {image_name}"
    with failures.of(part.name):
        if not np.isfinite(values).all():
            lacking = np.count_nonzero(~np.isfinite(values))
            cause = chosen.no_value(values, settings)
            raise CaseError(where, f"{lacking} voxels of the region have no value: {cause}")
        try:
            levels = _levels(values, settings, plan)
        except InputError as error:
            raise CaseError(where, str(error)) from error
        if remark or values.min() == values.max():
            result.remarks[image_name] = remark or f"every voxel of the region holds {values[0]:g}"
        measured = Measured(part, values, levels, lattice)
        for name in plan.features:
            if family_of(name).sees != "mask":
                _add_family(name, image_name, measured, settings, plan, result)
    return result


def _levels(values: np.ndarray, settings: Settings, plan: Plan) -> Levels:
    """Return the grey levels of a region, where somebody looks at them."""
    families = [(family_of(name), asked) for name, asked in plan.features.items()]
    if all(family.sees == "mask" or set(asked) <= set(family.without_levels) for family, asked in families):
        return NO_LEVELS
    return discretise(values, settings.bin_width, settings.bin_count, settings.bin_range, settings.max_bins)


def _add_family(
    name: str, image_name: str, measured: Measured, settings: Settings, plan: Plan, result: RegionResult
) -> None:
    """Add the features of a family that are asked for, and the reasons of those that are missing."""
    family, asked = family_of(name), plan.features[name]
    if not asked:
        return
    try:
        computed = family.features(replace(measured, asked=frozenset(asked)), settings)
    except NotMeasuredError as error:
        result.reasons |= {f"{image_name}_{name}": str(error)} if plan.chosen else {}
        return
    for feature in asked:
        column, value = f"{image_name}_{name}_{feature}", computed[feature]
        result.values[column] = value
        if value != value:
            result.reasons[column] = family.why_missing(feature)
