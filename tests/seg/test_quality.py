"""Figures of masks made of boxes, and entropies of probabilities one can compute by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from boxes import box, grid

from radfuse.seg.quality import Doubt, ScoredLabels, entropy_of, figures_of
from radfuse.volume.image import LabelMap

SHAPE = (10, 12, 14)
NAMES = {"tumour": 1, "cyst": 5}


def mask(*boxes: np.ndarray, spacing: tuple[float, float, float] = (2.0, 1.0, 0.5)) -> LabelMap:
    return LabelMap(np.any(boxes, axis=0).astype(np.uint8), grid(SHAPE, spacing))


def test_volume_parts_and_labels_that_are_missing() -> None:
    two = mask(box(SHAPE, (1, 1, 1), (3, 4, 5)), box(SHAPE, (5, 1, 1), (7, 4, 5)))
    found = figures_of(two, NAMES).labels
    assert found["tumour"].ml == pytest.approx(48 * 1.0 / 1000)  # 48 voxels of 1 mm3
    assert (found["tumour"].parts, found["tumour"].border, found["tumour"].entropy) == (2, False, None)
    assert (found["cyst"].ml, found["cyst"].parts, found["cyst"].border) == (0.0, 0, False)


def test_parts_that_share_a_corner_are_one_and_specks_are_none() -> None:
    corner = mask(box(SHAPE, (1, 1, 1), (3, 3, 3)), box(SHAPE, (3, 3, 3), (5, 5, 5)))
    assert figures_of(corner, NAMES).labels["tumour"].parts == 1
    large, speck = box(SHAPE, (1, 1, 1), (6, 6, 6)), box(SHAPE, (8, 8, 8), (9, 9, 9))
    assert figures_of(mask(large, speck), NAMES).labels["tumour"].parts == 1  # 1 of 125 voxels
    assert figures_of(mask(box(SHAPE, (1, 1, 1), (5, 6, 6)), speck), NAMES).labels["tumour"].parts == 2  # 1 of 100


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("end", [False, True])
def test_a_box_at_any_face_touches_the_border(axis: int, end: bool) -> None:
    start, stop = [3, 3, 3], [6, 6, 6]
    assert not figures_of(mask(box(SHAPE, tuple(start), tuple(stop))), NAMES).labels["tumour"].border
    if end:
        stop[axis] = SHAPE[axis]
    else:
        start[axis] = 0
    assert figures_of(mask(box(SHAPE, tuple(start), tuple(stop))), NAMES).labels["tumour"].border


def test_an_image_of_one_slice_has_no_border_across_it() -> None:
    flat = LabelMap(box((1, 8, 8), (0, 2, 2), (1, 4, 4)).astype(np.uint8), grid((1, 8, 8)))
    assert not figures_of(flat, NAMES).labels["tumour"].border


def test_entropy_of_known_probabilities() -> None:
    said = np.array([[0.5, 0.25, 0.0, 1.0, 0.98], [0.5, 0.75, 1.0, 0.0, 0.02]], dtype=np.float32).reshape(2, 1, 1, 5)
    quarter = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75)) / math.log(2)
    found = entropy_of(said, logits=False)
    assert found.ravel() == pytest.approx([1, quarter, 0, 0, 0], abs=1e-6)  # the last: background is 49 times likelier
    equal = np.full((4, 1, 1, 1), 0.25, dtype=np.float32)
    assert entropy_of(equal, logits=False).item() == pytest.approx(1, abs=1e-6)
    two_of_four = np.array([0.5, 0.5, 0, 0], dtype=np.float32).reshape(4, 1, 1, 1)
    assert entropy_of(two_of_four, logits=False).item() == pytest.approx(0.5, abs=1e-6)  # log 2 / log 4


def test_logits_and_their_probabilities_have_one_entropy() -> None:
    logits = np.random.default_rng(0).normal(0, 2, (3, 4, 5, 6)).astype(np.float32)
    likely = np.exp(logits) / np.exp(logits).sum(axis=0)
    assert entropy_of(logits, logits=True) == pytest.approx(entropy_of(likely, logits=False), abs=1e-5)


def test_the_entropy_of_a_mask_is_the_mean_inside_it_and_slabs_pass_as_they_are() -> None:
    where = grid((4, 2, 2))
    said = np.zeros((2, 4, 2, 2), dtype=np.float32)
    said[:, :2] = np.array([0.5, 0.5]).reshape(2, 1, 1, 1)
    said[:, 2:] = np.array([0.0, 1.0]).reshape(2, 1, 1, 1)
    slabs = [(slice(0, 3), said[:, :3]), (slice(3, 3), said[:, 3:3]), (slice(3, 4), said[:, 3:])]
    doubt = Doubt(where, logits=False)
    passed = list(doubt.noted(iter(slabs)))
    assert all(after[1] is before[1] for after, before in zip(passed, slabs, strict=True))
    labels = LabelMap(np.array([0, 7, 7, 7], dtype=np.uint8).repeat(4).reshape(4, 2, 2), where, {7: "bright"}, "c1")
    found = doubt.scored(labels)
    assert isinstance(found, ScoredLabels)
    assert (found.names, found.name, found.disagreement) == ({7: "bright"}, "c1", None)
    assert found.entropy == {7: pytest.approx(1 / 3, abs=1e-3)}  # one slice in doubt of three
    assert figures_of(found, {"bright": 7}).labels["bright"].entropy == found.entropy[7]


def test_labels_on_a_finer_grid_are_asked_on_that_of_the_network() -> None:
    doubt = Doubt(grid((2, 2, 2), (2.0, 2.0, 2.0)), logits=False)
    said = np.full((2, 2, 2, 2), 0.5, dtype=np.float32)
    list(doubt.noted(iter([(slice(0, 2), said)])))
    fine = LabelMap(np.ones((4, 4, 4), dtype=np.uint8), grid((4, 4, 4)))
    assert doubt.scored(fine).entropy == {1: pytest.approx(1, abs=1e-3)}


def test_an_ensembles_disagreement_goes_into_the_figures() -> None:
    made = mask(box(SHAPE, (1, 1, 1), (3, 3, 3)))
    told = ScoredLabels(made.array, made.grid, disagreement=0.25)
    assert figures_of(told, NAMES).disagreement == 0.25
    assert figures_of(made, NAMES).disagreement is None
