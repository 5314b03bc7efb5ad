"""Laplacian of Gaussian, equal bit by bit to ITK's recursive filter, and computed only where it is asked for.

ITK approximates the Gaussian and its second derivative by a fourth-order recursion along each axis, forwards and
backwards, with the edge voxel continued to infinity. Its response is infinite, so that another crop gives other last
bits: the image passed in has to be the one PyRadiomics would filter.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from radfuse.machine import kernel
from radfuse.radiomics.filters.filter import Filter, Filtered, common_box, gathered
from radfuse.radiomics.preprocess import Prepared
from radfuse.radiomics.settings import Settings

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
    # the order of axes is ITK's: the derivative first, then smoothing along x, y, z; each pass rounds to float32
    middle = np.empty((len(values), y1 - y0, x1 - x0), dtype=np.float32)
    _along_x_y(values, second[2], x0, smooth[1], y0, middle)
    _add_along_z(middle, smooth[0], z0, 1.0 / spacing_zyx_mm[2] ** 2, total)
    _along_y_x(values, second[1], y0, smooth[2], x0, middle)
    _add_along_z(middle, smooth[0], z0, 1.0 / spacing_zyx_mm[1] ** 2, total)
    del middle
    middle = np.empty((z1 - z0, values.shape[1], x1 - x0), dtype=np.float32)
    _along_z_x(values, second[0], z0, smooth[2], x0, middle)
    _add_along_y(middle, smooth[1], y0, 1.0 / spacing_zyx_mm[0] ** 2, total)
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


@kernel
def _recursion(data: np.ndarray, turned: np.ndarray, forward: np.ndarray, backward: np.ndarray, c: np.ndarray) -> None:
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
            gained = data[j] * n0 + data[j - w] * n1 + data[j - 2 * w] * n2 + data[j - 3 * w] * n3
            forward[j] = gained - (
                forward[j - w] * d1 + forward[j - 2 * w] * d2 + forward[j - 3 * w] * d3 + forward[j - 4 * w] * d4
            )
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


@kernel
def _rows(source: np.ndarray, c: np.ndarray, start: int, result: np.ndarray) -> None:
    """Filter (line, n) along its last axis; keep what the result (line, part of n) holds."""
    lines, n = source.shape
    kept = result.shape[1]
    data, turned = np.zeros(n * _LANES), np.empty(n * _LANES)
    forward, backward = np.empty(n * _LANES), np.empty(n * _LANES)
    for first in range(0, lines, _LANES):
        lanes = min(_LANES, lines - first)
        for k in range(lanes):
            line = source[first + k]
            for i in range(n):
                data[i * _LANES + k] = line[i]
        _recursion(data, turned, forward, backward, c)
        for k in range(lanes):
            kept_line = result[first + k]
            for i in range(kept):
                kept_line[i] = np.float32(forward[(start + i) * _LANES + k])


@kernel
def _columns(source: np.ndarray, c: np.ndarray, start: int, result: np.ndarray) -> None:
    """Filter (n, line) along its first axis; keep what the result (part of n, line) holds."""
    n, lines = source.shape
    data, turned = np.zeros(n * _LANES), np.empty(n * _LANES)
    forward, backward = np.empty(n * _LANES), np.empty(n * _LANES)
    for place in range(0, lines, _LANES):
        first = max(min(place, lines - _LANES), 0)
        _copy(source[:, first : first + _LANES], data)
        _recursion(data, turned, forward, backward, c)
        _copy_back(forward[start * _LANES :], result[:, first : first + _LANES])


@kernel
def _copy(columns: np.ndarray, data: np.ndarray) -> None:
    for i in range(len(columns)):
        line, lane = columns[i], data[i * _LANES : (i + 1) * _LANES]
        if line.size == _LANES:  # known to the compiler, which vectorises
            for k in range(_LANES):
                lane[k] = line[k]
        else:
            for k in range(line.size):
                lane[k] = line[k]


@kernel
def _copy_back(data: np.ndarray, columns: np.ndarray) -> None:
    for i in range(len(columns)):
        line, lane = columns[i], data[i * _LANES : (i + 1) * _LANES]
        if line.size == _LANES:
            for k in range(_LANES):
                line[k] = np.float32(lane[k])
        else:
            for k in range(line.size):
                line[k] = np.float32(lane[k])


@kernel
def _along_x_y(source: np.ndarray, cx: np.ndarray, x0: int, cy: np.ndarray, y0: int, result: np.ndarray) -> None:
    """Filter (z, y, x) along x, then y; keep what the result (z, part of y, part of x) holds."""
    part = np.empty((source.shape[1], result.shape[2]), np.float32)
    for z in range(len(source)):
        _rows(source[z], cx, x0, part)
        _columns(part, cy, y0, result[z])


@kernel
def _along_y_x(source: np.ndarray, cy: np.ndarray, y0: int, cx: np.ndarray, x0: int, result: np.ndarray) -> None:
    """Filter (z, y, x) along y, then x; keep what the result (z, part of y, part of x) holds."""
    part = np.empty((result.shape[1], source.shape[2]), np.float32)
    for z in range(len(source)):
        _columns(source[z], cy, y0, part)
        _rows(part, cx, x0, result[z])


@kernel
def _along_z_x(source: np.ndarray, cz: np.ndarray, z0: int, cx: np.ndarray, x0: int, result: np.ndarray) -> None:
    """Filter (z, y, x) along z, then x; keep what the result (part of z, y, part of x) holds."""
    part = np.empty((result.shape[0], source.shape[2]), np.float32)
    for y in range(source.shape[1]):
        _columns(source[:, y], cz, z0, part)
        _rows(part, cx, x0, result[:, y])


@kernel
def _add_along_y(source: np.ndarray, c: np.ndarray, y0: int, scale: float, total: np.ndarray) -> None:
    """Filter (z, y, x) along y and add to the total (z, part of y, x), scaled."""
    part = np.empty(total.shape[1:], np.float32)
    for z in range(len(source)):
        _columns(source[z], c, y0, part)
        _add(total[z], part, scale)


@kernel
def _add_along_z(source: np.ndarray, c: np.ndarray, z0: int, scale: float, total: np.ndarray) -> None:
    """Filter (z, y, x) along z and add to the total (part of z, y, x), scaled."""
    part = np.empty((total.shape[0], total.shape[2]), np.float32)
    for y in range(source.shape[1]):
        _columns(source[:, y], c, z0, part)
        _add(total[:, y], part, scale)


@kernel
def _add(total: np.ndarray, part: np.ndarray, scale: float) -> None:
    for i in range(part.shape[0]):
        for k in range(part.shape[1]):
            total[i, k] = np.float32(total[i, k] + part[i, k] * scale)


def _name(sigma_mm: float) -> str:
    return f"log-sigma-{str(sigma_mm).replace('.', '-')}-mm-3D"


def _make(regions: Sequence[Prepared], settings: Settings) -> Iterator[Filtered]:
    image, spacing = regions[0].image, regions[0].spacing_zyx_mm
    box = common_box(regions)
    for sigma in settings.log_sigma_mm:
        needed = np.maximum(np.ceil(sigma / np.array(spacing)) + 1, SHORTEST)
        if (np.array(image.shape) < needed).any():
            shape, least = (" x ".join(str(int(value)) for value in size) for size in (image.shape, needed))
            yield Filtered(_name(sigma), skipped=f"the image around the region is {shape} voxels, needs {least}")
            continue
        try:
            found = laplacian_of_gaussian(image, spacing, sigma, box)
        except ZeroDivisionError:  # the weights of the neighbours are 0 in float64
            steps = " x ".join(f"{step:g}" for step in spacing)
            skipped = f"a Gaussian of {sigma:g} mm sees one voxel alone of {steps} mm (z, y, x); take a wider one"
            yield Filtered(_name(sigma), skipped=skipped)
            continue
        yield Filtered(_name(sigma), gathered(found, box, regions))


FILTER = Filter(
    lambda settings: [_name(sigma) for sigma in settings.log_sigma_mm],
    _make,
    effort=1,
    compiled=True,
    parts=lambda settings: [settings.model_copy(update={"log_sigma_mm": (sigma,)}) for sigma in settings.log_sigma_mm],
)
