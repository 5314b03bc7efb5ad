"""Shape in three dimensions: a triangle mesh around the region, and the spread of its voxels.

Source: Lorensen and Cline 1987 (marching cubes), doi:10.1145/37401.37422; formulas as in PyRadiomics 3.0.1.
"""

from __future__ import annotations

import numpy as np

from radfuse.machine import kernel
from radfuse.radiomics.families.family import Family, Measured
from radfuse.radiomics.marching import EDGES, TRIANGLES
from radfuse.radiomics.settings import Settings

NAMES = (
    "Elongation",
    "Flatness",
    "LeastAxisLength",
    "MajorAxisLength",
    "Maximum2DDiameterColumn",
    "Maximum2DDiameterRow",
    "Maximum2DDiameterSlice",
    "Maximum3DDiameter",
    "MeshVolume",
    "MinorAxisLength",
    "Sphericity",
    "SurfaceArea",
    "SurfaceVolumeRatio",
    "VoxelVolume",
)
DEPRECATED = ("Compactness1", "Compactness2", "SphericalDisproportion")
"""Computed when asked for by name."""
_OF_SPREAD = ("Elongation", "Flatness", "LeastAxisLength", "MajorAxisLength", "MinorAxisLength")
_OF_MESH = ("MeshVolume", "Sphericity", "SurfaceArea", "SurfaceVolumeRatio", *DEPRECATED)
_DIAMETERS = ("Maximum2DDiameterColumn", "Maximum2DDiameterRow", "Maximum2DDiameterSlice", "Maximum3DDiameter")
NO_VOLUME = "the mesh around the region encloses no volume: its voxels touch at corners and edges only"


def features(measured: Measured, _: Settings) -> dict[str, float]:
    """Return the shape features.

    Args:
        measured: a region, as shape sees it.

    Returns:
        Name -> value in mm, mm2 and mm3. With V and A the mesh's volume and area, l1 >= l2 >= l3 the principal
        variances of the voxel centres:

        - MeshVolume: V; VoxelVolume: voxels times their volume; SurfaceArea: A; SurfaceVolumeRatio: A / V
        - Sphericity: (36 pi V^2)^(1/3) / A
        - Maximum3DDiameter: largest distance between mesh vertices; Maximum2DDiameterSlice, Column, Row: between
          vertices of one z, y, x
        - MajorAxisLength, MinorAxisLength, LeastAxisLength: 4 sqrt(l1), 4 sqrt(l2), 4 sqrt(l3)
        - Elongation: sqrt(l2 / l1); Flatness: sqrt(l3 / l1)
        - deprecated: Compactness1: V / sqrt(pi A^3), Compactness2: 36 pi V^2 / A^3, SphericalDisproportion:
          1 / Sphericity

        NaN for what divides by V where that is 0: diagonal neighbours can turn the mesh inside out.
    """
    mask = measured.region.shape_mask
    padded = np.pad(mask, 1)
    spacing = np.array(measured.region.spacing_zyx_mm, dtype=np.float64)
    found: dict[str, float] = {"VoxelVolume": float(np.count_nonzero(mask) * np.prod(spacing))}
    if measured.asks(*_OF_SPREAD):
        found |= _of_spread(padded, spacing)
    if measured.asks(*_OF_MESH, *_DIAMETERS):
        area, volume, ends = _mesh(padded, spacing)
        found |= _of_mesh(area, volume)
    if measured.asks(*_DIAMETERS):
        slices, columns, rows, corners = _diameters(*ends, spacing)
        radius = np.linalg.norm(corners - corners.mean(axis=0), axis=1)
        outside_in = np.argsort(-radius)
        overall = np.sqrt(_farthest(corners[outside_in], radius[outside_in]))
        found |= dict(zip(_DIAMETERS, (columns, rows, slices, overall), strict=True))
    return {name: float(np.real(value)) for name, value in found.items()}  # eigvals may round to complex numbers


def _of_spread(padded: np.ndarray, spacing: np.ndarray) -> dict[str, float]:
    """Return what follows from the principal axes."""
    least, minor, major = principal_variances(padded, spacing)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "Elongation": np.sqrt(minor / major),
            "Flatness": np.sqrt(least / major),
            "LeastAxisLength": np.sqrt(least) * 4,
            "MajorAxisLength": np.sqrt(major) * 4,
            "MinorAxisLength": np.sqrt(minor) * 4,
        }


