"""Regions of interest from a label map: a label, a union, a subchondral band, a ring around a tumour."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from radfuse.config import nearest
from radfuse.errors import CaseError, InputError, listed
from radfuse.radiomics.config import LabelRegion, RegionConfig, RingRegion, SubchondralRegion, UnionRegion
from radfuse.volume.image import LabelMap
from radfuse.volume.region import Region


def make_regions(
    labels: LabelMap,
    configs: Sequence[RegionConfig],
    numbers: Mapping[str, int] | None = None,
    min_voxels: int = 10,
    case: str = "",
) -> list[Region]:
    """Return the regions of one case.

    Args:
        labels: the segmentation.
        configs: which regions.
        numbers: label name -> number; the label map's own names when None.
        min_voxels: fewer are an error.
        case: for messages.

    Raises:
        InputError: a region names a label nobody declared.
        CaseError: a region is empty or tiny; says how many voxels were found and which labels are present.
    """
    known = dict(numbers) if numbers is not None else {name: number for number, name in labels.names.items()}
    regions = []
    for config in configs:
        mask = _BUILDERS[config.kind](labels, config, known)
        found = int(mask.sum())
        if found < min_voxels:
            present = listed(labels.present())
            raise CaseError(
                case or labels.name,
                f"region {config.name!r} has {found} voxels, needs {min_voxels}; labels present: {present}. Correct "
                "the mask, lower `radiomics.min_voxels`, or leave the case out of the cohort table",
            )
        regions.append(Region.of(config.name, mask, labels.grid))
    return regions


def _number(label: str | int, known: Mapping[str, int]) -> int:
    if isinstance(label, int):
        return label
    if label not in known:
        raise InputError(f"regions name the label {label!r}, which is not declared{nearest(label, known)}")
    return known[label]


def _of(labels: LabelMap, wanted: Sequence[str | int], known: Mapping[str, int]) -> np.ndarray:
    return np.isin(labels.array, [_number(label, known) for label in wanted])


def _label(labels: LabelMap, config: LabelRegion, known: Mapping[str, int]) -> np.ndarray:
    return _of(labels, [config.label], known)


def _union(labels: LabelMap, config: UnionRegion, known: Mapping[str, int]) -> np.ndarray:
    return _of(labels, config.labels, known)


def _subchondral(labels: LabelMap, config: SubchondralRegion, known: Mapping[str, int]) -> np.ndarray:
    bone, cartilage = _of(labels, [config.bone], known), _of(labels, [config.cartilage], known)
    return bone & _within(cartilage, config.depth_mm, labels.spacing_zyx_mm)


def _ring(labels: LabelMap, config: RingRegion, known: Mapping[str, int]) -> np.ndarray:
    inner = _of(labels, [config.around], known)
    near = _within(inner, config.margin_mm, labels.spacing_zyx_mm)
    return np.asarray(near & ~inner & ~_of(labels, config.exclude, known))


def _within(mask: np.ndarray, distance_mm: float, spacing_zyx_mm: tuple[float, float, float]) -> np.ndarray:
    """Return the voxels whose centre lies within a distance of a voxel centre of the mask."""
    near = np.zeros(mask.shape, dtype=bool)
    if not mask.any():
        return near
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    reach = [int(np.ceil(distance_mm / step)) for step in spacing_zyx_mm]
    wide = tuple(
        slice(max(part.start - more, 0), min(part.stop + more, size))
        for part, more, size in zip(box, reach, mask.shape, strict=True)
    )
    distance = ndimage.distance_transform_edt(~mask[wide], sampling=spacing_zyx_mm)
    near[wide] = distance <= distance_mm * (1 + 1e-9)
    return near


_BUILDERS: dict[str, Callable[[LabelMap, Any, Mapping[str, int]], np.ndarray]] = {
    "label": _label,
    "union": _union,
    "subchondral": _subchondral,
    "ring": _ring,
}
