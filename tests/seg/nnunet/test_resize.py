"""nnU-Net's resampling by matrices: the numbers of skimage's `resize`, which nnU-Net calls."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.transform import resize

from radfuse.seg.nnunet.resize import axis_by_itself, matrix, resized, resized_mask, resized_slabs, shape_at

SIZES = st.tuples(*[st.integers(1, 13)] * 3)


@settings(max_examples=30, deadline=None)
@given(shape=SIZES, wanted=SIZES, order=st.sampled_from([1, 3]))
def test_splines_are_those_of_skimage(shape: tuple[int, int, int], wanted: tuple[int, int, int], order: int) -> None:
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    found = resized(image, wanted, [order] * 3, None)
    expected = resize(image.astype(float), wanted, order, mode="edge", anti_aliasing=False)
    assert np.allclose(found, expected, atol=2e-5)


@settings(max_examples=20, deadline=None)
@given(shape=SIZES, wanted=SIZES, alone=st.integers(0, 2))
def test_an_axis_by_itself_is_that_of_nnunet(
    shape: tuple[int, int, int], wanted: tuple[int, int, int], alone: int
) -> None:
    default_resampling = pytest.importorskip("nnunetv2.preprocessing.resampling.default_resampling")
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    orders = [0 if axis == alone else 3 for axis in range(3)]
    found = resized(image, wanted, orders, alone)
    expected = default_resampling.resample_data_or_seg(image[None], wanted, axis=alone, order=3, do_separate_z=True)
    assert np.allclose(found, expected[0], atol=2e-5)


@settings(max_examples=40, deadline=None)
@given(shape=SIZES, wanted=SIZES, alone=st.sampled_from([None, 0, 1, 2]), order=st.sampled_from([0, 1]))
def test_masks_are_those_of_nnunet(
    shape: tuple[int, int, int], wanted: tuple[int, int, int], alone: int | None, order: int
) -> None:
    default_resampling = pytest.importorskip("nnunetv2.preprocessing.resampling.default_resampling")
    mask = np.random.default_rng(0).integers(-1, 4, shape)
    found = resized_mask(mask.astype(np.float32), wanted, order, alone)
    expected = default_resampling.resample_data_or_seg(
        mask[None], wanted, is_seg=True, axis=alone, order=order, do_separate_z=alone is not None
    )
    assert np.array_equal(found, expected[0])


def test_a_mask_by_hand() -> None:
    line = np.array([0, 0, 1, 1, 2, 2], dtype=np.float32)[None, None]
    assert resized_mask(line, (1, 1, 12), 1, None).ravel().tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert resized_mask(line, (1, 1, 3), 1, None).ravel().tolist() == [0, 1, 2]
    # halfway between two numbers both are as near: the nearest voxel's, which is the one behind
    assert resized_mask(line[..., 1:5], (1, 1, 2), 1, None).ravel().tolist() == [1, 2]


@settings(max_examples=20, deadline=None)
@given(shape=SIZES, wanted=SIZES)
def test_slabs_are_parts_of_the_whole(shape: tuple[int, int, int], wanted: tuple[int, int, int]) -> None:
    classes = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    slabs = [np.stack(list(parts)) for _, parts in resized_slabs(classes, wanted, [1, 1, 1])]
    found = np.concatenate(slabs, axis=1)
    assert np.allclose(found, [resized(one, wanted, [1, 1, 1], None) for one in classes], atol=1e-5)


def test_large_images_come_in_several_slabs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("radfuse.seg.nnunet.resize._SLAB", 12)
    ramp = np.broadcast_to(np.arange(4, dtype=np.float32)[:, None, None], (4, 2, 2))[None]
    slabs = [(slices, next(parts)) for slices, parts in resized_slabs(ramp, (8, 2, 2), [1, 1, 1])]
    assert [slices for slices, _ in slabs] == [slice(0, 3), slice(3, 6), slice(6, 8)]
    found = np.concatenate([part[:, 0, 0] for _, part in slabs])
    assert found.tolist() == [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3]


def test_by_hand() -> None:
    assert matrix(2, 4, 1).tolist() == [[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]]
    assert matrix(2, 4, 0).argmax(axis=1).tolist() == [0, 0, 1, 1]
    assert shape_at((10, 20, 30), (3, 1, 1), (1.5, 2, 1)) == (20, 10, 30)
    assert axis_by_itself(None, (5, 1, 1), (1, 1, 1)) == 0
    assert axis_by_itself(None, (1, 1, 1), (1, 4, 1)) == 1
    assert axis_by_itself(None, (0.2, 1, 1), (1, 1, 1)) is None  # two wide axes: none is by itself
    assert axis_by_itself(None, (2, 1, 1), (1, 1, 1)) is None
    assert axis_by_itself(False, (5, 1, 1), (1, 1, 1)) is None
    assert axis_by_itself(True, (2, 1, 1), (1, 1, 1)) == 0
