"""Three-dimensional local binary patterns, held to PyRadiomics' own code with the old SciPy names put back."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from parity import old_scipy
from scipy import ndimage

from radfuse.radiomics.filters.lbp_3d import _kurtosis, icosphere, local_binary_patterns_3d


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("levels", "radius", "subdivision"), [(2, 1, 1), (3, 2, 0)])
@pytest.mark.parametrize("kind", ["f4", "f8"])
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
        # kurtosis is computed in the image's own precision; samples that tie with the voxel decide by the last bit
        close = np.isclose(found[name], reference, rtol=1e-4 if name.endswith("k") else 1e-9, atol=1e-9)
        assert close.mean() > 0.99, name


@pytest.mark.parametrize(("subdivision", "corners"), [(0, 12), (1, 42), (2, 162)])
def test_the_sphere_has_its_corners(subdivision: int, corners: int) -> None:
    points = icosphere(subdivision)
    assert points.shape == (corners, 3)
    assert np.allclose(np.linalg.norm(points, axis=1), 1)
    assert np.allclose(points.sum(axis=0), 0)


def test_the_kurtosis_of_samples_that_are_all_alike_is_that_of_old_scipy() -> None:
    assert _kurtosis(np.array([[3.0, 3, 3], [0, 0, 9]])).tolist() == [-3, pytest.approx(-1.5)]
