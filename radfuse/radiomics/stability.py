"""How far features hold when image and mask are disturbed a little, or drawn by a second reader.

A copy of a case is moved and turned, noise like its own is added, its region grows or shrinks, and its contour is drawn
anew along supervoxels. Features that hold have a high intraclass correlation over copies.

Source: Zwanenburg et al. 2019, "Assessing robustness of radiomic features by image perturbation",
doi:10.1038/s41598-018-36938-4.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pywt
from scipy import ndimage

from radfuse.errors import InputError
from radfuse.radiomics.config import RadiomicsConfig
from radfuse.radiomics.measure import region_features
from radfuse.radiomics.plan import plan_of
from radfuse.radiomics.stability_config import StabilityConfig
from radfuse.statistics.icc import icc_table, whole_targets
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.region import Region
from radfuse.volume.resample import interpolated, resample_labels

FORMS = ("1,1", "2,1", "3,1")
_NEAR = (12, 12, 12)
"""Margin in voxels within which the noise of an image is that of its regions."""
_SPARE = 4
"""Voxels that a copy keeps beyond what an extraction looks at: it is moved, and its region grows."""


def perturbed_features(
    volume: Volume,
    regions: Sequence[Region],
    radiomics: RadiomicsConfig,
    config: StabilityConfig,
    seed: Sequence[int],
) -> list[dict[str, float]]:
    """Return "region/feature" -> value of a case as it is, and of each of its copies.

    Args:
        volume: the image.
        regions: on the image's grid; without any, nothing is measured.
        radiomics: how features are computed.
        config: of the copies.
        seed: of the case; copy i draws from (*seed, i).
    """
    if not regions:
        return [{} for _ in range(config.copies + 1)]
    rows = [_flat(region_features(volume, regions, radiomics))]
    margin = _margin(volume.grid, radiomics)
    for number in range(config.copies):
        generator = np.random.default_rng((*seed, number))
        image, moved = perturbed(volume, regions, config, generator, margin)
        rows.append(_flat(region_features(image, moved, radiomics)))
    return rows


def _margin(grid: Grid, radiomics: RadiomicsConfig) -> tuple[int, int, int] | None:
    """Return how many voxels around the regions an extraction looks at, (z, y, x); None: at the whole image."""
    settings = plan_of(radiomics).settings
    wanted = settings.spacing_zyx_mm
    if (settings.normalize and radiomics.normalize_region is None) or not (settings.crop_first or wanted):
        return None
    coarser = [max(new / old, 1.0) for new, old in zip(wanted or (0.0, 0.0, 0.0), grid.spacing_zyx_mm, strict=True)]
    z, y, x = (int(np.ceil((settings.pad_voxels + 2) * factor)) + _SPARE for factor in coarser)
    return z, y, x


def _flat(found: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    return {f"{region}/{name}": value for region, row in found.items() for name, value in row.items()}


def perturbed(
    volume: Volume,
    regions: Sequence[Region],
    config: StabilityConfig,
    generator: np.random.Generator,
    margin: tuple[int, int, int] | None = _NEAR,
) -> tuple[Volume, list[Region]]:
    """Return a disturbed copy of an image, cut with a margin (voxels, z y x) around its regions, and of the regions.

    A region that a disturbance would leave without voxels keeps its voxels.
    """
    box = _around(regions, volume.grid.shape, margin or volume.grid.shape)
    grid = _cut(volume.grid, box)
    voxels = volume.voxels[box].astype(np.float64)
    masks = [region.mask[box] for region in regions]
    if config.noise:
        near = volume.voxels[_around(regions, volume.grid.shape, _NEAR)].astype(np.float64)
        voxels = voxels + generator.normal(0, config.noise * noise_level(near), voxels.shape)
    onto = _moved(grid, config, generator)
    if onto != grid:
        voxels = interpolated(voxels, grid, onto, "sitkBSpline")
        outside = interpolated(np.ones(grid.shape, dtype=np.float32), grid, onto, "sitkLinear") < 0.5
        voxels[outside] = volume.voxels[box].min()
        turned = [interpolated(mask.astype(np.float32), grid, onto, "sitkLinear") >= 0.5 for mask in masks]
        masks = [new if new.any() else old for new, old in zip(turned, masks, strict=True)]
    masks = [_redrawn(mask, voxels, grid.spacing_zyx_mm, config, generator) for mask in masks]
    copy = Volume(voxels.astype(np.float32), onto, volume.name)
    return copy, [
        Region.of(region.name, mask, onto, region.averaged) for region, mask in zip(regions, masks, strict=True)
    ]


def perturbed_labels(
    volume: Volume, labels: LabelMap, config: StabilityConfig, generator: np.random.Generator
) -> tuple[Volume, LabelMap]:
    """Return a disturbed copy of a whole image and of its labels, for what is measured of shapes.

    Labels are moved and turned, and each grows or shrinks where it borders on no other: by `growth` of its voxels, a
    layer of voxels at most, so that a bone does not take its cartilage. Contours along supervoxels would tear labels
    apart that touch, and are left out.
    """
    voxels = volume.voxels.astype(np.float64)
    if config.noise:
        voxels = voxels + generator.normal(0, config.noise * noise_level(voxels), voxels.shape)
    onto = _moved(volume.grid, config, generator)
    moved = labels
    if onto != volume.grid:
        lowest = voxels.min()
        voxels = interpolated(voxels, volume.grid, onto, "sitkBSpline")
        voxels[interpolated(np.ones(onto.shape, dtype=np.float32), volume.grid, onto, "sitkLinear") < 0.5] = lowest
        moved = resample_labels(labels, onto, None, "linear")
    array = moved.array.copy()
    for number in moved.present() if config.growth else ():
        share = float(generator.uniform(-config.growth, config.growth))
        place, taken = _at_the_border(moved.array, number, share, onto.spacing_zyx_mm, generator)
        array[place][taken & ((array[place] == 0) | (share < 0))] = number if share > 0 else 0
    return Volume(voxels.astype(np.float32), onto, volume.name), replace(moved, array=array)


def _at_the_border(
    array: np.ndarray,
    number: int,
    share: float,
    spacing_zyx_mm: tuple[float, float, float],
    generator: np.random.Generator,
) -> tuple[tuple[slice, slice, slice], np.ndarray]:
    """Return a box, and which of its voxels a label takes of the background, or gives it: the nearest, ties by chance.

    Args:
        array: labels, shape (z, y, x).
        number: of the label.
        share: of its voxels; negative: it gives.
        spacing_zyx_mm: voxel size, for distances.
        generator: of ties.
    """
    z, y, x = ndimage.find_objects(ndimage.binary_dilation(array == number, iterations=3).view(np.uint8))[0]
    part = array[z, y, x]
    own, empty = part == number, part == 0
    layer = int(np.count_nonzero(own & ndimage.binary_dilation(empty, np.ones((3, 3, 3)))))
    distance = ndimage.distance_transform_edt(~own if share > 0 else ~empty, sampling=spacing_zyx_mm)
    candidates = np.flatnonzero(empty if share > 0 else own)
    order = np.lexsort((generator.random(len(candidates)), np.round(distance.ravel()[candidates], 6)))
    count = min(round(abs(share) * int(own.sum())), layer, len(candidates) - 1)
    taken = np.zeros(part.shape, dtype=bool)
    taken.ravel()[candidates[order[:count]]] = True
    return (z, y, x), taken


def _redrawn(
    mask: np.ndarray,
    voxels: np.ndarray,
    spacing_zyx_mm: tuple[float, float, float],
    config: StabilityConfig,
    generator: np.random.Generator,
) -> np.ndarray:
    if config.growth:
        mask = grown(mask, float(generator.uniform(-config.growth, config.growth)), spacing_zyx_mm)
    if config.contour and config.supervoxel_voxels:
        mask = contoured(mask, voxels, spacing_zyx_mm, config.supervoxel_voxels, generator)
    return mask


def noise_level(voxels: np.ndarray) -> float:
    """Return the standard deviation of an image's noise, from the finest diagonal wavelet of its slices.

    Source: Chang et al. 2000, doi:10.1109/83.862633: median |HH| / 0.6745.
    """
    finest = [np.abs(pywt.dwt2(plane, "coif1", mode="periodization")[1][2]).ravel() for plane in voxels]
    return float(np.median(np.concatenate(finest)) / 0.6745)


def grown(mask: np.ndarray, share: float, spacing_zyx_mm: tuple[float, float, float]) -> np.ndarray:
    """Return a region grown by a share of its voxels, or shrunk where that is negative: nearest to its surface first.

    Args:
        mask: bool, shape (z, y, x).
        share: -1 to 1; the voxel count changes by exactly its rounded product, as far as there is room.
        spacing_zyx_mm: voxel size, for distances.
    """
    change = round(abs(share) * int(mask.sum()))
    if share >= 0:
        distance = ndimage.distance_transform_edt(~mask, sampling=spacing_zyx_mm)
        candidates = np.flatnonzero(~mask)
    else:
        distance = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=spacing_zyx_mm)[1:-1, 1:-1, 1:-1]
        candidates = np.flatnonzero(mask)
        change = min(change, len(candidates) - 1)
    nearest = candidates[np.argsort(distance.ravel()[candidates], kind="stable")[:change]]
    found = mask.copy()
    found.ravel()[nearest] = share >= 0
    return found


def contoured(
    mask: np.ndarray,
    voxels: np.ndarray,
    spacing_zyx_mm: tuple[float, float, float],
    size: int,
    generator: np.random.Generator,
) -> np.ndarray:
    """Return a region redrawn along supervoxels: those inside stay, those outside go, chance decides between.

    A supervoxel belongs to the region with a probability of its overlap, 1 from 0.9 and 0 below 0.2; the largest
    connected part is kept. The region stays as it is where nothing would be left.
    """
    z, y, x = ndimage.find_objects(ndimage.binary_dilation(mask, iterations=4).view(np.uint8))[0]
    part, image = mask[z, y, x], voxels[z, y, x]
    low, high = np.percentile(image[part], (1, 99))
    segmentation: Any = importlib.import_module("skimage.segmentation")  # heavy, and untyped
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pieces = segmentation.slic(
            np.clip((image - low) / max(high - low, 1e-9), -1, 2),
            n_segments=max(image.size // size, 2),
            compactness=0.1,
            spacing=spacing_zyx_mm,
            channel_axis=None,
            start_label=0,
        )
    counts = np.bincount(pieces.ravel())
    overlap = np.bincount(pieces.ravel(), weights=part.ravel()) / np.maximum(counts, 1)
    chance = np.where(overlap >= 0.9, 1.0, np.where(overlap < 0.2, 0.0, overlap))
    chosen = (generator.random(len(chance)) < chance)[pieces]
    labelled, count = ndimage.label(chosen, structure=np.ones((3, 3, 3)))
    if not count:
        return mask
    largest = np.argmax(np.bincount(labelled.ravel())[1:]) + 1
    found = np.zeros_like(mask)
    found[z, y, x] = labelled == largest
    return found


def stability(rows: Mapping[str, Sequence[Mapping[str, float]]], source: str = "perturbation") -> pd.DataFrame:
    """Return the intraclass correlations of features over the copies of each case.

    Args:
        rows: case -> one mapping of feature to value a copy (or reader); the same number for every case, empty for a
            reader who did not draw it.
        source: written into the table: perturbation, readers, or repeats:READER.

    Returns:
        A row per feature: source, feature, cases and copies used, and for ICC(1,1), (2,1), (3,1) the value and its 95 %
        limits as icc11, icc11_low, icc11_high and so on; reason says why they are missing.

    Raises:
        InputError: fewer than two cases, or different numbers of copies.
    """
    counts = {len(copies) for copies in rows.values()}
    if len(rows) < 2 or len(counts) != 1:
        raise InputError(
            f"stability needs two cases or more with as many copies each; found {len(rows)} cases with "
            f"{sorted(counts)} copies"
        )
    names = list(dict.fromkeys(name for copies in rows.values() for copy in copies for name in copy))
    cube = np.array([[[copy.get(name, np.nan) for name in names] for copy in copies] for copies in rows.values()])
    known = np.isfinite(cube).all(axis=1)  # (case, feature)
    table = pd.DataFrame({"source": source, "feature": names, "cases": known.sum(axis=0), "copies": cube.shape[1]})
    columns = [f"icc{form.replace(',', '')}{end}" for form in FORMS for end in ("", "_low", "_high")]
    table[columns] = np.nan
    for pattern, here in whole_targets(cube):
        if pattern.sum() < 2 or cube.shape[1] < 2:
            continue
        found = icc_table(cube[pattern][:, :, here])
        table.loc[here, columns] = np.concatenate([found[form] for form in FORMS], axis=1)
    few = f"fewer than two cases have the feature{'' if source == 'perturbation' else ' by every reader'}"
    table["reason"] = np.where(table["icc11"].isna(), np.where(table["cases"] < 2, few, "the feature never varies"), "")
    return table


def _around(regions: Sequence[Region], shape: Sequence[int], margin: Sequence[int]) -> tuple[slice, slice, slice]:
    z, y, x = (
        slice(
            max(min(region.box[axis].start for region in regions) - margin[axis], 0),
            min(max(region.box[axis].stop for region in regions) + margin[axis], shape[axis]),
        )
        for axis in range(3)
    )
    return z, y, x


def _cut(grid: Grid, box: tuple[slice, slice, slice]) -> Grid:
    axes = np.array(grid.direction).reshape(3, 3) * np.array(grid.spacing_zyx_mm[::-1])
    x, y, z = np.array(grid.origin) + axes @ np.array([part.start for part in box])[::-1]
    depth, height, width = (part.stop - part.start for part in box)
    return replace(grid, shape=(depth, height, width), origin=(float(x), float(y), float(z)))


def _moved(grid: Grid, config: StabilityConfig, generator: np.random.Generator) -> Grid:
    """Return the grid shifted, and turned about the z axis through its centre."""
    if not config.translation_voxels and not config.rotation_degrees:
        return grid
    shift = generator.uniform(-1, 1, 3) * config.translation_voxels
    angle = np.deg2rad(generator.uniform(-1, 1) * config.rotation_degrees)
    direction = np.array(grid.direction).reshape(3, 3)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    turned = direction @ turn
    spacing = np.array(grid.spacing_zyx_mm[::-1])
    middle = (np.array(grid.shape[::-1]) - 1) / 2
    centre = np.array(grid.origin) + direction @ (spacing * middle)
    x, y, z = centre - turned @ (spacing * (middle + shift))
    return replace(
        grid, origin=(float(x), float(y), float(z)), direction=tuple(float(value) for value in turned.ravel())
    )
