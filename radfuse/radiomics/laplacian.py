"""Laplacian of Gaussian, equal bit by bit to ITK's recursive filter, and computed only where it is asked for.

ITK approximates the Gaussian and its second derivative by a fourth-order recursion along each axis, forwards and
backwards, with the edge voxel continued to infinity. Its response is infinite, so that another crop gives other last
bits: the image passed in has to be the one PyRadiomics would filter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numba import njit

SHORTEST = 4
"""Voxels the recursion needs along each axis."""
_LANES = 16
"""Lines computed side by side."""

# Exponential series that approximate the Gaussian (row 0) and its second derivative (row 1), Farneback and Westin 2006
_A1, _B1 = (1.3530, -1.3563), (1.8151, 5.2318)
_A2, _B2 = (-0.3531, 0.3446), (0.0902, -2.2355)
_W1, _L1, _W2, _L2 = 0.6681, -1.3932, 2.0787, -1.3732


def laplacian_of_gaussian(
    image: np.ndarray, spacing_zyx_mm: Sequence[float], sigma_mm: float, box: tuple[slice, slice, slice]
) -> np.ndarray:
    """Return sigma^2 times the Laplacian of the smoothed image, inside a box.

    Args:
        image: real or integer, shape (z, y, x), at least 4 voxels along each axis.
        spacing_zyx_mm: voxel size.
        sigma_mm: of the Gaussian.
        box: where the result is wanted.

    Returns:
        float32 of the box's shape.

    Raises:
        ValueError: an axis is shorter than 4 voxels.

    Source:
        Farneback and Westin 2006, "Improving Deriche-style recursive Gaussian filters",
        doi:10.1007/s10851-006-8464-z; ITK's LaplacianRecursiveGaussianImageFilter with NormalizeAcrossScale on.
    """
    if min(image.shape) < SHORTEST:
        raise ValueError(f"the recursive filter needs {SHORTEST} voxels along each axis, found shape {image.shape}")
    values = np.ascontiguousarray(image)
    if values.dtype not in (np.float32, np.float64):
        values = values.astype(np.float64)
    smooth = [_coefficients(sigma_mm, spacing, derivative=False) for spacing in spacing_zyx_mm]
    second = [_coefficients(sigma_mm, spacing, derivative=True) for spacing in spacing_zyx_mm]
    (z0, z1), (y0, y1), (x0, x1) = ((part.start, part.stop) for part in box)
    total = np.zeros((z1 - z0, y1 - y0, x1 - x0), dtype=np.float32)
    nz, ny, nx = values.shape
    # the order of axes is ITK's: the derivative first, then smoothing along x, y, z; each pass rounds to float32
    middle, last = np.empty((nz, y1 - y0, x1 - x0), dtype=np.float32), np.empty_like(total)
    part = np.empty((nz, ny, x1 - x0), dtype=np.float32)
    _along_x(values, second[2], x0, part)
    _along_y(part, smooth[1], y0, middle)
    _along_z(middle, smooth[0], z0, last)
    _add(total, last, 1.0 / spacing_zyx_mm[2] ** 2)
    del part
    part = np.empty((nz, y1 - y0, nx), dtype=np.float32)
    _along_y(values, second[1], y0, part)
    _along_x(part, smooth[2], x0, middle)
    _along_z(middle, smooth[0], z0, last)
    _add(total, last, 1.0 / spacing_zyx_mm[1] ** 2)
    del part, middle
    part = np.empty((z1 - z0, ny, nx), dtype=np.float32)
    middle = np.empty((z1 - z0, ny, x1 - x0), dtype=np.float32)
    _along_z(values, second[0], z0, part)
    _along_x(part, smooth[2], x0, middle)
    del part
    _along_y(middle, smooth[1], y0, last)
    _add(total, last, 1.0 / spacing_zyx_mm[0] ** 2)
    return total


def _coefficients(sigma_mm: float, spacing_mm: float, *, derivative: bool) -> np.ndarray:
    """Return N0-N3, D1-D4, M1-M4, BN1-BN4, BM1-BM4 of the recursion, in ITK's order of arithmetic."""
    sigma = sigma_mm / spacing_mm
    d = _denominator(sigma)
    sd = 1.0 + d[0] + d[1] + d[2] + d[3]
    n = _numerator(sigma, 0)
    if derivative:
        dd = d[0] + 2 * d[1] + 3 * d[2] + 4 * d[3]
        ed = d[0] + 4 * d[1] + 9 * d[2] + 16 * d[3]
        n2 = _numerator(sigma, 1)
        (sn0, dn0, en0), (sn2, dn2, en2) = _moments(n), _moments(n2)
        beta = -(2 * sn2 - sd * n2[0]) / (2 * sn0 - sd * n[0])
        n = [b + beta * a for a, b in zip(n, n2, strict=True)]
        sn, dn, en = sn2 + beta * sn0, dn2 + beta * dn0, en2 + beta * en0
        alpha = en * sd * sd - ed * sn * sd - 2 * dn * dd * sd + 2 * dd * dd * sn
        scale = (sigma_mm * sigma_mm) / (alpha / (sd * sd * sd))
    else:
        scale = 1.0 / (2 * _moments(n)[0] / sd - n[0])
    n = [value * scale for value in n]
    m = [n[1] - d[0] * n[0], n[2] - d[1] * n[0], n[3] - d[2] * n[0], -d[3] * n[0]]
    sn, sm = n[0] + n[1] + n[2] + n[3], m[0] + m[1] + m[2] + m[3]
    return np.array([*n, *d, *m, *(value * sn / sd for value in d), *(value * sm / sd for value in d)])