def _of_mesh(area: float, volume: float) -> dict[str, float]:
    """Return what follows from the mesh's area and volume."""
    enclosed = volume if volume != 0 else np.nan
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "Compactness1": volume / (area ** (3.0 / 2.0) * np.sqrt(np.pi)),
            "Compactness2": 36.0 * np.pi * volume**2 / area**3,
            "MeshVolume": volume,
            "SphericalDisproportion": area / (36 * np.pi * enclosed**2) ** (1.0 / 3.0),
            "Sphericity": (36 * np.pi * volume**2) ** (1.0 / 3.0) / area,
            "SurfaceArea": area,
            "SurfaceVolumeRatio": area / enclosed,
        }


def principal_variances(mask: np.ndarray, spacing_mm: np.ndarray) -> np.ndarray:
    """Return the variances of the voxel centres along their principal axes in mm2, ascending.

    The arithmetic is PyRadiomics' own: which rounding error of a flat region lies below 0, and makes a NaN, depends
    on it.
    """
    places = np.argwhere(mask) * spacing_mm[None, :]
    places -= np.mean(places, axis=0)
    places /= np.sqrt(len(places))
    values = np.linalg.eigvals(np.dot(places.T.copy(), places))
    values[(values < 0) & (values > -1e-10)] = 0
    values.sort()
    return values


