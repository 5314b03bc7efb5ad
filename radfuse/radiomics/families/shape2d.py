"""Shape of a region of one slice: a polygon around its pixels, and their spread.

Source: van Griethuysen et al. 2017, doi:10.1158/0008-5472.CAN-17-0339; formulas as in PyRadiomics 3.0.1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radfuse.radiomics.families.family import Family, Measured, NotMeasuredError
from radfuse.radiomics.families.shape import NO_VOLUME, principal_variances
from radfuse.radiomics.settings import Settings

NAMES = (
    "Elongation",
    "MajorAxisLength",
    "MaximumDiameter",
    "MeshSurface",
    "MinorAxisLength",
    "Perimeter",
    "PerimeterSurfaceRatio",
    "PixelSurface",
    "Sphericity",
)
DEPRECATED = ("SphericalDisproportion",)
"""Computed when asked for by name."""

# marching squares: middles of the edges (top, right, bottom, left) in halves of a pixel, and the lines of each case
_EDGES = np.array([[0, 1], [1, 2], [2, 1], [1, 0]])
_LINES = ("", "30", "01", "31", "12", "1230", "02", "32", "23", "20", "0123", "21", "13", "10", "03", "")


def features(measured: Measured, settings: Settings) -> dict[str, float]:
    """Return the shape features of a region of one slice across `flat_axis`; see `polygon_features`.

    Raises:
        NotMeasuredError: the extraction is not slice-wise, or the region is not of one slice.
    """
    mask, axis = measured.region.shape_mask, settings.flat_axis
    if axis is None:
        raise NotMeasuredError("shape2D needs a slice-wise extraction (`slice_axis`, force2D)")
    if mask.shape[axis] > 1:
        raise NotMeasuredError(f"shape2D needs a region of one slice along {'zyx'[axis]}, found {mask.shape[axis]}")
    if mask.shape[::-1][axis] <= 1:
        # PyRadiomics compares with the extent along the axis of that number counted x, y, z
        raise NotMeasuredError(
            f"PyRadiomics computes no shape2D along {'zyx'[axis]} for a region one voxel wide along {'xyz'[axis]}"
        )
    return polygon_features(mask.squeeze(axis), np.delete(measured.region.spacing_zyx_mm, axis))


def polygon_features(mask: np.ndarray, spacing_mm: Sequence[float] | np.ndarray) -> dict[str, float]:
    """Return the shape features of a slice.

    Args:
        mask: bool, two-dimensional.
        spacing_mm: pixel size along its axes.

    Returns:
        Name -> value in mm and mm2. With S and P the area and length of the polygon, l1 >= l2 the principal variances:

        - MeshSurface: S; PixelSurface: pixels times their area; Perimeter: P; PerimeterSurfaceRatio: P / S
        - Sphericity: 2 sqrt(pi S) / P; SphericalDisproportion (deprecated): its inverse
        - MaximumDiameter: largest distance between corners of the polygon
        - MajorAxisLength, MinorAxisLength: 4 sqrt(l1), 4 sqrt(l2); Elongation: sqrt(l2 / l1)
    """
    padded = np.pad(mask, 1)
    spacing = np.array(spacing_mm, dtype=np.float64)
    inside = padded.astype(np.int64)
    corners = inside[:-1, :-1] + 2 * inside[:-1, 1:] + 4 * inside[1:, 1:] + 8 * inside[1:, :-1]
    starts, ends = [], []
    for case in range(1, 15):
        places = 2 * np.argwhere(corners == case)
        edges = [int(edge) for edge in _LINES[case]]
        starts += [places + _EDGES[edge] for edge in edges[::2]]
        ends += [places + _EDGES[edge] for edge in edges[1::2]]
    a, b = np.concatenate(starts) * 0.5 * spacing, np.concatenate(ends) * 0.5 * spacing
    surface = float((a[:, 0] * b[:, 1] - b[:, 0] * a[:, 1]).sum() / 2)
    perimeter = float(np.sqrt(((a - b) ** 2).sum(axis=1)).sum())
    minor, major = principal_variances(padded, spacing)
    sphericity = 2 * np.sqrt(np.pi * surface) / perimeter
    with np.errstate(invalid="ignore", divide="ignore"):
        found = {
            "Elongation": np.sqrt(minor / major),
            "MajorAxisLength": np.sqrt(major) * 4,
            "MaximumDiameter": _diameter(a),
            "MeshSurface": surface,
            "MinorAxisLength": np.sqrt(minor) * 4,
            "Perimeter": perimeter,
            "PerimeterSurfaceRatio": perimeter / surface,
            "PixelSurface": np.count_nonzero(mask) * spacing[0] * spacing[1],
            "SphericalDisproportion": 1 / sphericity,
            "Sphericity": sphericity,
        }
    return {name: float(np.real(value)) for name, value in found.items()}  # eigvals may round to complex numbers


def _diameter(points: np.ndarray) -> float:
    """Return the largest distance between points: those that end a line along the first axis."""
    order = np.lexsort((points[:, 1], points[:, 0]))
    points = points[order]
    new = np.flatnonzero(np.diff(points[:, 0])) + 1
    ends = points[np.unique(np.concatenate([[0], new - 1, new, [len(points) - 1]]))]
    apart = ends[:, None, :] - ends[None, :, :]
    return float(np.sqrt((apart**2).sum(axis=2).max()))


FAMILY = Family(
    NAMES,
    features,
    sees="mask",
    deprecated=DEPRECATED,
    missing="the region is a line, and rounding makes its smaller principal variance negative",
    missing_of={"SphericalDisproportion": NO_VOLUME},
)
