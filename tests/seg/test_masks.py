"""Plan, preprocessing and anatomical cells, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from boxes import grid

from radfuse.seg.preprocess import label_map, label_map_here, largest_parts, network_input, network_target, usual_parts
from radfuse.seg.unet.backend import UnetSegmentation
from radfuse.seg.unet.plan import make_plan
from radfuse.volume.grid import Grid, oriented, with_spacing
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.resample import resample, resample_labels


def test_the_plan_takes_the_median_spacing_and_a_patch_that_fits() -> None:
    config = UnetSegmentation(labels={"a": 1}, channels=(8, 16, 32), patch_voxels=40 * 40 * 20)
    grids = [Grid((20, 100, 100), (3.0, 1.0, 1.0)), Grid((22, 90, 90), (3.0, 1.2, 1.2)), Grid((20, 80, 80), (5, 1, 1))]
    plan = make_plan(config, grids)
    assert plan.spacing_zyx_mm == (3.0, 1.0, 1.0)
    assert plan.strides == ((1, 1, 1), (1, 2, 2), (2, 2, 2))  # z is three times as wide, and waits
    assert plan.kernels == ((1, 3, 3), (3, 3, 3), (3, 3, 3))
    assert plan.patch_zyx[0] % 2 == 0
    assert all(size % 4 == 0 for size in plan.patch_zyx[1:])
    assert np.prod(plan.patch_zyx) <= 40 * 40 * 20
    assert plan.patch_zyx[0] == 22  # the short axis keeps its extent


PLAN = make_plan(UnetSegmentation(labels={"a": 3, "b": 7}, channels=(4, 8, 8)), [grid((8, 8, 8))])


def test_standardising_does_not_depend_on_the_share_of_air() -> None:
    generator = np.random.default_rng(0)
    body = generator.normal(100, 10, (8, 8, 8)).astype(np.float32)
    padded = np.zeros((8, 8, 40), np.float32)
    padded[:, :, :8] = body
    alone, _ = network_input(Volume(body, grid(body.shape)), PLAN)
    with_air, _ = network_input(Volume(padded, grid(padded.shape)), PLAN)
    assert np.allclose(alone, with_air[..., :8], atol=0.05)
    assert alone.mean() == pytest.approx(0, abs=0.02)
    assert alone.std() == pytest.approx(1, abs=0.02)


def test_labels_become_classes_and_back() -> None:
    array = np.zeros((8, 8, 8), np.uint8)
    array[:4], array[6:] = 3, 7
    labels = LabelMap(array, grid(array.shape))
    target = network_target(labels, labels.grid, PLAN)
    assert np.unique(target).tolist() == [0, 1, 2]
    volume = Volume(array.astype(np.float32), labels.grid)
    back = label_map(lambda number: (target == number).astype(np.float32), labels.grid, volume, PLAN)
    assert np.array_equal(back.array, array)
    assert back.names == {3: "a", 7: "b"}


def test_as_many_parts_of_a_label_are_kept_as_it_usually_has() -> None:
    array = np.zeros((1, 1, 30), int)
    array[0, 0, [0, 1, 3, 5, 6, 8, 9, 10]] = [1, 1, 1, 2, 2, 2, 2, 2]
    one_each, two_each = largest_parts(array, {1: 1, 2: 1})[0, 0], largest_parts(array, {1: 2, 2: 2})[0, 0]
    assert np.flatnonzero(one_each).tolist() == [0, 1, 8, 9, 10]
    assert np.array_equal(two_each, array[0, 0])
    array[0, 0, 12:30] = 1
    assert np.flatnonzero(largest_parts(array, {1: 5, 2: 1})[0, 0] == 1).tolist() == [0, 1, *range(12, 30)]  # no specks


def test_the_usual_number_of_parts_is_learned_from_masks() -> None:
    first = np.zeros((3, 3, 40), np.uint8)
    first[1, 1, :30], first[1, 1, 32], first[0, 0, :5], first[2, 2, 9:14] = 1, 1, 2, 2
    second = first.copy()
    second[2, 2] = 0
    assert usual_parts([first, first, second], 4) == (1, 2, 1)  # the speck of class 1 does not count; no class 3
    assert usual_parts([first, second, second], 4) == (1, 1, 1)


@pytest.mark.parametrize("orientation", ["RAS", "PIR", "SAL"])
def test_the_network_sees_the_same_however_the_image_is_stored(orientation: str) -> None:
    generator = np.random.default_rng(0)
    where = Grid((6, 8, 10), (2.0, 1.0, 1.0))
    volume = Volume(generator.normal(100, 20, where.shape).astype(np.float32), where)
    stored = resample(volume, oriented(where, orientation), "nearest")
    plan = make_plan(UnetSegmentation(labels={"a": 1}, channels=(4, 8, 8)), [where])
    assert plan.orientation == "LPS"
    (expected, inner), (found, also) = network_input(volume, plan), network_input(stored, plan)
    assert also.same_as(inner)
    assert found == pytest.approx(expected, abs=1e-5)
    here = np.stack([np.full(inner.shape, 0.5), expected[0]]).astype(np.float32)
    labels = label_map(lambda number: here[number], inner, stored, plan)
    assert labels.grid.same_as(stored.grid)
    assert np.array_equal(resample_labels(labels, where).array, label_map(lambda n: here[n], inner, volume, plan).array)


def test_voxels_beyond_the_networks_grid_take_its_edge() -> None:
    where = grid((26, 26, 26))
    plan = make_plan(UnetSegmentation(labels={"a": 1}, spacing_zyx_mm=(3.5, 3.5, 3.5), channels=(4, 8, 8)), [where])
    volume = Volume(np.random.default_rng(0).normal(size=where.shape).astype(np.float32), where)
    _, inner = network_input(volume, plan)
    background = np.full(inner.shape, 0.9, np.float32)
    background[2, 2, 2] = 1e-8  # a smallest value that says nothing of the faces
    found = label_map(lambda number: background if number == 0 else 1 - background, inner, volume, plan).array
    assert not found[0].any()
    assert not found[:, -1].any()


@pytest.mark.parametrize("turned", ["LPS", "RAI", "SLP"])
def test_slabs_of_labels_are_those_of_whole_images(turned: str, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    volume = Volume(np.zeros((9, 10, 11), np.float32), grid((9, 10, 11), (1.0, 1.3, 0.8)))
    inner = with_spacing(oriented(volume.grid, turned), (1.1, 0.9, 1.2))
    logits = generator.normal(size=(3, *inner.shape)) * 3
    found = (np.exp(logits) / np.exp(logits).sum(axis=0)).astype(np.float32)
    whole = np.stack([resample(Volume(each, inner), volume.grid, edge=True).array for each in found]).argmax(axis=0)
    plan = PLAN.model_copy(update={"parts": ()})
    for voxels in (1, 250, 2**22):
        monkeypatch.setattr("radfuse.seg.preprocess._SLAB", voxels)
        labels = label_map(lambda number: found[number], inner, volume, plan)
        assert np.array_equal(labels.array, np.array([0, 3, 7])[whole])


def test_on_its_own_grid_a_label_is_the_most_probable_class() -> None:
    volume = Volume(np.zeros((2, 1, 2), np.float32), grid((2, 1, 2)))
    first = np.array([[[[0.5, 0.1]]], [[[0.2, 0.6]]], [[[0.3, 0.3]]]])
    second = np.array([[[[0.2, 0.4]]], [[[0.2, 0.4]]], [[[0.6, 0.2]]]])
    plan = PLAN.model_copy(update={"parts": ()})
    labels = label_map_here([(slice(0, 1), first), (slice(1, 2), second)], volume, plan)
    assert labels.array.tolist() == [[[0, 3]], [[7, 0]]]  # of equals the first
