"""Stationary wavelet transform, equal bit by bit to PyWavelets, of the part of an image that is asked for.

An axis of odd length is padded by one voxel with wrap; filters wrap around. Letters read x, y, z: in LLH the high-pass
filter runs along z. Each further level transforms the approximation again with the same, undilated filters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
import pywt

from radfuse.machine import kernel
from radfuse.radiomics.filters.filter import Filter, Filtered, common_box, gathered
from radfuse.radiomics.preprocess import Prepared
from radfuse.radiomics.settings import Settings


def wavelet_images(
    image: np.ndarray, wavelet: str, level: int, start_level: int, axes: Sequence[int], box: tuple[slice, slice, slice]
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (name, decomposition inside the box), as they are made; `wavelet_names` has their proper order.

    Args:
        image: real or integer, shape (z, y, x).
        wavelet: a discrete wavelet PyWavelets knows.
        level: how many levels to yield, at least 1.
        start_level: levels to skip.
        axes: axes to transform, in the order of the letters: (2, 1, 0), or two of them for a slice-wise transform.
        box: where the result is wanted.

    Yields:
        Names such as "wavelet-LLH" and "wavelet2-LLH"; float32 for float32 images, otherwise float64.

    Source:
        Nason and Silverman 1995, doi:10.1007/978-1-4612-2544-7_17; PyWavelets' swtn.
    """
    values = np.asarray(image, dtype=np.float32 if image.dtype == np.float32 else np.float64)
    values = np.pad(values, [(0, size % 2) for size in image.shape], mode="wrap")
    last = start_level + level
    whole = (slice(0, values.shape[0]), slice(0, values.shape[1]), slice(0, values.shape[2]))
    approximation = "L" * len(axes)
    for number in range(1, last + 1):
        if number > start_level:
            for letters, band in _bands(values, wavelet, axes, box):
                if number == last or letters != approximation:
                    yield _name(number - start_level, letters), band
        if number < last:
            values = next(band for _, band in _bands(values, wavelet, axes, whole))


def wavelet_names(level: int, axes: int) -> list[str]:
    """Return the names of all images in PyRadiomics' order: by level, the last approximation at the end."""
    letters = ["".join("LH"[number >> (axes - 1 - place) & 1] for place in range(axes)) for number in range(2**axes)]
    return [_name(number, text) for number in range(1, level + 1) for text in letters[1:]] + [_name(level, letters[0])]


def _name(level: int, letters: str) -> str:
    return f"wavelet{level if level > 1 else ''}-{letters}"


def _bands(
    values: np.ndarray, wavelet: str, axes: Sequence[int], box: tuple[slice, slice, slice]
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (letters, decomposition inside the box) of one level, LLL first."""
    taps = _taps(wavelet, values.dtype.str)
    if any(values.shape[axis] < len(taps[0]) for axis in axes):
        # filters that wrap more than once, on images of a few voxels: PyWavelets itself
        for letters, found in pywt.swtn(values, wavelet, 1, axes=tuple(axes))[0].items():
            yield letters.replace("a", "L").replace("d", "H"), found[box]
        return
    untouched = tuple(slice(None) if axis in axes else part for axis, part in enumerate(box))
    yield from _branches(values[untouched], taps, axes, box, "")


def _branches(
    values: np.ndarray,
    taps: tuple[np.ndarray, np.ndarray],
    axes: Sequence[int],
    box: tuple[slice, slice, slice],
    letters: str,
) -> Iterator[tuple[str, np.ndarray]]:
    """Filter along the next axis, low and high, and go on with each; one branch is in memory at a time."""
    if len(letters) == len(axes):
        yield letters, values
        return
    axis = axes[len(letters)]
    for letter, chosen in zip("LH", taps, strict=True):
        part = _filtered(values, chosen, axis, box[axis])
        yield from _branches(part, taps, axes, box, letters + letter)


@lru_cache
def _taps(wavelet: str, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the low-pass and high-pass taps as PyWavelets holds them in a precision, read off an impulse."""
    count = len(pywt.Wavelet(wavelet).dec_lo)
    impulse = np.zeros(2 * count, dtype=dtype)
    impulse[count] = 1
    low, high = pywt.swt(impulse, wavelet, 1)[0]
    first = count - count // 2
    return low[first : first + count].copy(), high[first : first + count].copy()


def _filtered(values: np.ndarray, taps: np.ndarray, axis: int, part: slice) -> np.ndarray:
    """Return the values filtered along an axis, with wrap, where they are wanted."""
    shape = list(values.shape)
    shape[axis] = part.stop - part.start
    result = np.empty(shape, dtype=values.dtype)
    values = np.ascontiguousarray(values)
    if axis == values.ndim - 1:
        _along_rows(values.reshape(-1, values.shape[axis]), taps, part.start, result.reshape(-1, shape[axis]))
    else:
        before, after = int(np.prod(shape[:axis])), int(np.prod(shape[axis + 1 :]))
        flat = values.reshape(before, values.shape[axis], after)
        _across_rows(flat, taps, part.start, result.reshape(before, shape[axis], after))
    return result


@kernel
def _source(centre: int, n: int, place: int) -> tuple[int, int]:
    """Return (tap, voxel) of the summand at a place, in the order PyWavelets adds them up."""
    over = max(centre - n + 1, 0)
    if place < over:
        return centre - n - place, place
    return place, (centre - place) % n


@kernel
def _across_rows(source: np.ndarray, taps: np.ndarray, start: int, result: np.ndarray) -> None:
    """Convolve (before, n, after) along its middle axis."""
    before, kept, after = result.shape
    n, count = source.shape[1], taps.size
    chunk = 2048  # of a row, so that what is summed up stays in the cache
    for b in range(before):
        for low in range(0, after, chunk):
            high = min(low + chunk, after)
            for i in range(kept):
                row = result[b, i, low:high]
                row[:] = 0
                for t in range(count):
                    tap, voxel = _source(start + i + count // 2, n, t)
                    weight = taps[tap]
                    line = source[b, voxel, low:high]
                    for k in range(row.size):
                        row[k] += weight * line[k]


@kernel
def _along_rows(source: np.ndarray, taps: np.ndarray, start: int, result: np.ndarray) -> None:
    """Convolve (before, n) along its last axis."""
    before, kept = result.shape
    n, count = source.shape[1], taps.size
    inner_low = min(max(count - 1 - count // 2 - start, 0), kept)  # no wrap from here
    inner_high = max(min(n - count // 2 - start, kept), inner_low)
    for b in range(before):
        row = result[b]
        line = source[b]
        row[:] = 0
        for t in range(count):
            weight = taps[t]
            shift = start + count // 2 - t
            for i in range(inner_low, inner_high):
                row[i] += weight * line[i + shift]
            for i in range(inner_low):
                tap, voxel = _source(start + i + count // 2, n, t)
                row[i] += taps[tap] * line[voxel]
            for i in range(inner_high, kept):
                tap, voxel = _source(start + i + count // 2, n, t)
                row[i] += taps[tap] * line[voxel]


def _make(regions: Sequence[Prepared], settings: Settings) -> Iterator[Filtered]:
    box = common_box(regions)
    axes = [axis for axis in (2, 1, 0) if axis != settings.flat_axis]
    found = wavelet_images(
        regions[0].image, settings.wavelet, settings.wavelet_levels, settings.wavelet_start_level, axes, box
    )
    for name, image in found:
        yield Filtered(name, gathered(image, box, regions))


FILTER = Filter(
    lambda settings: wavelet_names(settings.wavelet_levels, 3 if settings.flat_axis is None else 2),
    _make,
    effort=3,
    compiled=True,
)
