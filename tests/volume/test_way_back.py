"""The way back over a registration, one that bends among them: points, and what an image shows, come home."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from radfuse.volume.grid import Grid
from radfuse.volume.image import Volume
from radfuse.volume.plane import positions_of
from radfuse.volume.resample import values_on
from radfuse.volume.sitk import chained, read_transform, steps_of, write_transform
from radfuse.volume.way_back import between, way_back

WHERE = Grid((20, 24, 28), (4.0, 3.0, 3.0), (-40.0, -35.0, -38.0))
TURN = sitk.Euler3DTransform((5.0, -3.0, 2.0), 0.3, -0.2, 1.2, (12.0, -7.0, 9.0))


def spline(furthest_mm: float) -> sitk.Transform:
    """Return a B-spline of knots 20 to 28 mm apart."""
    grid = sitk.Image([28, 24, 20], sitk.sitkUInt8)
    grid.SetOrigin(WHERE.origin)
    grid.SetSpacing(WHERE.spacing_zyx_mm[::-1])
    found = sitk.BSplineTransformInitializer(grid, [3, 3, 4], 3)
    drawn = np.random.default_rng(2).uniform(-furthest_mm, furthest_mm, len(found.GetParameters()))
    found.SetParameters(drawn.tolist())
    return found


def through(way: sitk.Transform, points: np.ndarray) -> np.ndarray:
    return np.array([way.TransformPoint(point) for point in points.tolist()])


INSIDE = positions_of(np.ones((5, 6, 7), dtype=bool), Grid((5, 6, 7), (8.0, 7.0, 6.0), (-18.0, -20.0, -16.0)))


def test_points_come_home_over_a_turn_a_bend_and_a_turn(tmp_path: Path) -> None:
    write_transform(chained(spline(8), TURN), tmp_path / "way.tfm")  # as a registration stores it
    stored = read_transform(tmp_path / "way.tfm")
    for way, count in ((stored, 2), (chained(TURN, stored, TURN.GetInverse()), 4)):
        assert len(steps_of(way)) == count
        there = through(way, INSIDE)
        assert np.linalg.norm(there - INSIDE, axis=1).max() > 5
        assert np.linalg.norm(way_back(way, there) - INSIDE, axis=1).max() < 0.05


def test_what_folds_has_no_way_back_and_what_is_found_is_true() -> None:
    found = way_back(spline(60), INSIDE)
    lost = np.isnan(found).any(axis=1)
    assert 0 < lost.sum() < len(lost)
    assert np.linalg.norm(through(spline(60), found[~lost]) - INSIDE[~lost], axis=1).max() < 0.6
    assert way_back(spline(1), np.full((2, 3), np.nan)).shape == (2, 3)


def test_an_image_that_was_bent_shows_the_same_when_it_is_read_from_the_other() -> None:
    points = positions_of(np.ones(WHERE.shape, dtype=bool), WHERE)
    first = Volume((points @ (1.0, 2.0, -1.5)).reshape(WHERE.shape).astype(np.float32), WHERE, "first")
    way = chained(spline(5), sitk.TranslationTransform(3, (2.0, -3.0, 4.0)))  # from points of the second to the first's
    wide = Grid((60, 60, 60), (2.0, 2.0, 2.0), (-60.0, -60.0, -60.0))
    second = Volume(np.nan_to_num(values_on(first, wide, way)), wide, "second")
    part = Grid((5, 6, 6), (4.0, 4.0, 4.0), (-10.0, -10.0, -10.0))
    seen = values_on(second, part, between(None, way, part))
    assert np.abs(seen - values_on(first, part)).max() < 1.5  # of 3 a mm
    assert np.abs(values_on(second, part) - values_on(first, part)).max() > 8
    both = values_on(second, part, between(way, way, part))
    assert both == pytest.approx(values_on(second, part), abs=0.5)
    assert between(way, None, part) is way


def test_a_fold_is_led_away_from_all_images() -> None:
    part = Grid((4, 4, 4), (6.0, 6.0, 6.0), (-12.0, -12.0, -12.0))
    lost = np.isnan(way_back(spline(60), positions_of(np.ones(part.shape, dtype=bool), part))).any(axis=1)
    seen = values_on(Volume(np.ones(WHERE.shape, np.float32), WHERE), part, between(None, spline(60), part))
    assert lost.any()
    assert np.isnan(seen.ravel()[lost]).all()


def test_the_way_between_two_images_goes_by_the_third() -> None:
    move = sitk.TranslationTransform(3, (1.0, 2.0, 3.0))
    turn = sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.0, 0.0, np.pi / 2)  # x to y
    way = between(move, turn, WHERE)
    assert way is not None
    assert way.TransformPoint((0.0, 0.0, 0.0)) == pytest.approx((2, -1, 3))
    assert between(move, None, WHERE) is move
    assert between(None, None, WHERE) is None
