"""The sliding window covers every voxel, whatever the sizes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radfuse.seg.window import gaussian_weight, sliding_window, softmax, window_starts


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


def test_weights_peak_in_the_middle_and_never_vanish() -> None:
    weight = gaussian_weight((5, 7, 9))
    assert weight[2, 3, 4] == 1
    assert weight.min() == pytest.approx(1e-3)
    assert np.array_equal(weight, weight[::-1, ::-1, ::-1])
