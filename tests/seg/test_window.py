"""The sliding window covers every voxel, whatever the sizes."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from radfuse.seg.quality import entropy_of
from radfuse.seg.runtimes.device import DeviceAverages, OnDevice
from radfuse.seg.window import Window, gaussian_weight, padding_of, positioned, sliding_window, softmax, window_starts


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

    found = np.concatenate([slab for _, slab in sliding_window(image[None], Window(patch, 0.5), 3, run)], axis=1)
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
    list(sliding_window(image[None], Window((1, 1, 2), 0, position=True), 2, run))
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


@settings(max_examples=20)
@given(shape=st.tuples(*[st.integers(1, 14)] * 3), batch=st.integers(1, 5), position=st.booleans())
def test_slabs_and_batches_give_what_whole_images_give(shape: tuple[int, int, int], batch: int, position: bool) -> None:
    patch = (4, 5, 6)
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    factors = np.random.default_rng(1).normal(size=patch).astype(np.float32)  # says another thing at every place
    largest = []

    def run(parts: np.ndarray) -> np.ndarray:
        largest.append(len(parts))
        return np.concatenate([parts[:, -1:] * factors, parts[:, :1]], axis=1)

    slabs = list(sliding_window(image[None], Window(patch, 0.5, position), 2, run, batch))
    assert [voxel for part, _ in slabs for voxel in range(part.start, part.stop)] == list(range(shape[0]))
    assert max(largest) <= batch
    padding = padding_of(shape, patch)
    padded = np.pad(image, padding, constant_values=image.min())
    total, weights = np.zeros((2, *padded.shape)), np.zeros(padded.shape)
    for corner in itertools.product(
        *(window_starts(n, size, 0.5) for n, size in zip(padded.shape, patch, strict=True))
    ):
        part = tuple(slice(start, start + size) for start, size in zip(corner, patch, strict=True))
        cut = padded[part][None, None]
        if position:
            cut = positioned(cut, np.subtract(corner, [before for before, _ in padding]), shape)
        total[(slice(None), *part)] += softmax(run(cut)[0]) * gaussian_weight(patch)
        weights[part] += gaussian_weight(patch)
    inner = tuple(slice(before, before + size) for (before, _), size in zip(padding, shape, strict=True))
    expected = (total / weights)[(slice(None), *inner)]
    assert np.allclose(np.concatenate([found for _, found in slabs], axis=1), expected, atol=1e-6)


def test_mirror_images_of_patches_one_voxel_deep_can_be_tensors() -> None:
    window = Window((1, 2, 2), 0, mirror_axes=(0, 2))
    image = np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2)
    slabs = sliding_window(image, window, 1, lambda patches: torch.from_numpy(patches).numpy())
    assert np.concatenate([found for _, found in slabs], axis=1).shape == image.shape


def test_air_of_one_value_goes_through_the_network_once() -> None:
    image = np.zeros((8, 8, 8), dtype=np.float32)
    image[7, 7, 7] = 1
    asked = []

    def run(parts: np.ndarray) -> np.ndarray:
        asked.append(parts.max())
        return np.concatenate([parts, 1 - parts], axis=1)

    slabs = list(sliding_window(image[None], Window((4, 4, 4), 0), 2, run))
    assert asked == [0, 1]
    found = np.concatenate([probability for _, probability in slabs], axis=1)
    assert np.allclose(found, softmax(np.stack([image, 1 - image])))


@pytest.mark.parametrize("averages", ["probabilities", "logits"])
def test_on_a_device_averages_are_the_same(averages: Literal["probabilities", "logits"]) -> None:
    image = np.random.default_rng(0).normal(0, 1, (1, 13, 9, 11)).astype(np.float32)
    window = Window((6, 5, 7), 0.5, averages=averages, mirror_axes=(0, 2))

    def run(patches: np.ndarray) -> np.ndarray:
        return np.concatenate([patches, patches**2, -patches], axis=1)

    here = [slab for _, slab in sliding_window(image, window, 3, run, 2)]
    there = sliding_window(
        image, window, 3, lambda given: torch.from_numpy(run(given)), 2, partial(DeviceAverages, torch.device("cpu"))
    )
    for one, (_, other) in zip(here, there, strict=True):
        assert np.abs(one - other).max() < 1e-6


@pytest.mark.parametrize("logits", [True, False])
@pytest.mark.parametrize("asked", [1, 10_000])
def test_what_is_asked_of_answers_on_a_device_is_what_is_asked_here(
    logits: bool, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("radfuse.seg.runtimes.device._ASKED", asked)
    said = np.random.default_rng(0).normal(0, 3, (4, 5, 6, 7)).astype(np.float32)
    said[0] += 2  # background is sure in many voxels
    said = said if logits else softmax(said)
    there = OnDevice(torch.from_numpy(said))
    assert np.array_equal(there.likeliest(), said.argmax(axis=0))
    assert np.abs(there.entropy(logits=logits) - entropy_of(said, logits=logits)).max() < 1e-3  # of float16
    part = there[:, 1:3, :, 2:]
    assert (part.shape, np.array_equal(part, said[:, 1:3, :, 2:])) == ((4, 2, 6, 5), True)
