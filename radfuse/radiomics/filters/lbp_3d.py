"""Local binary patterns in three dimensions: what a small sphere around a voxel looks like, whichever way it is turned.

PyRadiomics 3.0.1 defines them and can no longer load them on current SciPy. Its definition is followed to the letter,
so that values stay comparable: it hands the polar angle to SciPy as the azimuth and the reverse.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from scipy import ndimage

from radfuse.radiomics.filters.filter import Filter, Filtered
from radfuse.radiomics.preprocess import Prepared
from radfuse.radiomics.settings import Settings

_CHUNK = 20_000
"""Voxels looked at together."""


def local_binary_patterns_3d(
    image: np.ndarray, voxels: np.ndarray, levels: int = 2, radius: float = 1.0, subdivision: int = 1
) -> dict[str, np.ndarray]:
    """Return the patterns of some voxels.

    Samples on a sphere are 1 where they are at least the voxel's value; the rotation-invariant norm of each level of
    their spherical harmonics is a pattern, the kurtosis of the samples' values another.

    Args:
        image: shape (z, y, x).
        voxels: (n, 3) positions.
        levels: of spherical harmonics.
        radius: of the sphere, in voxels.
        subdivision: how often the icosahedron that gives the samples is subdivided.

    Returns:
        "lbp-3D-m1" and so on, and "lbp-3D-k" -> (n,) float64.

    Source:
        Banerjee et al. 2013, doi:10.1007/978-3-642-37410-4_3.
    """
    from scipy import special  # large, for this filter alone

    sphere = icosphere(subdivision) * radius
    polar, azimuth = np.arccos(sphere[:, 2] / radius), np.arctan2(sphere[:, 1], sphere[:, 0])
    harmonics = [
        np.stack([special.sph_harm_y(n, m, azimuth, polar) for m in range(-n, n + 1)], axis=1) for n in range(levels)
    ]
    names = _names(levels)
    found = {name: np.empty(len(voxels)) for name in names}
    smooth = ndimage.spline_filter(image, order=3, output=np.float64)
    for low in range(0, len(voxels), _CHUNK):
        part = voxels[low : low + _CHUNK]
        places = (part[None, :, :] + sphere[:, None, :]).T
        samples = ndimage.map_coordinates(smooth, places, output=image.dtype, order=3, prefilter=False)
        found["lbp-3D-k"][low : low + _CHUNK] = _kurtosis(samples)
        signs = (samples >= image[tuple(part.T)][:, None]).astype(np.float64)
        for name, y in zip(names[:-1], harmonics, strict=True):
            c = signs @ y
            # the squared norm of sum_m c_m Y_m over the samples, as a quadratic form
            found[name][low : low + _CHUNK] = np.sqrt(((c @ (y.T @ y)) * c).sum(axis=1)).real
    return found


def _kurtosis(samples: np.ndarray) -> np.ndarray:
    """Return m_4 / m_2^2 - 3 of each row; -3 where it is flat, as SciPy had it when PyRadiomics could load it."""
    apart = samples - samples.mean(axis=1, keepdims=True)
    m2, m4 = (apart**2).mean(axis=1), (apart**4).mean(axis=1)
    return np.asarray(np.where(m2 == 0, 0, m4 / np.where(m2 == 0, 1, m2) ** 2) - 3)


@lru_cache
def icosphere(subdivision: int) -> np.ndarray:
    """Return the corners of an icosahedron of radius 1, its triangles divided into four so many times, (n, 3)."""
    golden = (1 + np.sqrt(5)) / 2
    corners = [(a, b * golden, 0) for b in (1, -1) for a in (-1, 1)]
    points = np.array([turned for x, y, z in corners for turned in ((x, y, z), (z, x, y), (y, z, x))], dtype=float)
    points /= np.linalg.norm(points[0])
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    near = np.isclose(apart, apart[apart > 0].min())
    faces = [
        (points[i], points[j], points[k])
        for i in range(12)
        for j in range(i)
        for k in range(j)
        if near[i, j] and near[j, k] and near[i, k]
    ]
    for _ in range(subdivision):
        divided = []
        for a, b, c in faces:
            ab, bc, ca = (_middle(a, b), _middle(b, c), _middle(c, a))
            divided += [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
        faces = divided
    corners_of_faces = np.array(faces).reshape(-1, 3)
    _, first = np.unique(np.round(corners_of_faces, 9), axis=0, return_index=True)
    return corners_of_faces[np.sort(first)]


def _middle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    middle = (a + b) / 2
    return np.asarray(middle / np.linalg.norm(middle))


def _names(levels: int) -> list[str]:
    return [*(f"lbp-3D-m{n + 1}" for n in range(levels)), "lbp-3D-k"]


def _make(regions: Sequence[Prepared], settings: Settings) -> Iterator[Filtered]:
    per_region = []
    for region in regions:
        voxels = np.argwhere(region.mask) + [part.start for part in region.box]
        per_region.append(
            local_binary_patterns_3d(
                region.image, voxels, settings.lbp_3d_levels, settings.lbp_3d_radius, settings.lbp_3d_subdivision
            )
        )
    for name in per_region[0]:
        yield Filtered(name, tuple(found[name] for found in per_region))


FILTER = Filter(lambda settings: _names(settings.lbp_3d_levels), _make, effort=2)
