"""From an image and a region to what filters and features see: PyRadiomics' steps, in its order.

Normalise the whole image, then resample both onto a grid around the region or crop around it, then check and
resegment the region.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from radfuse.errors import CaseError, counted
from radfuse.radiomics.config import INTERPOLATORS
from radfuse.radiomics.settings import Settings
from radfuse.volume.grid import Grid
from radfuse.volume.region import Box, Region, box_of
from radfuse.volume.resample import interpolated
from radfuse.volume.sitk import index_of, point_of, standardised

MOST_VOXELS = 200_000_000
"""Of a resampled image: some 4 GB with its mask and the copies that making it takes."""


@dataclass(frozen=True)
class Prepared:
    """A region ready for extraction.

    Attributes:
        name: of the region.
        image: what filters are applied to, (z, y, x), in its own type.
        spacing_zyx_mm: of the image.
        mask: bool, the region within its box.
        box: where the region lies in the image.
        shape_mask: bool, the region as shape features see it: before resegmentation, cut to the same box.
        voxels: number of voxels as they came in, and as they go out.
    """

    name: str
    image: np.ndarray
    spacing_zyx_mm: tuple[float, float, float]
    mask: np.ndarray
    box: Box
    shape_mask: np.ndarray
    voxels: tuple[int, int]


def normalised(image: np.ndarray, settings: Settings, reference: np.ndarray | None = None) -> np.ndarray:
    """Return the image centred and scaled by its own voxels, or by those of a reference region.

    Args:
        image: shape (z, y, x).
        settings: scale and outliers.
        reference: bool, whose mean becomes 0 and whose standard deviation the scale.
    """
    if reference is None:
        if image.size and image.min() == image.max():
            raise CaseError("normalize", "the image's voxels are all alike, and scale nothing; leave `normalize` out")
        found = standardised(image)
    else:
        inside = image[reference].astype(np.float64)
        if not inside.std() > 0:
            raise CaseError("normalize_region", "the region's voxels are all alike, and scale nothing; take another")
        found = ((image - inside.mean()) / inside.std()).astype(np.float64)
    if settings.remove_outliers is not None:
        found = np.clip(found, -settings.remove_outliers, settings.remove_outliers)
    return np.asarray(found * found.dtype.type(settings.normalize_scale))


def prepare(image: np.ndarray, grid: Grid, region: Region, settings: Settings, where: str) -> Prepared:
    """Resample or crop, check, and resegment.

    Args:
        image: normalised already, shape (z, y, x).
        grid: where its voxels lie.
        region: on its own grid; it may differ from the image's only where the image is resampled or the mask corrected.
        settings: what to do.
        where: for messages.

    Raises:
        CaseError: the region is empty, too small, has too few dimensions, leaves the image, or another grid.
    """
    if region.voxels == 0:
        raise CaseError(where, "the region has no voxels; draw it, or leave it out")
    if settings.spacing_zyx_mm is not None:
        image, mask, grid = _resampled(image, grid, region, settings, where)
    else:
        placed = _on_image(grid, region, settings, where)
        if settings.crop_first:
            _check_size(placed.inside, settings, where)
            image, mask, grid = _cropped(image, placed, settings.pad_voxels)
        else:
            mask = placed.mask
    box = _checked_box(mask, settings, where)
    before = mask
    if settings.resegment_range is not None:
        mask = _resegmented(image, mask, settings, where)
        box = _checked_box(mask, settings, where)
    shape_mask = (mask if settings.resegment_shape else before)[box]
    inside = mask[box]
    values = image[box][inside]
    if not np.isfinite(values).all():
        many = counted(int((~np.isfinite(values)).sum()), "voxel in the region is", "voxels in the region are")
        raise CaseError(where, f"{many} NaN or infinite; mend the image")
    return Prepared(
        region.name, image, grid.spacing_zyx_mm, inside, box, shape_mask, (region.voxels, int(np.count_nonzero(inside)))
    )


def _on_image(grid: Grid, region: Region, settings: Settings, where: str) -> Region:
    """Return the region on the image's grid, corrected where that is allowed."""
    if _same(grid, region.grid, settings.grid_tolerance):
        return replace(region, grid=grid)
    if not settings.correct_mask:
        raise CaseError(
            where,
            f"the mask lies on another grid than the image:\n  image {grid}\n  mask  {region.grid}\nAllow more with "
            "`grid_tolerance` (geometryTolerance), resample the mask with `correct_mask` (correctMask), or resample "
            "both with `spacing_zyx_mm` (resampledPixelSpacing)",
        )
    _inside_image(grid, region.grid, region.box, where)
    found = interpolated(region.mask.astype(np.uint8), region.grid, grid, "sitkNearestNeighbor") > 0
    if not found.any():
        raise CaseError(
            where, "nothing of the region is left on the image's grid; take the mask that was drawn on this image"
        )
    return Region.of(region.name, found, grid)


