"""Thickness on plates, balls and phantom knees whose thickness is drawn, however they are stored or turned."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from solids import DESS, centred, coordinates

from radfuse.morphometry.surface import soft, surface_of
from radfuse.morphometry.thickness import Plate, plate_of
from radfuse.phantom.knee import KneePhantom, knee_tables
from radfuse.phantom.knee_shapes import LABELS, Frame, KneeShape, frame, labels_of, surfaces
from radfuse.volume.grid import Grid

RADIUS = 10.0


def disc(thickness: float, tilt: float, shift: float, axis: int = 0) -> tuple[np.ndarray, np.ndarray, Grid]:
    """Return a half space of bone and a round plate on it, both tilted against the slices, or (axis 1) the rows."""
    grid = centred((28.0, 28.0, 28.0))
    z, y, x = coordinates(grid)
    a = np.deg2rad(tilt)
    first, second = (z, y) if axis == 0 else (y, z)
    height = np.cos(a) * first + np.sin(a) * second - shift
    radius = np.sqrt(x**2 + (np.cos(a) * second - np.sin(a) * first) ** 2)
    return height < 0, (height >= 0) & (height < thickness) & (radius < RADIUS), grid


def mean_of(plate: Plate) -> float:
    """Return the mean thickness, the rim left out: within 2.5 mm of it a ray may leave by the side."""
    covered, areas = plate.covered, plate.surface.areas
    points = plate.surface.points_mm
    middle = np.average(points[covered], axis=0, weights=areas[covered])
    inner = covered & (np.linalg.norm(points - middle, axis=1) < RADIUS - 2.5)
    return float(np.average(plate.thickness_mm[inner], weights=areas[inner]))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("tilt", [20, 45])
@pytest.mark.parametrize("thickness", [1.0, 2.0, 3.5])
def test_a_tilted_plate(thickness: float, tilt: float, axis: int) -> None:
    for shift in (0.0, 0.13, 0.31):
        plate = plate_of(*disc(thickness, tilt, shift, axis))
        assert mean_of(plate) == pytest.approx(thickness, abs=0.05)
        assert plate.surface.areas[plate.covered].sum() == pytest.approx(np.pi * RADIUS**2, rel=0.03)
        assert not plate.hole.any()


@pytest.mark.parametrize("axis", [0, 1])
def test_a_plate_along_the_voxels_is_as_thick_as_its_voxels_and_right_on_average(axis: int) -> None:
    found = []
    step = DESS[axis]
    for shift in np.arange(10) / 10 * step:
        bone, cartilage, grid = disc(2.0, 0.0, float(shift), axis)
        found.append(mean_of(plate_of(bone, cartilage, grid)))
        voxels = cartilage.any(axis=tuple(other for other in range(3) if other != axis)).sum()
        assert found[-1] == pytest.approx(voxels * step, abs=0.002)
    assert np.mean(found) == pytest.approx(2.0, abs=0.05)


@pytest.mark.parametrize("inside", [True, False], ids=["ball", "bowl"])
def test_a_shell_on_a_ball_and_in_a_bowl(inside: bool) -> None:
    grid = centred((40.0, 40.0, 40.0))
    z, y, x = coordinates(grid)
    radius = np.sqrt(z**2 + y**2 + x**2)
    bone_mm = 14.0 if inside else 16.0
    bone = radius < bone_mm if inside else radius >= bone_mm
    plate = plate_of(bone, (radius >= 14) & (radius < 16), grid)
    areas = plate.surface.areas[plate.covered]
    assert np.average(plate.thickness_mm[plate.covered], weights=areas) == pytest.approx(2.0, abs=0.02)
    assert areas.sum() == pytest.approx(4 * np.pi * bone_mm**2, rel=0.005)
    sign = 1 if inside else -1
    curvature = np.average(plate.mean_curvature[plate.covered], weights=areas)
    assert curvature == pytest.approx(sign / bone_mm, rel=0.02)
    assert np.average(plate.gaussian_curvature[plate.covered], weights=areas) == pytest.approx(1 / bone_mm**2, rel=0.03)


def test_normals_point_outwards_in_patient_space_and_areas_need_no_triangles() -> None:
    grid = centred((30.0, 30.0, 30.0))
    z, y, x = coordinates(grid)
    ball = surface_of(soft(np.sqrt(z**2 + y**2 + x**2) < 10, grid, 0.5), grid)
    outwards = ball.points_mm[:, ::-1] / np.linalg.norm(ball.points_mm, axis=1)[:, None]
    assert (ball.normals * outwards).sum(axis=1).min() > 0.9
    corners = ball.points_mm[ball.faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert ball.areas.sum() == pytest.approx(np.linalg.norm(cross, axis=1).sum() / 2, rel=0.01)


def test_a_mask_that_is_one_half_at_voxels_has_the_same_areas_mirrored_and_to_rounding() -> None:
    grid = centred((12.0, 12.0, 12.0), (1.0, 1.0, 1.0))
    z, y, _ = np.indices(grid.shape)
    slope = np.clip(0.5 + 0.25 * (z + y - 12), 0, 1)  # at 45 degrees through the middles of voxels
    noise = 1e-12 * np.random.default_rng(0).standard_normal(grid.shape)
    areas = [surface_of(field, grid).areas.sum() for field in (slope, slope[::-1], slope[:, ::-1], slope + noise)]
    assert areas == pytest.approx([areas[0]] * 4, rel=1e-6)
    assert areas[0] == pytest.approx(11 * 11 * np.sqrt(2), rel=0.2)


def test_a_hole_is_part_of_the_plate_and_a_bay_or_a_cavity_is_not() -> None:
    bone, cartilage, grid = disc(2.0, 20, 0.0)
    _, y, x = coordinates(grid)
    cartilage &= (x - 2) ** 2 + y**2 > 9  # a hole of 3 mm radius across, seen along z
    cartilage &= ~((np.abs(y) < 1.5) & (x < -6))  # a bay at the rim
    bone[3:6, 30:40, 30:40] = False  # a cavity deep in the bone
    plate = plate_of(bone, cartilage, grid)
    area = plate.surface.areas[plate.hole].sum()
    assert area == pytest.approx(np.pi * 9 / np.cos(np.deg2rad(20)), rel=0.06)
    assert np.abs(plate.surface.points_mm[plate.hole][:, 0] - 2).max() < 3.4
    assert np.isnan(plate.thickness_mm[plate.hole]).all()


def test_a_layer_of_more_than_7_mm_has_no_thickness() -> None:
    plate = plate_of(*disc(9.0, 20, 0.0))
    points = plate.surface.points_mm
    middle = plate.covered & (np.linalg.norm(points - points[plate.covered].mean(axis=0), axis=1) < 1.5)
    assert middle.any()
    assert np.isnan(plate.thickness_mm[middle]).all()


def knee(
    spacing: tuple[float, float, float], voxels: tuple[int, int, int], row: int = 0
) -> tuple[KneeShape, np.ndarray]:
    config = KneePhantom(cases=8, seed=7, sites=1)
    truth = knee_tables(config)["truth"].iloc[row]
    shape = KneeShape(**{field.name: float(truth[field.name]) for field in fields(KneeShape)})
    return shape, labels_of(surfaces(shape, frame(shape, voxels, spacing)))


FINE, VOXELS = (1.4, 0.7, 0.7), (60, 170, 170)


def own_frame(shape: KneeShape, index: np.ndarray) -> np.ndarray:
    """Return positions in voxels of the phantom's grid in the knee's own frame, (u, v, w) in mm of a knee of size 1."""
    corner = frame(shape, VOXELS, FINE)
    zero, axes = np.zeros(3), np.zeros((3, 3))
    for row, axis in enumerate((corner.u, corner.v, corner.w)):
        zero[row] = axis[0, 0, 0]
        for column in range(3):
            axes[row, column] = np.take(axis, 1, axis=column).flat[0] - zero[row]
    return index @ axes.T + zero


def drawn_mm(shape: KneeShape, points: np.ndarray, bone: str, cartilage: str) -> np.ndarray:
    """Return the thickness drawn over each point near a bone's surface; NaN where none is."""

    def field(name: str, at: np.ndarray) -> np.ndarray:
        return np.asarray(getattr(surfaces(shape, Frame(*at.T)), name)) / shape.size

    def slope(at: np.ndarray) -> np.ndarray:
        ends = [(field(bone, at + step) - field(bone, at - step)) / 2e-3 for step in np.eye(3) * 1e-3]
        return np.stack(ends, axis=1)

    for _ in range(6):  # onto the bone's surface
        steep = slope(points)
        points = points - steep * (field(bone, points) / np.maximum((steep**2).sum(axis=1), 0.05))[:, None]
    steep = slope(points)
    normals = steep / np.linalg.norm(steep, axis=1)[:, None]
    ways = np.arange(0.02, 7, 0.04)
    inside = np.array([field(cartilage, points + normals * way / shape.size) < 0 for way in ways])
    start = inside[:20].argmax(axis=0)  # the drawn bone ends a little below where its cartilage begins
    past = (np.arange(len(ways))[:, None] > start) & ~inside
    return np.where(inside[:20].any(axis=0) & past.any(axis=0), ways[past.argmax(axis=0)] - 0.02, np.nan)


