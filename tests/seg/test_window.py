"""The sliding window covers every voxel, whatever the sizes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radfuse.seg.window import gaussian_weight, padding_of, positioned, sliding_window, softmax, window_starts


@given(size=st.integers(1, 60), patch=st.integers(1, 30), overlap=st.floats(0, 0.95))
def test_windows_cover_the_image_and_stay_inside(size: int, patch: int, overlap: float) -> None:
    starts = window_starts(size, patch, overlap)
    covered = {voxel for start in starts for voxel in range(start, start + patch)}
    assert set(range(size)) <= covered
    assert starts == sorted(set(starts))
    assert starts[0] == 0
    assert starts[-1] + patch <= max(size, patch)


@pytest.mark.parametrize(
    ("size", "patch", "overlap", "starts"), [(10, 4, 0.5, [0, 2, 4, 6]), (5, 8, 0.5, [0]), (9, 4, 0, [0, 2, 5])]
)
def test_window_starts_by_hand(size: int, patch: int, overlap: float, starts: list[int]) -> None:
    assert window_starts(size, patch, overlap) == starts


@settings(max_examples=20)
@given(shape=st.tuples(*[st.integers(1, 14)] * 3), patch=st.tuples(*[st.integers(2, 8)] * 3))
def test_a_network_that_looks_at_single_voxels_is_seamless(
    shape: tuple[int, int, int], patch: tuple[int, int, int]
) -> None:
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    seen = []

    def run(part: np.ndarray) -> np.ndarray:
        seen.append(part.shape)
        return np.concatenate([part, -part, 0 * part], axis=1)

    found = sliding_window(image, patch, 3, 0.5, run)
    expected = softmax(np.stack([image, -image, 0 * image]))
    assert np.allclose(found, expected, atol=1e-5)
    assert set(seen) == {(1, 1, *patch)}


def test_positions_run_from_face_to_face_of_the_image() -> None:
    patch = np.zeros((1, 1, 2, 4, 2), dtype=np.float32)
    found = positioned(patch, (0, 1, -1), (2, 4, 1))[0]
    assert found.shape == (4, 2, 4, 2)
    assert found[1, :, 0, 0].tolist() == [-0.5, 0.5]  # centres of two voxels between -1 and 1
    assert found[2, 0, :, 0].tolist() == [-0.25, 0.25, 0.75, 1.25]  # the last lies beyond the image
    assert found[3, 0, 0].tolist() == [-2, 0]


def test_the_window_says_where_its_patches_lie() -> None:
    seen = {}

    def run(part: np.ndarray) -> np.ndarray:
        seen[float(part[0, 0, 0, 0, 0])] = part[0, 1:, 0, 0, 0].tolist()
        return np.concatenate([part[:, :1], part[:, :1]], axis=1)

    image = np.arange(6, dtype=np.float32).reshape(1, 1, 6)
    sliding_window(image, (1, 1, 2), 2, 0, run, position=True)
    assert seen == {0: [0, 0, pytest.approx(-5 / 6)], 2: [0, 0, pytest.approx(-1 / 6)], 4: [0, 0, pytest.approx(0.5)]}


@given(size=st.integers(1, 30), patch=st.integers(1, 40))
def test_small_images_lie_in_the_patch_where_training_puts_them(size: int, patch: int) -> None:
    before, after = padding_of((size,), (patch,))[0]
    assert before + size + after == max(size, patch)
    room = size - patch
    assert before == (-(room // 2) if room < 0 else 0)  # as patches.py cuts them


def test_weights_peak_in_the_middle_and_never_vanish() -> None:
    weight = gaussian_weight((5, 7, 9))
    assert weight[2, 3, 4] == 1
    assert weight.min() == pytest.approx(1e-3)
    assert np.array_equal(weight, weight[::-1, ::-1, ::-1])
