"""How well two masks agree: overlap, distances between their surfaces in mm, volumes, connected parts.

The surface of a mask are its border voxels: those with at least one of their six neighbours outside the mask; beyond
the image is outside. Of a flat image it is the contour: four neighbours count. Distances run between centres of border
voxels, each to the nearest of the other surface, exact, with the voxels' spacing. What holds for empty masks stands at
`results.MaskAgreement`.

Source:
    Maier-Hein, Reinke et al. 2024, Metrics reloaded, doi:10.1038/s41592-023-02151-z (conventions, empty masks);
    Nikolov et al. 2018, arXiv:1809.04430 (surface Dice; here border voxels count alike, there by their surface area).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from radfuse.errors import InputError
from radfuse.results import MaskAgreement
from radfuse.volume.image import LabelMap, in_order_of
from radfuse.volume.region import Box, box_of

TOLERANCE_MM = 1.0
_PERCENT = 95
_ROUNDING = 1e-6
"""Share by which a distance may exceed the tolerance: 3 x 0.1 is more than 0.3, and NIfTI keeps spacings in float32."""
_TOUCHING = np.ones((3, 3, 3), dtype=bool)
"""Voxels that share a face, an edge or a corner are one part."""


def dice(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Return 2 |A and B| / (|A| + |B|).

    Args:
        truth: bool, shape (z, y, x).
        predicted: bool, same shape and grid.

    Returns:
        Fraction in [0, 1]; 1 when both masks are empty.

    Raises:
        ValueError: the shapes differ.

    Source:
        Dice 1945, doi:10.2307/1932409.
    """
    truth, predicted = np.asarray(truth, dtype=bool), np.asarray(predicted, dtype=bool)  # of 1 and 2, & makes 0
    if truth.shape != predicted.shape:
        raise ValueError(f"masks must have one shape; found {truth.shape} and {predicted.shape}")
    size = np.count_nonzero(truth) + np.count_nonzero(predicted)
    return 2 * np.count_nonzero(truth & predicted) / size if size else 1.0


def agreement(
    reference: np.ndarray,
    other: np.ndarray,
    spacing_zyx_mm: tuple[float, float, float],
    tolerance_mm: float = TOLERANCE_MM,
    axes: tuple[int, ...] = (0, 1, 2),
) -> MaskAgreement:
    """Return how well a mask agrees with a reference.

    Args:
        reference: bool, shape (z, y, x); may be cut to any box that holds both masks.
        other: bool, same shape and grid.
        spacing_zyx_mm: distance between voxel centres.
        tolerance_mm: distance within which surfaces count as one.
        axes: along which there is an outside; a flat image has two.

    Raises:
        ValueError: the shapes differ.
    """
    reference, other = np.asarray(reference, dtype=bool), np.asarray(other, dtype=bool)
    overlap = dice(reference, other)
    voxel_mm3 = math.prod(spacing_zyx_mm)
    box = box_of(reference | other)
    reference, other = reference[box], other[box]
    there, here = surface_distances_mm(reference, other, spacing_zyx_mm, axes)
    both = np.concatenate([there, here])
    if not both.size:
        hd95, assd, near = 0.0, 0.0, 1.0
    elif there.size and here.size:
        hd95 = float(max(np.percentile(there, _PERCENT), np.percentile(here, _PERCENT)))
        assd, near = float(both.mean()), float((both <= tolerance_mm * (1 + _ROUNDING)).mean())
    else:
        hd95, assd, near = math.inf, math.inf, 0.0
    found, missed = _parts(reference, other)
    return MaskAgreement(
        dice=overlap,
        iou=overlap / (2 - overlap),
        hd95_mm=hd95,
        assd_mm=assd,
        surface_dice=near,
        tolerance_mm=tolerance_mm,
        reference_mm3=np.count_nonzero(reference) * voxel_mm3,
        other_mm3=np.count_nonzero(other) * voxel_mm3,
        components_found=found,
        components_missed=missed,
        components_false=_parts(other, reference)[1],
    )