@pytest.mark.parametrize(("bone", "cartilage"), [("femur", "femoral_cartilage"), ("tibia", "tibial_cartilage")])
def test_phantom_knees_are_as_thick_as_drawn_on_each_compartment(bone: str, cartilage: str) -> None:
    shape, labels = knee(FINE, VOXELS)
    plate = plate_of(labels == LABELS[bone], labels == LABELS[cartilage], Grid(VOXELS, FINE))
    rows = np.flatnonzero(plate.covered)[::3]
    points = own_frame(shape, plate.surface.index[rows] + [side.start for side in plate.box])
    drawn, found, areas = drawn_mm(shape, points, bone, cartilage), plate.thickness_mm[rows], plate.surface.areas[rows]
    for compartment in (points[:, 0] > 0, points[:, 0] < 0):
        known = compartment & ~np.isnan(drawn)
        assert known.sum() > 0.97 * compartment.sum() > 100
        difference = np.average(found[known] - drawn[known], weights=areas[known])
        assert abs(difference) < 0.1
        assert np.quantile(np.abs(found - drawn)[known], 0.9) < 0.4


def moments(plate: Plate) -> list[float]:
    known, areas = plate.covered, plate.surface.areas
    numbers = (plate.thickness_mm[known], plate.mean_curvature[known], plate.gaussian_curvature[known])
    middles = [float(np.average(values, weights=areas[known])) for values in numbers]
    return [*middles, float(areas[known].sum()), float(plate.thickness_mm[known].max())]


def test_mirrored_and_otherwise_stored_knees_give_equal_numbers() -> None:
    voxels, spacing = (40, 96, 96), (2.2, 1.25, 1.25)
    _, labels = knee(spacing, voxels)
    expected = moments(plate_of(labels == 3, labels == 4, Grid(voxels, spacing)))
    for order in ((0, 1, 2), (2, 0, 1), (1, 0, 2)):
        for flips in ((), (0,), (1, 2)):
            turned = np.flip(labels, flips).transpose(order)
            grid = Grid(turned.shape, tuple(spacing[axis] for axis in order))
            assert moments(plate_of(turned == 3, turned == 4, grid)) == pytest.approx(expected, rel=1e-6, abs=1e-9)