def _numerator(sigma: float, row: int) -> list[float]:
    a1, b1, a2, b2 = _A1[row], _B1[row], _A2[row], _B2[row]
    sin1, sin2 = math.sin(_W1 / sigma), math.sin(_W2 / sigma)
    cos1, cos2 = math.cos(_W1 / sigma), math.cos(_W2 / sigma)
    exp1, exp2 = math.exp(_L1 / sigma), math.exp(_L2 / sigma)
    n1 = exp2 * (b2 * sin2 - (a2 + 2 * a1) * cos2)
    n1 += exp1 * (b1 * sin1 - (a1 + 2 * a2) * cos1)
    n2 = (a1 + a2) * cos2 * cos1
    n2 -= b1 * cos2 * sin1 + b2 * cos1 * sin2
    n2 *= 2 * exp1 * exp2
    n2 += a2 * exp1 * exp1 + a1 * exp2 * exp2
    n3 = exp2 * exp1 * exp1 * (b2 * sin2 - a2 * cos2)
    n3 += exp1 * exp2 * exp2 * (b1 * sin1 - a1 * cos1)
    return [a1 + a2, n1, n2, n3]


def _moments(n: Sequence[float]) -> tuple[float, float, float]:
    return n[0] + n[1] + n[2] + n[3], n[1] + 2 * n[2] + 3 * n[3], n[1] + 4 * n[2] + 9 * n[3]


def _denominator(sigma: float) -> list[float]:
    cos1, cos2 = math.cos(_W1 / sigma), math.cos(_W2 / sigma)
    exp1, exp2 = math.exp(_L1 / sigma), math.exp(_L2 / sigma)
    d4 = exp1 * exp1 * exp2 * exp2
    d3 = -2 * cos1 * exp1 * exp2 * exp2
    d3 += -2 * cos2 * exp2 * exp1 * exp1
    d2 = 4 * cos2 * cos1 * exp1 * exp2
    d2 += exp1 * exp1 + exp2 * exp2
    return [-2 * (exp2 * cos2 + exp1 * cos1), d2, d3, d4]


@njit(nogil=True, cache=True)
def _recursion(  # noqa: C901  loops over lanes, nothing else
    data: np.ndarray, turned: np.ndarray, forward: np.ndarray, backward: np.ndarray, c: np.ndarray
) -> None:
    """Filter lines that lie side by side, all (n x lane) float64 -> forward, the sum of both directions.

    Arrays are flat, steps along a line are constants, and lanes are innermost: so the compiler can vectorise.
    """
    w = _LANES
    n = data.size // w
    n0, n1, n2, n3, d1, d2, d3, d4 = c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]
    m1, m2, m3, m4 = c[8], c[9], c[10], c[11]
    for k in range(w):
        f0, f1, f2, f3 = k, k + w, k + 2 * w, k + 3 * w
        edge = data[k]
        forward[f0] = edge * n0 + edge * n1 + edge * n2 + edge * n3
        forward[f1] = data[f1] * n0 + edge * n1 + edge * n2 + edge * n3
        forward[f2] = data[f2] * n0 + data[f1] * n1 + edge * n2 + edge * n3
        forward[f3] = data[f3] * n0 + data[f2] * n1 + data[f1] * n2 + edge * n3
        forward[f0] -= edge * c[12] + edge * c[13] + edge * c[14] + edge * c[15]
        forward[f1] -= forward[f0] * d1 + edge * c[13] + edge * c[14] + edge * c[15]
        forward[f2] -= forward[f1] * d1 + forward[f0] * d2 + edge * c[14] + edge * c[15]
        forward[f3] -= forward[f2] * d1 + forward[f1] * d2 + forward[f0] * d3 + edge * c[15]
    for i in range(4, n):
        first = i * w
        for k in range(w):
            j = first + k
            gained = data[j] * n0 + data[j - w] * n1 + data[j - 2 * w] * n2 + data[j - 3 * w] * n3
            forward[j] = gained - (
                forward[j - w] * d1 + forward[j - 2 * w] * d2 + forward[j - 3 * w] * d3 + forward[j - 4 * w] * d4
            )
    # the backward direction runs over the lines turned around, so that it too counts upwards
    for i in range(n):
        first, mirrored = i * w, (n - 1 - i) * w
        for k in range(w):
            turned[first + k] = data[mirrored + k]
    for k in range(w):
        b1, b2, b3, b4 = k, k + w, k + 2 * w, k + 3 * w
        edge = turned[b1]
        backward[b1] = edge * m1 + edge * m2 + edge * m3 + edge * m4
        backward[b2] = turned[b1] * m1 + edge * m2 + edge * m3 + edge * m4
        backward[b3] = turned[b2] * m1 + turned[b1] * m2 + edge * m3 + edge * m4
        backward[b4] = turned[b3] * m1 + turned[b2] * m2 + turned[b1] * m3 + edge * m4
        backward[b1] -= edge * c[16] + edge * c[17] + edge * c[18] + edge * c[19]
        backward[b2] -= backward[b1] * d1 + edge * c[17] + edge * c[18] + edge * c[19]
        backward[b3] -= backward[b2] * d1 + backward[b1] * d2 + edge * c[18] + edge * c[19]
        backward[b4] -= backward[b3] * d1 + backward[b2] * d2 + backward[b1] * d3 + edge * c[19]
    for i in range(4, n):
        first = i * w
        for k in range(w):
            j = first + k
            gained = turned[j - w] * m1 + turned[j - 2 * w] * m2 + turned[j - 3 * w] * m3 + turned[j - 4 * w] * m4
            backward[j] = gained - (
                backward[j - w] * d1 + backward[j - 2 * w] * d2 + backward[j - 3 * w] * d3 + backward[j - 4 * w] * d4
            )
    for i in range(n):
        first, mirrored = i * w, (n - 1 - i) * w
        for k in range(w):
            forward[first + k] += backward[mirrored + k]