def agreement_per_label(
    reference: LabelMap, other: LabelMap, labels: Mapping[str, int], tolerances_mm: Mapping[str, float] | None = None
) -> dict[str, MaskAgreement]:
    """Return how well each label agrees.

    Args:
        reference: for example drawn by hand.
        other: on the same grid.
        labels: name -> number.
        tolerances_mm: name -> tolerance of the surface Dice; `TOLERANCE_MM` for labels that are not there.

    Raises:
        InputError: the grids differ.
    """
    other = in_order_of(other, reference.grid)
    if not reference.grid.same_as(other.grid):
        raise InputError(
            f"masks {reference.name} and {other.name} lie on two grids:\n  {reference.grid}\n  {other.grid}\n"
            "Resample one of them"
        )
    found = {}
    deep = tuple(axis for axis, size in enumerate(reference.grid.shape) if size > 1) or (0, 1, 2)
    for name, number in labels.items():
        box = _joint(reference.boxes.get(number), other.boxes.get(number))
        parts = (reference.array[box] == number, other.array[box] == number)
        near = (tolerances_mm or {}).get(name, TOLERANCE_MM)
        found[name] = agreement(*parts, reference.spacing_zyx_mm, near, deep)
    return found


def surface_distances_mm(
    reference: np.ndarray,
    other: np.ndarray,
    spacing_zyx_mm: tuple[float, float, float],
    axes: tuple[int, ...] = (0, 1, 2),
) -> tuple[np.ndarray, np.ndarray]:
    """Return the distance of each border voxel of the reference to the other's surface, and the other way round.

    Args:
        reference: bool, shape (z, y, x).
        other: bool, same shape and grid.
        spacing_zyx_mm: distance between voxel centres.
        axes: along which there is an outside.

    Returns:
        Two arrays, one value a border voxel, in no order; infinite where the other mask is empty.
    """
    edges = border(reference, axes), border(other, axes)
    return _nearest_mm(edges[0], edges[1], spacing_zyx_mm), _nearest_mm(edges[1], edges[0], spacing_zyx_mm)


def border(mask: np.ndarray, axes: tuple[int, ...] = (0, 1, 2)) -> np.ndarray:
    """Return the border voxels of a bool mask, shape (z, y, x): those with a neighbour along these axes outside."""
    inner = mask.copy()
    for axis in axes:
        along, inside = np.moveaxis(mask, axis, 0), np.moveaxis(inner, axis, 0)
        inside[:-1] &= along[1:]
        inside[1:] &= along[:-1]
        inside[:1] = inside[-1:] = False
    return mask & ~inner


def _nearest_mm(edge: np.ndarray, onto: np.ndarray, spacing_zyx_mm: tuple[float, float, float]) -> np.ndarray:
    """Return the distance of each voxel of an edge to the nearest of another.

    A tree of the border voxels gives what a Euclidean distance transform gives, to rounding, in a fifth of the time:
    surfaces are few voxels of their box, and mostly lie close together or on each other.
    """
    apart = edge & ~onto
    distances = np.zeros(np.count_nonzero(edge))
    if not apart.any():
        return distances
    if not onto.any():
        return np.full_like(distances, np.inf)
    tree = cKDTree(np.argwhere(onto) * spacing_zyx_mm, balanced_tree=False, compact_nodes=False)
    distances[: np.count_nonzero(apart)] = tree.query(np.argwhere(apart) * spacing_zyx_mm)[0]
    return distances


def _parts(mask: np.ndarray, other: np.ndarray) -> tuple[int, int]:
    """Return how many connected parts of a mask another touches, and how many it does not."""
    if not mask.any():
        return 0, 0
    labels, count = ndimage.label(mask, _TOUCHING)
    touched = len(np.unique(labels[mask & other]))
    return touched, count - touched


def _joint(*boxes: Box | None) -> Box:
    """Return the smallest box that holds all boxes that are there; one voxel without any."""
    there = [box for box in boxes if box is not None]
    z, y, x = (
        slice(min((box[axis].start for box in there), default=0), max((box[axis].stop for box in there), default=1))
        for axis in range(3)
    )
    return z, y, x
