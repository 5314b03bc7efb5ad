"""Local binary patterns in three dimensions: what a small sphere around a voxel looks like, whichever way it is turned.

PyRadiomics 3.0.1 defines them and can no longer load them on current SciPy. Its definition is followed to the letter,
so that values stay comparable: it hands the polar angle to SciPy as the azimuth and the reverse. Its arithmetic is
followed to the last bit, too: patterns take few values, and which of two equal ones is the larger decides percentiles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from scipy import ndimage

from radfuse.radiomics.filters.filter import Filter, Filtered
from radfuse.radiomics.preprocess import Prepared
from radfuse.radiomics.settings import Settings

_TOGETHER = 2**22
"""Harmonics of samples held at a time."""
_FLAT = -3.0
"""Kurtosis of samples that are all alike: what SciPy gave up to 1.8; later ones give NaN, and PyRadiomics fails."""
_KURTOSIS = "lbp-3D-k"
_ACUTE, _OBTUSE = 0.5257311121191336, 0.85065080835204
_FACES = "0b5 051 017 07a 0ab 159 5b4 ba2 a76 718 394 342 326 368 389 495 24b 62a 867 981"
"""Corners of the icosahedron's triangles, a hexadecimal digit each, in the order of trimesh, whom PyRadiomics asks."""


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

    sphere = icosphere(subdivision, radius)
    azimuth, polar = np.arccos(np.true_divide(sphere[:, 2], radius)), np.arctan2(sphere[:, 1], sphere[:, 0])
    orders = [(n, m) for n in range(levels) for m in range(-n, n + 1)]
    harmonics = np.column_stack([special.sph_harm_y(n, m, polar, azimuth) for n, m in orders])
    level_of = np.array([n for n, _ in orders])
    smooth = ndimage.spline_filter(image, order=3, output=np.float64)
    parts = -(-len(voxels) * harmonics.size // _TOGETHER)
    found: list[list[np.ndarray]] = []
    for part in np.array_split(voxels, max(parts, 1)):
        places = (part[None, :, :] + sphere[:, None, :]).T
        samples = ndimage.map_coordinates(smooth, places, output=image.dtype, order=3, prefilter=False)
        signs = np.greater_equal(samples, image[tuple(part.T)][:, None]).astype(int)
        found.append([*_norms(signs, harmonics, level_of), _kurtosis(samples)])
    return {name: np.concatenate(values) for name, values in zip(_names(levels), zip(*found, strict=True), strict=True)}


def _norms(signs: np.ndarray, harmonics: np.ndarray, level_of: np.ndarray) -> np.ndarray:
    """Return (level, voxel) norms of (voxel, sample) 0 or 1, by PyRadiomics' own expressions and order of sums."""
    c = np.multiply(signs[:, :, None], harmonics[None, :, :]).sum(axis=1)
    f = np.multiply(c[:, None, level_of == 0], harmonics[None, :, level_of == 0])
    for level in range(1, level_of[-1] + 1):
        these = level_of == level
        more = np.sum(np.multiply(c[:, None, these], harmonics[None, :, these]), axis=2, keepdims=True)
        f = np.concatenate((f, more), axis=2)
    return np.real(np.sqrt(np.sum(f**2, axis=1))).T


def _kurtosis(samples: np.ndarray) -> np.ndarray:
    """Return m_4 / m_2^2 - 3 of each row, by SciPy's own expressions, in the samples' precision where that is real."""
    values = samples if samples.dtype.kind == "f" else samples.astype(np.float64)
    mean = values.mean(axis=1, keepdims=True)
    squares = (values - mean) ** 2
    m2, m4 = squares.mean(axis=1), (squares**2).mean(axis=1)
    flat = m2 <= (np.finfo(m2.dtype).eps * mean[:, 0]) ** 2
    return np.where(flat, _FLAT, m4 / np.where(flat, 1, m2) ** 2.0 - 3).astype(np.float64)


@lru_cache
def icosphere(subdivision: int, radius: float = 1.0) -> np.ndarray:
    """Return the corners of an icosahedron, its triangles divided into four so many times, (n, 3) x, y, z.

    Corners and their order are trimesh's to the last bit: which samples equal a voxel depends on it.
    """
    a, b = _ACUTE, _OBTUSE
    turns = [[(s * a, t * b, 0.0) for t in (1, -1) for s in (-1, 1)]]
    turns += [[(z, x, y) for x, y, z in turns[0]], [(y, z, x) for x, y, z in turns[0]]]
    points = np.array([*turns[0], *turns[1], *(turns[2][k] for k in (0, 1, 2, 3))])
    faces = np.array([[int(corner, 16) for corner in face] for face in _FACES.split()])
    if subdivision == 0:
        return _onto_sphere(points, radius)
    for _ in range(subdivision):
        edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
        _, first, which = np.unique(edges[:, 1] * len(points) + edges[:, 0], return_index=True, return_inverse=True)
        middle = which.reshape(-1, 3) + len(points)
        (i, j, k), (ij, jk, ki) = faces.T, middle.T
        faces = np.column_stack([i, ij, ki, ij, j, jk, ki, jk, k, ij, jk, ki]).reshape(-1, 3)
        points = _onto_sphere(np.vstack([points, points[edges[first]].mean(axis=1)]), radius)
    return points


def _onto_sphere(points: np.ndarray, radius: float) -> np.ndarray:
    length = np.sqrt(np.dot(points**2, [1, 1, 1]))
    return np.asarray(points + points / length[:, None] * (radius - length)[:, None])


def _names(levels: int) -> list[str]:
    return [*(f"lbp-3D-m{n + 1}" for n in range(levels)), _KURTOSIS]


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
        values = tuple(found[name] for found in per_region)
        yield Filtered(name, values, remarks=tuple(map(_remark, values)) if name == _KURTOSIS else ())


def _remark(kurtosis: np.ndarray) -> str:
    """Return where PyRadiomics' numbers hang on its SciPy."""
    flat = int(np.count_nonzero(kurtosis == _FLAT))
    if not flat:
        return ""
    return f"{flat} voxels lie amid samples all alike, kurtosis {_FLAT:g}; PyRadiomics has NaN there from SciPy 1.9 on"


FILTER = Filter(lambda settings: _names(settings.lbp_3d_levels), _make, effort=2)