def _mesh(
    mask: np.ndarray, spacing: np.ndarray
) -> tuple[float, float, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Return area, volume, and where the mesh ends along x for each (z, y) and along y for each (z, x).

    Vertices lie on half voxels; positions are counted in halves.
    """
    z, y, x = (2 * size for size in mask.shape)
    far = np.int32(2**30)
    x_low, x_high = np.full((z, y), far, np.int32), np.full((z, y), -1, np.int32)
    y_low, y_high = np.full((z, x), far, np.int32), np.full((z, x), -1, np.int32)
    area, volume = _march(mask.view(np.uint8), spacing, x_low, x_high, y_low, y_high, EDGES, TRIANGLES)
    return area, volume, (x_low, x_high, y_low, y_high)


@kernel
def _corners(mask: np.ndarray, z: int, y: int, x: int) -> int:
    """Return the bits of corners 0, 3, 4 and 7 of the cube at a voxel."""
    found = np.int64(mask[z, y, x]) | np.int64(mask[z, y + 1, x]) << 3
    return int(found | np.int64(mask[z + 1, y, x]) << 4 | np.int64(mask[z + 1, y + 1, x]) << 7)


@kernel
def _march(
    mask: np.ndarray,
    spacing: np.ndarray,
    x_low: np.ndarray,
    x_high: np.ndarray,
    y_low: np.ndarray,
    y_high: np.ndarray,
    edges: np.ndarray,
    triangles: np.ndarray,
) -> tuple[float, float]:
    """Return area and volume of the mesh around a mask, and fill in where it ends on each line."""
    nz, ny, nx = mask.shape
    area = volume = 0.0
    a, b, c = np.empty(3), np.empty(3), np.empty(3)
    for z in range(nz - 1):
        for y in range(ny - 1):
            left = _corners(mask, z, y, 0)
            for x in range(nx - 1):
                right = _corners(mask, z, y, x + 1)
                # corners 0 3 4 7 lie at x, 1 2 5 6 at x + 1
                cube = left | (right & 0x11) << 1 | (right & 0x88) >> 1
                left = right
                if cube == 0 or cube == 255:
                    continue
                sign = 1.0
                if cube & 0x80:
                    cube ^= 0xFF
                    sign = -1.0
                t = 0
                while triangles[cube, t] >= 0:
                    for corner in range(3):
                        edge = triangles[cube, t + corner]
                        hz = 2 * z + edges[edge, 0]
                        hy = 2 * y + edges[edge, 1]
                        hx = 2 * x + edges[edge, 2]
                        x_low[hz, hy], x_high[hz, hy] = min(x_low[hz, hy], hx), max(x_high[hz, hy], hx)
                        y_low[hz, hx], y_high[hz, hx] = min(y_low[hz, hx], hy), max(y_high[hz, hx], hy)
                        point = a if corner == 0 else b if corner == 1 else c
                        point[0], point[1], point[2] = (
                            hz * 0.5 * spacing[0],
                            hy * 0.5 * spacing[1],
                            hx * 0.5 * spacing[2],
                        )
                    volume += sign * (
                        (a[1] * b[2] - b[1] * a[2]) * c[0]
                        + (a[2] * b[0] - b[2] * a[0]) * c[1]
                        + (a[0] * b[1] - b[0] * a[1]) * c[2]
                    )
                    for d in range(3):
                        a[d] -= c[d]
                        b[d] -= c[d]
                    u, v, w = a[1] * b[2] - b[1] * a[2], a[2] * b[0] - b[2] * a[0], a[0] * b[1] - b[0] * a[1]
                    area += 0.5 * np.sqrt(u * u + v * v + w * w)
                    t += 3
    return area, volume / 6


@kernel
def _turn(p: tuple[int, int], q: tuple[int, int], r: tuple[int, int]) -> int:
    return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])


@kernel
def _hull(low: np.ndarray, high: np.ndarray, points: np.ndarray) -> int:
    """Fill in the corners of the convex hull of a slice that ends at low and high on each line; return their number."""
    count = 0
    for side in range(2):
        ends = low if side == 0 else high
        start = count
        for line in range(low.size):
            if high[line] < 0:
                continue
            sign = 1 if side == 0 else -1
            while (
                count - start >= 2
                and sign
                * _turn(
                    (points[count - 2, 0], points[count - 2, 1]),
                    (points[count - 1, 0], points[count - 1, 1]),
                    (line, ends[line]),
                )
                <= 0
            ):
                count -= 1
            points[count, 0], points[count, 1] = line, ends[line]
            count += 1
    return count


@kernel
def _widest(points: np.ndarray, count: int, first_mm: float, second_mm: float) -> float:
    """Return the largest squared distance between points in a plane."""
    widest = 0.0
    for i in range(count):
        for j in range(i):
            u = points[i, 0] * 0.5 * first_mm - points[j, 0] * 0.5 * first_mm
            v = points[i, 1] * 0.5 * second_mm - points[j, 1] * 0.5 * second_mm
            widest = max(widest, u * u + v * v)
    return widest


@kernel
def _diameters(
    x_low: np.ndarray, x_high: np.ndarray, y_low: np.ndarray, y_high: np.ndarray, spacing: np.ndarray
) -> tuple[float, float, float, np.ndarray]:
    """Return the largest distances within a slice (z), a column (y), a row (x), and the corners of all slices, (n, 3).

    The ends of a largest distance are corners of the convex hull, within their slice and overall.
    """
    sz, sy, sx = spacing
    nz, ny = x_low.shape
    nx = y_low.shape[1]
    points = np.empty((2 * max(nz, ny, nx) + 4, 2), np.int64)
    slices = columns = rows = 0.0
    corner = np.empty((nz * 8 + 16, 3))
    found = 0
    for z in range(nz):
        count = _hull(x_low[z], x_high[z], points)
        slices = max(slices, _widest(points, count, sy, sx))
        if found + count > len(corner):
            larger = np.empty((2 * len(corner) + count, 3))
            for i in range(found):  # in full: numba takes 3 s to compile a slice's assignment
                larger[i, 0], larger[i, 1], larger[i, 2] = corner[i, 0], corner[i, 1], corner[i, 2]
            corner = larger
        for i in range(count):
            corner[found, 0], corner[found, 1], corner[found, 2] = (
                z * 0.5 * sz,
                points[i, 0] * 0.5 * sy,
                points[i, 1] * 0.5 * sx,
            )
            found += 1
    for y in range(ny):
        count = _hull(x_low[:, y], x_high[:, y], points)
        columns = max(columns, _widest(points, count, sz, sx))
    for x in range(nx):
        count = _hull(y_low[:, x], y_high[:, x], points)
        rows = max(rows, _widest(points, count, sz, sy))
    return np.sqrt(slices), np.sqrt(columns), np.sqrt(rows), corner[:found]


@kernel
def _farthest(points: np.ndarray, radius: np.ndarray) -> float:
    """Return the largest squared distance between points (n, 3), given by falling radius from some centre.

    The search goes from the outside inwards and stops when no pair can be longer.
    """
    longest = 0.0
    for p in range(len(points)):
        reach = radius[p] + radius[0]
        if reach * reach < longest * (1 - 1e-9):
            break
        for q in range(p):
            reach = radius[p] + radius[q]
            if reach * reach < longest * (1 - 1e-9):
                break
            u, v, w = points[p, 0] - points[q, 0], points[p, 1] - points[q, 1], points[p, 2] - points[q, 2]
            longest = max(longest, u * u + v * v + w * w)
    return longest


FAMILY = Family(
    NAMES,
    features,
    sees="mask",
    deprecated=DEPRECATED,
    missing="the region is flat, and rounding makes its smallest principal variance negative",
    missing_of={"SurfaceVolumeRatio": NO_VOLUME, "SphericalDisproportion": NO_VOLUME},
)
