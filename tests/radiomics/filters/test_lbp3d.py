"""Three-dimensional local binary patterns, held to PyRadiomics' own code with the old SciPy names put back."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from parity import old_scipy
from scipy import ndimage, stats

from radfuse.radiomics.filters import lbp_3d
from radfuse.radiomics.filters.lbp_3d import _kurtosis, icosphere, local_binary_patterns_3d


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("levels", "radius", "subdivision"), [(2, 1, 1), (3, 2, 0), (5, 1.5, 1)])
@pytest.mark.parametrize("kind", ["f4", "f8", "i2"])
def test_patterns_equal_those_of_pyradiomics(
    monkeypatch: pytest.MonkeyPatch, kind: str, levels: int, radius: int, subdivision: int
) -> None:
    pytest.importorskip("trimesh", reason="PyRadiomics needs trimesh")
    imageoperations = pytest.importorskip("radiomics.imageoperations", reason="needs PyRadiomics")
    old_scipy(monkeypatch)
    generator = np.random.default_rng(3)
    values = ndimage.gaussian_filter(generator.normal(100, 60, (9, 11, 10)), 1).astype(kind)
    mask = (generator.random(values.shape) < 0.4).astype(np.uint8)
    image, labels = sitk.GetImageFromArray(values), sitk.GetImageFromArray(mask)
    settings = {"lbp3DLevels": levels, "lbp3DIcosphereRadius": radius, "lbp3DIcosphereSubdivision": subdivision}
    expected = {
        name: sitk.GetArrayFromImage(found)[mask > 0]
        for found, name, _ in imageoperations.getLBP3DImage(image, labels, **settings)
    }
    found = local_binary_patterns_3d(values, np.argwhere(mask), levels, radius, subdivision)
    assert list(found) == list(expected)
    for name, reference in expected.items():
        assert np.array_equal(found[name], reference), name  # to the last bit: percentiles hang on it
    monkeypatch.setattr(lbp_3d, "_TOGETHER", 1000)
    few = local_binary_patterns_3d(values, np.argwhere(mask), levels, radius, subdivision)
    assert all(np.array_equal(few[name], found[name]) for name in found)


@pytest.mark.parametrize("radius", [0.7, 1, 2.5])
@pytest.mark.parametrize("subdivision", range(4))
def test_the_sphere_is_that_of_trimesh_to_the_last_bit(subdivision: int, radius: float) -> None:
    creation = pytest.importorskip("trimesh.creation", reason="trimesh is not installed")
    assert np.array_equal(icosphere(subdivision, radius), creation.icosphere(subdivision, radius).vertices)


@pytest.mark.parametrize(("subdivision", "corners"), [(0, 12), (1, 42), (2, 162)])
def test_the_sphere_has_its_corners(subdivision: int, corners: int) -> None:
    points = icosphere(subdivision)
    assert points.shape == (corners, 3)
    assert np.allclose(np.linalg.norm(points, axis=1), 1)
    assert np.allclose(points.sum(axis=0), 0)


def test_the_kurtosis_of_samples_that_are_all_alike_is_that_of_old_scipy() -> None:
    assert _kurtosis(np.array([[3.0, 3, 3], [0, 0, 9]])).tolist() == [-3, pytest.approx(-1.5)]


@pytest.mark.parametrize("kind", ["f4", "f8", "i2"])
def test_the_kurtosis_of_others_is_that_of_new_scipy(kind: str) -> None:
    samples = np.random.default_rng(0).normal(100, 30, (50, 42)).astype(kind)
    found, theirs = _kurtosis(samples), stats.kurtosis(samples, axis=1)
    assert np.array_equal(found, theirs) or np.allclose(found, theirs, rtol=0, atol=1e-5)  # scipy 1.18 adds otherwise