def _same(first: Grid, second: Grid, tolerance: float | None) -> bool:
    if tolerance is None:
        return first.same_as(second)
    if first.shape != second.shape:
        return False
    allowed = tolerance * first.spacing_zyx_mm[2]
    return bool(
        np.abs(np.subtract(first.origin, second.origin)).max() <= allowed
        and np.abs(np.subtract(first.spacing_zyx_mm, second.spacing_zyx_mm)).max() <= allowed
        and np.abs(np.subtract(first.direction, second.direction)).max() <= tolerance
    )


def _inside_image(grid: Grid, mask_grid: Grid, box: Box, where: str) -> None:
    """Refuse a region whose box, voxel edges counted, leaves the image by more than a thousandth of a voxel."""
    low = np.array([part.start for part in box])[::-1] - 0.5
    high = np.array([part.stop for part in box])[::-1] - 0.5
    corners = np.array([index_of(grid, point_of(mask_grid, end)) for end in (low, high)])
    size = np.array(grid.shape[::-1])
    if (corners.min(axis=0) < -0.5 - 1e-3).any() or (corners.max(axis=0) > size - 0.5 + 1e-3).any():
        found = " to ".join("(" + ", ".join(f"{value:.4g}" for value in corner) + ")" for corner in corners)
        raise CaseError(
            where, f"the region leaves the image: voxels (x, y, z) {found} of an image of {tuple(map(int, size))}"
        )


def _resampled(
    image: np.ndarray, grid: Grid, region: Region, settings: Settings, where: str
) -> tuple[np.ndarray, np.ndarray, Grid]:
    """Return image and mask on a grid of the wanted spacing around the region, aligned to the mask's first corner."""
    assert settings.spacing_zyx_mm is not None
    wanted = settings.spacing_zyx_mm[::-1]
    box = region.box
    _inside_image(grid, region.grid, box, where)
    old = np.array(region.grid.spacing_zyx_mm[::-1])
    low = np.array([part.start for part in box])[::-1]
    size = np.array([part.stop - part.start for part in box])[::-1]
    spacing = np.where(np.array(wanted) == 0, old, wanted)
    spacing = np.where(size != 1, spacing, old)
    if np.allclose(np.array(grid.spacing_zyx_mm[::-1]), spacing):
        mask = interpolated(region.mask.astype(np.uint8), region.grid, grid, "sitkNearestNeighbor") > 0
        return _cropped(image, Region.of(region.name, mask, grid), settings.pad_voxels)
    _beyond_bsplines(image, settings, where)
    ratio = old / spacing
    first = np.floor((low - 0.5) * ratio - settings.pad_voxels)
    last = np.ceil((low + size - 0.5) * ratio + settings.pad_voxels)
    largest = np.ceil(np.array(region.grid.shape[::-1]) * ratio) - 1
    first = np.where(first < 0, 0, first)
    last = np.where(last > largest, largest, last)
    shape = last - first + 1
    _not_too_large(shape, spacing, where)
    corner = np.array(0.5 * (spacing - old) / old) + first / ratio
    z, y, x = (float(value) for value in spacing[::-1])
    onto = Grid(
        (int(shape[2]), int(shape[1]), int(shape[0])),
        (z, y, x),
        point_of(region.grid, corner),
        region.grid.direction,
    )
    mask = interpolated(region.mask.astype(np.uint8), region.grid, onto, "sitkNearestNeighbor") > 0
    if not mask.any():
        raise CaseError(
            where,
            f"nothing of the region is left at a spacing of {z:g} x {y:g} x {x:g} mm (z, y, x); take a finer "
            "`spacing_zyx_mm` (resampledPixelSpacing)",
        )
    return interpolated(image, grid, onto, INTERPOLATORS[settings.interpolator]), mask, onto


