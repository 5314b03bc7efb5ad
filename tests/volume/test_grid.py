"""Where voxels lie: corners, spacing and axes, checkable by hand or against ITK."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from boxes import OBLIQUE, TURN, grid, ramp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from radfuse.volume.grid import Grid, box_around, orientation_of, oriented, part_of, turned, with_spacing
from radfuse.volume.image import Volume
from radfuse.volume.resample import resample
from radfuse.volume.sitk import grid_of


def test_corners_of_an_oblique_grid_by_hand() -> None:
    where = Grid((2, 2, 2), (3.0, 2.0, 1.0), (10.0, 0.0, 0.0), (0, -1, 0, 1, 0, 0, 0, 0, 1))
    assert where.corners_mm()[4].tolist() == [10.0, 1.0, 0.0]  # one step along x points to +y
    assert where.corners_mm()[2].tolist() == [8.0, 0.0, 0.0]  # one step along y points to -x


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (Grid((3, 4, 5), (3.27, 0.9766, 0.7), (-12.5, 30.25, -609.4), TURN), True),
        (Grid((3, 4, 5), (3.27, 0.9766, 0.7), (-12.5, 30.2502, -609.4), TURN), True),
        (Grid((3, 4, 5), (3.27, 0.9766, 0.7), (-12.5, 30.26, -609.4), TURN), False),
        (Grid((3, 4, 5), (3.27, 0.9766, 0.71), (-12.5, 30.25, -609.4), TURN), False),
        (Grid((3, 4, 5), (3.27, 0.9766, 0.7), (-12.5, 30.25, -609.4)), False),
        (Grid((3, 5, 4), (3.27, 0.9766, 0.7), (-12.5, 30.25, -609.4), TURN), False),
    ],
)
def test_grids_are_the_same_within_a_thousandth_of_a_voxel(other: Grid, same: bool) -> None:
    assert OBLIQUE.same_as(other) is same


@settings(max_examples=25)
@given(
    shape=st.tuples(*[st.integers(1, 30)] * 3),
    old=st.tuples(*[st.floats(0.3, 4)] * 3),
    new=st.tuples(*[st.floats(0.3, 4)] * 3),
)
def test_another_spacing_keeps_the_box(
    shape: tuple[int, int, int], old: tuple[float, float, float], new: tuple[float, float, float]
) -> None:
    before = Grid(shape, old, (5.0, -3.0, 7.0), TURN)
    after = with_spacing(before, new)
    middle = [g.corners_mm().mean(axis=0) for g in (before, after)]
    assert np.allclose(*middle, atol=1e-6)
    extents = [np.array(g.shape) * np.array(g.spacing_zyx_mm) for g in (before, after)]
    assert (np.abs(extents[0] - extents[1]) <= np.maximum(np.array(new), 0) / 2 + 1e-6).all() or min(after.shape) == 1


ORIENTATIONS = ("LPS", "RAS", "PIR", "ASL", "SRA", "IPL")


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("where", [grid((3, 4, 5)), OBLIQUE], ids=["straight", "oblique"])
def test_a_turned_grid_has_the_same_voxels(orientation: str, where: Grid) -> None:
    turned = oriented(where, orientation)
    assert orientation_of(turned) == orientation
    assert {tuple(np.round(point, 6)) for point in turned.corners_mm()} == {
        tuple(np.round(point, 6)) for point in where.corners_mm()
    }
    there = resample(ramp(where), turned, "nearest")
    assert sorted(there.array.ravel()) == sorted(ramp(where).array.ravel())
    assert oriented(turned, orientation_of(where)).same_as(where)


@pytest.mark.parametrize("turns", [(0, 0, 0), (45, 0, 0), (0, 45, 0), (45, 45, 0), (90, 45, -45), (30, 20, 200)])
def test_axes_point_where_itk_says(turns: tuple[int, int, int]) -> None:
    """Also where an axis lies midway between two directions."""
    for signs in np.ndindex(2, 2, 2):
        axes = Rotation.from_euler("xyz", turns, degrees=True).as_matrix() * (1 - 2 * np.array(signs))
        where = Grid((2, 2, 2), (1.0, 1.0, 1.0), direction=tuple(map(float, axes.ravel())))
        theirs = sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(where.direction)
        assert orientation_of(where) == theirs


def test_a_grid_that_points_as_asked_is_left_alone() -> None:
    assert oriented(OBLIQUE, orientation_of(OBLIQUE)) is OBLIQUE


def test_a_part_of_a_grid_keeps_its_voxels_where_they_are() -> None:
    part = part_of(OBLIQUE, (slice(1, 3), slice(0, 2), slice(2, 5)))
    assert part.shape == (2, 2, 3)
    whole = ramp(OBLIQUE)
    assert np.allclose(resample(whole, part).array, whole.array[1:3, 0:2, 2:5], atol=1e-3)


@pytest.mark.parametrize("orientation", ["LPS", "RAI", "SLP"])
def test_the_box_around_a_part_holds_all_that_interpolation_reads(orientation: str) -> None:
    grid = Grid((9, 10, 11), (1.0, 1.3, 0.8), direction=OBLIQUE.direction)
    inner = with_spacing(oriented(grid, orientation), (1.1, 0.9, 1.2))
    source = Volume(np.random.default_rng(0).normal(size=inner.shape).astype(np.float32), inner)
    part = part_of(grid, (slice(2, 4), slice(0, 10), slice(0, 11)))
    box = box_around(part, inner)
    cut = Volume(source.array[box], part_of(inner, box))
    assert cut.array.size < source.array.size
    found, expected = (resample(image, part, edge=True).array for image in (cut, source))
    assert np.allclose(found, expected, atol=1e-5)


def test_the_box_around_what_lies_elsewhere_is_the_nearest_voxel() -> None:
    grid = Grid((4, 4, 4), (1, 1, 1))
    assert box_around(Grid((1, 1, 1), (1, 1, 1), (9, 9, -9)), grid) == (slice(0, 1), slice(3, 4), slice(3, 4))


@pytest.mark.parametrize("orientation", ["RAS", "PIR", "ASL", "IPL"])
def test_voxels_are_turned_as_their_grid_is(orientation: str) -> None:
    image = sitk.GetImageFromArray(np.arange(60.0).reshape(3, 4, 5))
    there = sitk.DICOMOrient(image, orientation)
    found = turned(sitk.GetArrayFromImage(image), grid_of(image), orientation)
    assert np.array_equal(found, sitk.GetArrayFromImage(there))
    assert np.array_equal(turned(found, grid_of(there), "LPS"), sitk.GetArrayFromImage(image))