@njit(nogil=True, cache=True)
def _along_x(source: np.ndarray, c: np.ndarray, start: int, result: np.ndarray) -> None:
    """Filter (z, y, x) along x; keep what the result (z, y, part of x) holds."""
    nz, ny, nx = source.shape
    kept = result.shape[2]
    data, turned = np.zeros(nx * _LANES), np.empty(nx * _LANES)
    forward, backward = np.empty(nx * _LANES), np.empty(nx * _LANES)
    for z in range(nz):
        for y in range(0, ny, _LANES):
            lanes = min(_LANES, ny - y)
            for k in range(lanes):
                line = source[z, y + k]
                for x in range(nx):
                    data[x * _LANES + k] = line[x]
            _recursion(data, turned, forward, backward, c)
            for k in range(lanes):
                kept_line = result[z, y + k]
                for x in range(kept):
                    kept_line[x] = np.float32(forward[(start + x) * _LANES + k])


@njit(nogil=True, cache=True)
def _along_y(source: np.ndarray, c: np.ndarray, start: int, result: np.ndarray) -> None:
    """Filter (z, y, x) along y; keep what the result (z, part of y, x) holds."""
    nz, ny, nx = source.shape
    kept = result.shape[1]
    data, turned = np.zeros(ny * _LANES), np.empty(ny * _LANES)
    forward, backward = np.empty(ny * _LANES), np.empty(ny * _LANES)
    for z in range(nz):
        for first in range(0, nx, _LANES):
            x = max(min(first, nx - _LANES), 0)
            lanes = min(_LANES, nx - x)
            for y in range(ny):
                line = source[z, y, x : x + lanes]
                for k in range(lanes):
                    data[y * _LANES + k] = line[k]
            _recursion(data, turned, forward, backward, c)
            for y in range(kept):
                kept_line = result[z, y, x : x + lanes]
                for k in range(lanes):
                    kept_line[k] = np.float32(forward[(start + y) * _LANES + k])


@njit(nogil=True, cache=True)
def _along_z(source: np.ndarray, c: np.ndarray, start: int, result: np.ndarray) -> None:
    """Filter (z, y, x) along z; keep what the result (part of z, y, x) holds."""
    nz, ny, nx = source.shape
    kept = result.shape[0]
    data, turned = np.zeros(nz * _LANES), np.empty(nz * _LANES)
    forward, backward = np.empty(nz * _LANES), np.empty(nz * _LANES)
    for y in range(ny):
        for first in range(0, nx, _LANES):
            x = max(min(first, nx - _LANES), 0)
            lanes = min(_LANES, nx - x)
            for z in range(nz):
                line = source[z, y, x : x + lanes]
                for k in range(lanes):
                    data[z * _LANES + k] = line[k]
            _recursion(data, turned, forward, backward, c)
            for z in range(kept):
                kept_line = result[z, y, x : x + lanes]
                for k in range(lanes):
                    kept_line[k] = np.float32(forward[(start + z) * _LANES + k])


@njit(nogil=True, cache=True)
def _add(total: np.ndarray, part: np.ndarray, scale: float) -> None:
    a, b = total.ravel(), part.ravel()
    for i in range(a.size):
        a[i] = np.float32(a[i] + b[i] * scale)