def _not_too_large(shape: np.ndarray, spacing: np.ndarray, where: str) -> None:
    """Refuse a resampling before it is tried; shape and spacing in mm are (x, y, z)."""
    voxels = float(np.prod(shape))
    if not voxels <= MOST_VOXELS:
        steps = " x ".join(f"{step:g}" for step in spacing[::-1])
        raise CaseError(
            where,
            f"a spacing of {steps} mm (z, y, x) makes {voxels:,.0f} voxels around the region, allowed are "
            f"{MOST_VOXELS:,}; take a wider `spacing_zyx_mm` (resampledPixelSpacing)",
        )


def _beyond_bsplines(image: np.ndarray, settings: Settings, where: str) -> None:
    """Refuse what ITK's B-spline computes from memory beyond the image, so that every run may give other values."""
    if settings.interpolator == "bspline" and 2 in image.shape:
        raise CaseError(
            where,
            f"the image is {' x '.join(map(str, image.shape))} voxels (z, y, x); along an axis of 2 voxels ITK's "
            "B-spline gives random values. Take `interpolator` linear (sitkLinear)",
        )


def _cropped(image: np.ndarray, region: Region, pad: int) -> tuple[np.ndarray, np.ndarray, Grid]:
    """Return image and mask of the region's box with so many voxels around it, and their grid but for its origin."""
    wide = tuple(
        slice(max(part.start - pad, 0), min(part.stop + pad, size))
        for part, size in zip(region.box, image.shape, strict=True)
    )
    cut = image[wide]
    mask = np.zeros(cut.shape, dtype=bool)
    mask[tuple(slice(p.start - w.start, p.stop - w.start) for p, w in zip(region.box, wide, strict=True))] = (
        region.inside
    )
    z, y, x = cut.shape
    return cut, mask, replace(region.grid, shape=(z, y, x))


def _checked_box(mask: np.ndarray, settings: Settings, where: str) -> Box:
    if not mask.any():
        raise CaseError(where, "the region has no voxels; draw it, or leave it out")
    box = box_of(mask)
    _check_size(mask[box], settings, where)
    return box


def _check_size(mask: np.ndarray, settings: Settings, where: str) -> None:
    """Refuse a region, given within its box, that is smaller than the settings allow."""
    extended = sum(size > 1 for size in mask.shape)
    if extended == 0:
        raise CaseError(where, "the region is a single voxel, which has no features; draw it anew, or leave it out")
    if extended < settings.min_dimensions:
        raise CaseError(
            where,
            f"the region is {' x '.join(map(str, mask.shape))} voxels (z, y, x), of {extended} dimensions; "
            f"{settings.min_dimensions} are required (`min_dimensions`, minimumROIDimensions)",
        )
    found = int(np.count_nonzero(mask))
    least = settings.more_than_voxels
    if least is not None and found <= least:
        raise CaseError(
            where,
            f"the region has {found} voxels, not more than {least} (`min_voxels`, minimumROISize); lower that, or "
            "leave the region out",
        )


def _resegmented(image: np.ndarray, mask: np.ndarray, settings: Settings, where: str) -> np.ndarray:
    """Return the voxels of the region whose values lie within the range."""
    ends: Sequence[float] = sorted(settings.resegment_range or ())
    values = image[mask]
    if settings.resegment_mode == "relative":
        largest = np.max(values)
        ends = [largest * end for end in ends]
    elif settings.resegment_mode == "sigma":
        mean, deviation = np.mean(values), np.std(values)
        ends = [mean + deviation * end for end in ends]
    keep = values >= ends[0]
    if len(ends) == 2:
        keep &= values <= ends[1]
    if np.count_nonzero(keep) <= 1:
        raise CaseError(
            where,
            f"{np.count_nonzero(keep)} of {len(values)} voxels lie in the range "
            f"{', '.join(f'{end:.4g}' for end in ends)} (`resegment_range`); widen it",
        )
    found = np.zeros_like(mask)
    found[mask] = keep
    return found
