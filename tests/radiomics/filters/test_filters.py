"""Filters are those of ITK and PyWavelets bit by bit, wherever they are asked for."""

from __future__ import annotations

import numpy as np
import pytest
import pywt
import SimpleITK as sitk

from radfuse.radiomics.filters.log import laplacian_of_gaussian
from radfuse.radiomics.filters.wavelet import wavelet_images, wavelet_names

SHAPES = [(8, 9, 10), (4, 5, 30), (40, 33, 17)]


def image_of(shape: tuple[int, int, int], kind: str) -> np.ndarray:
    values = np.random.default_rng(0).normal(size=shape) * 300
    return (np.abs(values) % 256 if kind == "u1" else values).astype(kind)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["f4", "f8", "i2", "u1"])
@pytest.mark.parametrize("sigma", [0.5, 1.0, 3.0])
def test_laplacian_of_gaussian_is_itks(shape: tuple[int, int, int], kind: str, sigma: float) -> None:
    values, spacing = image_of(shape, kind), (0.7, 0.365, 0.4111)
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(spacing[::-1])
    expected = sitk.GetArrayFromImage(sitk.LaplacianRecursiveGaussian(image, sigma, normalizeAcrossScale=True))
    for box in ((slice(1, shape[0] - 1), slice(0, shape[1]), slice(2, 7)), tuple(slice(0, size) for size in shape)):
        found = laplacian_of_gaussian(values, spacing, sigma, (box[0], box[1], box[2]))
        assert found.dtype == expected.dtype
        assert np.array_equal(found, expected[box])


def test_laplacian_of_gaussian_needs_four_voxels() -> None:
    with pytest.raises(ValueError, match="4 voxels along each axis"):
        laplacian_of_gaussian(np.zeros((3, 9, 9)), (1, 1, 1), 1.0, (slice(0, 3), slice(0, 9), slice(0, 9)))


def reference(values: np.ndarray, wavelet: str, level: int, start: int, axes: list[int]) -> dict[str, np.ndarray]:
    """PyRadiomics' way: pad odd axes with wrap, transform the approximation again and again, cut."""
    cut = tuple(slice(0, size) for size in values.shape)
    values = np.pad(values, [(0, size % 2) for size in values.shape], "wrap")
    found = {}
    for number in range(start + level):
        parts = pywt.swtn(values, wavelet, level=1, axes=tuple(axes))[0]
        values = parts["a" * len(axes)]
        if number >= start:
            prefix = "wavelet" if number == start else f"wavelet{number - start + 1}"
            found |= {f"{prefix}-{key.replace('a', 'L').replace('d', 'H')}": part[cut] for key, part in parts.items()}
    kept = wavelet_names(level, len(axes))
    return {name: found[name] for name in kept}


@pytest.mark.parametrize("shape", [*SHAPES, (1, 20, 21), (3, 7, 7)])
@pytest.mark.parametrize("wavelet", ["coif1", "haar", "db2", "bior1.3", "sym8", "dmey", "coif3"])
@pytest.mark.parametrize(
    ("level", "start", "axes"),
    [(1, 0, [2, 1, 0]), (2, 0, [2, 1, 0]), (1, 1, [2, 1, 0]), (1, 0, [2, 1]), (1, 0, [2, 0]), (2, 1, [1, 0])],
)
def test_wavelets_are_those_of_pywavelets(
    shape: tuple[int, int, int], wavelet: str, level: int, start: int, axes: list[int]
) -> None:
    z, y, x = (slice(size // 3, size - size // 4) for size in shape)
    for kind in ("f4", "f8"):
        values = image_of(shape, kind)
        found = dict(wavelet_images(values, wavelet, level, start, axes, (z, y, x)))
        expected = reference(values, wavelet, level, start, axes)
        assert set(found) == set(expected)
        for name, image in expected.items():
            assert found[name].dtype == image.dtype
            assert np.array_equal(found[name], image[z, y, x]), name
