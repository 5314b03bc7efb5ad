"""A follow-up's images put where its baseline lies: boxes displaced by known ways, each landing where it must."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from boxes import box

from radfuse.recipe import RegionRecipe, masked
from radfuse.regions.label import LabelRegion
from radfuse.sequences import SequenceRecipe
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.plane import positions_of
from radfuse.volume.resample import resample_labels
from radfuse.volume.sitk import chained, is_rigid
from radfuse.volume.visit import Visit

T2 = Grid((12, 20, 20), (3.0, 1.0, 1.0), (-10.0, -10.0, -15.0))
ADC = Grid((18, 12, 12), (2.0, 2.0, 2.0), (-13.5, -12.5, -16.5))
"""Another grid, which holds the box wherever the patient lay."""
MOVED, WITHIN = (6.0, -4.0, 9.0), (2.0, 3.0, -3.0)
"""What lies at x in a follow-up's T2 lies at x + MOVED at baseline; at x in its ADC at x + WITHIN in its T2."""
TO_BASELINE, TO_T2 = (sitk.TranslationTransform(3, way) for way in (MOVED, WITHIN))
MASK = LabelMap(box(T2.shape, (4, 6, 6), (8, 14, 14)).astype(np.uint8), T2, {1: "tumour"})
"""8 x 8 x 12 mm, the middle at x = y = -0.5, z = 1.5."""


def visit(**ways: sitk.Transform) -> Visit:
    images = {
        name: Volume(np.zeros(where.shape, np.float32), where, name) for name, where in (("t2", T2), ("adc", ADC))
    }
    return Visit(images, MASK, ways=ways)


def on_adc(seen: Visit, reach: str) -> LabelMap:
    sequences = {"t2": SequenceRecipe(), "adc": SequenceRecipe(masks=reach)}
    recipe = RegionRecipe(
        labels={"tumour": 1}, regions=(LabelRegion(name="tumour", label="tumour"),), sequences=sequences
    )
    return masked(seen, recipe)["adc"].mask


def middle(labels: LabelMap) -> np.ndarray:
    return np.asarray(positions_of(labels.array > 0, labels.grid).mean(axis=0))


def test_a_sequence_that_was_registered_lands_where_the_baseline_shows_the_same() -> None:
    seen = visit(adc=TO_T2).together(TO_BASELINE)
    assert seen.images["t2"].grid.origin == pytest.approx(np.add(T2.origin, MOVED))
    assert seen.images["adc"].grid.origin == pytest.approx(np.add(np.add(ADC.origin, WITHIN), MOVED))
    here, there = on_adc(seen, "register"), on_adc(visit(adc=TO_T2), "register")
    assert np.array_equal(here.array, there.array)  # the same voxels, elsewhere
    assert here.array.sum() * 8 == 8 * 8 * 12  # mm3
    assert middle(here) == pytest.approx(np.add((-0.5, -0.5, 1.5), MOVED))
    assert middle(there) == pytest.approx(np.subtract((-0.5, -0.5, 1.5), WITHIN))


def test_the_baselines_own_sequences_are_put_together_too() -> None:
    seen = visit(adc=TO_T2).together()
    assert seen.images["t2"].grid == T2
    assert middle(on_adc(seen, "register")) == pytest.approx((-0.5, -0.5, 1.5))


def test_a_sequence_in_the_space_of_the_segmented_one_follows_as_that_does() -> None:
    seen = visit().together(TO_BASELINE)
    here, there = on_adc(seen, "resample"), on_adc(visit(), "resample")
    assert np.array_equal(here.array, there.array)
    assert here.array.any()
    assert middle(here) == pytest.approx(middle(there) + MOVED)


def test_a_mask_of_its_own_moves_with_its_image() -> None:
    own = LabelMap(box(ADC.shape, (6, 4, 4), (10, 8, 8)).astype(np.uint8), ADC)
    seen = replace(visit(), own={"adc": own}).together(TO_BASELINE)
    assert seen.own["adc"].grid.same_as(seen.images["adc"].grid)
    assert middle(on_adc(seen, "own")) == pytest.approx(middle(own) + MOVED)


def bent() -> sitk.Transform:
    """Return a B-spline after a shift, as the registration makes them."""
    grid = sitk.Image([24, 24, 24], sitk.sitkUInt8)
    grid.SetOrigin((-30.0, -30.0, -30.0))
    grid.SetSpacing((3.0, 3.0, 3.0))
    spline = sitk.BSplineTransformInitializer(grid, [2, 2, 2], 3)
    spline.SetParameters(np.random.default_rng(1).uniform(-3, 3, len(spline.GetParameters())).tolist())
    return sitk.CompositeTransform([TO_T2, spline])


def sheared() -> sitk.Transform:
    found = sitk.AffineTransform(3)
    found.SetMatrix((1.0, 0.1, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.2))
    found.SetTranslation((0.2, 0.3, 0.4))
    return found


@pytest.mark.parametrize("way", [bent, sheared])
def test_what_no_header_can_say_follows_as_it_lies_and_keeps_its_way(way: Callable[[], sitk.Transform]) -> None:
    turned = sitk.Euler3DTransform((1.0, 2.0, 3.0), 0.2, -0.1, 0.3, MOVED)
    seen = visit(adc=way()).together(turned)
    plain = visit().together(turned)
    assert seen.images["adc"].grid == plain.images["adc"].grid
    here, there = on_adc(seen, "register"), on_adc(visit(adc=way()), "register")
    assert there.array.any()
    assert np.count_nonzero(here.array != there.array) <= 2  # voxels on an edge, by the last digit
    assert on_adc(visit(adc=way()).together(), "register").array.tolist() == there.array.tolist()


def test_transforms_are_chained_in_their_order() -> None:
    turn = sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.0, 0.0, np.pi / 2)  # x to y
    assert chained(TO_T2, turn).TransformPoint((0.0, 0.0, 0.0)) == pytest.approx((-3, 2, -3))
    assert chained(turn, None, TO_T2).TransformPoint((1.0, 0.0, 0.0)) == pytest.approx((2, 4, -3))
    assert chained().TransformPoint((1.0, 2.0, 3.0)) == (1.0, 2.0, 3.0)
    assert [is_rigid(way) for way in (turn, TO_T2, chained(), bent(), sheared())] == [True, True, True, False, False]
    assert resample_labels(MASK, T2, chained()).array.tolist() == MASK.array.tolist()
