"""Shapes that can be worked out by hand, and diameters by looking at every pair of corners of the mesh."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from boxes import box
from measured import measured

from radfuse.radiomics.config import RadiomicsConfig
from radfuse.radiomics.extract import extract
from radfuse.radiomics.families import shape
from radfuse.radiomics.families.shape2d import polygon_features
from radfuse.radiomics.marching import EDGES, TRIANGLES
from radfuse.radiomics.plan import plan_of


def features(mask: np.ndarray, spacing_zyx_mm: tuple[float, ...]) -> dict[str, float]:
    return shape.features(measured(mask, spacing_zyx_mm=spacing_zyx_mm), plan_of(RadiomicsConfig()).settings)


def test_a_cube_has_the_shape_of_a_cube() -> None:
    found = features(box((6, 6, 6), (0, 0, 0), (6, 6, 6)), (2.0, 1.0, 1.0))
    assert found["VoxelVolume"] == 432
    assert 0.9 * 432 < found["MeshVolume"] < 432  # corners are cut
    # the mesh's faces lie half a voxel out, its edges and corners are bevelled
    assert found["Maximum3DDiameter"] == pytest.approx(np.sqrt(12**2 + 5**2 + 5**2))
    assert found["Elongation"] == pytest.approx(0.5)
    assert found["Flatness"] == pytest.approx(0.5)


def test_one_voxel_is_an_octahedron() -> None:
    found = features(np.ones((1, 1, 1), dtype=bool), (1.0, 1.0, 1.0))
    assert found["MeshVolume"] == pytest.approx(1 / 6)
    assert found["SurfaceArea"] == pytest.approx(np.sqrt(3))
    assert found["Maximum3DDiameter"] == pytest.approx(1)


def test_a_long_box_has_a_mesh_of_bevelled_edges() -> None:
    """Faces lie half a voxel out; each of the 12 edges loses a prism with legs of half a voxel, corners a bit more."""
    found = features(np.ones((1, 1, 100), dtype=bool), (1.0, 1.0, 1.0))
    assert found["MeshVolume"] == pytest.approx(
        99 * 0.5 + 1 / 6
    )  # a square on its corner, and half an octahedron twice
    assert found["SurfaceArea"] == pytest.approx(99 * 4 * np.sqrt(0.5) + np.sqrt(3))
    assert found["Maximum3DDiameter"] == pytest.approx(100)
    assert found["MajorAxisLength"] == pytest.approx(4 * np.sqrt((100**2 - 1) / 12))
    assert found["Elongation"] == 0


def test_voxels_that_touch_at_edges_may_enclose_nothing() -> None:
    """Where voxels touch at an edge PyRadiomics' mesh turns inside out; what divides by a volume of 0 is missing."""
    mask = np.zeros((3, 3, 2), dtype=bool)
    mask[[0, 1, 2, 2], [2, 2, 0, 1], [1, 0, 1, 0]] = True
    found = features(mask, (1.0, 1.0, 1.0))
    assert found["MeshVolume"] == 0
    missing = {name for name, value in found.items() if np.isnan(value)}
    assert missing == {"SurfaceVolumeRatio", "SphericalDisproportion"}
    labels = mask.astype(np.uint8)
    config = RadiomicsConfig(classes=("shape",), min_voxels=1, min_dimensions=1)
    table = extract(mask.astype(np.float32), labels, config)
    assert "encloses no volume" in table.provenance["missing"]["1"]["original_shape_SurfaceVolumeRatio"]


def corners_of_mesh(mask: np.ndarray) -> np.ndarray:
    """Return the corners of the mesh around a mask, (n, 3), in voxels of the padded mask."""
    padded = np.pad(mask, 1).astype(int)
    found = []
    cube = [(0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0), (1, 0, 0), (1, 0, 1), (1, 1, 1), (1, 1, 0)]
    for place in itertools.product(*(range(size - 1) for size in padded.shape)):
        case = sum(padded[tuple(np.add(place, corner))] << bit for bit, corner in enumerate(cube))
        case = case ^ 0xFF if case & 0x80 else case
        for edge in TRIANGLES[case]:
            if edge < 0:
                break
            found.append(2 * np.array(place) + EDGES[edge])
    return np.unique(found, axis=0) / 2


@pytest.mark.parametrize("seed", range(8))
def test_diameters_are_the_longest_of_all_pairs(seed: int) -> None:
    generator = np.random.default_rng(seed)
    spacing = generator.uniform(0.4, 3, 3)
    mask = generator.random(generator.integers(1, 8, 3)) < generator.choice([0.1, 0.5, 0.95])
    mask.flat[0] = True
    corners = corners_of_mesh(mask)
    apart = (corners[:, None] - corners[None]) * spacing
    length = np.sqrt((apart**2).sum(axis=2))
    found = features(mask, tuple(spacing))
    assert found["Maximum3DDiameter"] == pytest.approx(length.max(), rel=1e-12)
    for axis, name in enumerate(("Slice", "Column", "Row")):
        same = apart[..., axis] == 0
        assert found[f"Maximum2DDiameter{name}"] == pytest.approx(length[same].max(), rel=1e-12)


def test_a_square_of_pixels_by_hand() -> None:
    found = polygon_features(np.ones((3, 3), dtype=bool), (1.0, 1.0))
    assert found["PixelSurface"] == 9
    assert found["MeshSurface"] == pytest.approx(9 - 4 / 8)  # four corners are cut
    assert found["Perimeter"] == pytest.approx(4 * 2 + 4 * np.sqrt(0.5))
    assert found["MaximumDiameter"] == pytest.approx(np.sqrt(3**2 + 2**2))
    assert found["Elongation"] == pytest.approx(1)
    assert found["MajorAxisLength"] == pytest.approx(4 * np.sqrt(2 / 3))


def test_one_pixel_is_a_square_on_its_corner() -> None:
    found = polygon_features(np.ones((1, 1), dtype=bool), (2.0, 1.0))
    assert found["MeshSurface"] == pytest.approx(2 * 1 / 2)
    assert found["Perimeter"] == pytest.approx(4 * np.hypot(1, 0.5))
