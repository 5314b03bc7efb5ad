"""Agreement of masks: boxes a known distance apart, empty masks, and MONAI on shapes beyond counting by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from boxes import box, grid
from scipy import ndimage

from radfuse.errors import InputError
from radfuse.results import MaskAgreement, MaskFigures, SegmentedCase
from radfuse.seg.metrics import agreement, agreement_per_label, border, dice, surface_distances_mm
from radfuse.volume.image import LabelMap

SPACING = (3.0, 0.5, 0.7)
EMPTY = np.zeros((6, 7, 8), dtype=bool)
BOX = box((6, 7, 8), (1, 2, 2), (4, 5, 6))


def blobs(seed: int, shape: tuple[int, int, int] = (18, 26, 22)) -> np.ndarray:
    """Smooth noise above its 85th percentile: parts, holes, and voxels at the image's edge."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.5)
    return np.asarray(noise > np.percentile(noise, 85))


def test_dice_of_boxes_sharing_half() -> None:
    truth = box((4, 4, 4), start=(0, 0, 0), stop=(2, 4, 4))
    predicted = box((4, 4, 4), start=(1, 0, 0), stop=(3, 4, 4))
    assert dice(truth, predicted) == pytest.approx(0.5)
    assert agreement(truth, predicted, (1, 1, 1)).iou == pytest.approx(1 / 3)


def test_masks_of_whole_numbers_are_what_is_not_zero() -> None:
    assert dice(2 * BOX.astype(np.uint8), BOX.astype(np.int16)) == 1.0
    assert agreement(2 * BOX.astype(np.uint8), BOX.astype(np.int16), SPACING) == agreement(BOX, BOX, SPACING)


def test_dice_of_empty_masks_and_of_other_shapes() -> None:
    assert dice(EMPTY, EMPTY) == 1
    assert dice(BOX, EMPTY) == 0
    with pytest.raises(ValueError, match=r"found \(6, 7, 8\) and \(2, 2, 3\)"):
        dice(EMPTY, np.zeros((2, 2, 3), bool))


def test_the_border_of_a_box_is_its_shell_also_at_the_images_edge() -> None:
    whole = np.ones((5, 5, 5), dtype=bool)
    shell = whole.copy()
    shell[1:-1, 1:-1, 1:-1] = False
    assert np.array_equal(border(whole), shell)
    assert border(box((1, 4, 4), (0, 1, 1), (1, 3, 3))).sum() == 4  # one slice is all border
    assert not border(EMPTY).any()


def test_plates_shifted_by_two_slices_lie_six_mm_apart() -> None:
    low, high = box((8, 9, 9), (1, 2, 2), (2, 7, 7)), box((8, 9, 9), (3, 2, 2), (4, 7, 7))
    found = agreement(low, high, SPACING)
    assert found.hd95_mm == found.assd_mm == pytest.approx(6)
    assert (found.surface_dice, found.dice) == (0, 0)
    assert agreement(low, high, SPACING, tolerance_mm=6).surface_dice == 1
    assert (found.components_found, found.components_missed, found.components_false) == (0, 1, 1)


def test_a_box_and_its_neighbour_a_voxel_along_x() -> None:
    """27 voxels of 1 mm, 26 on the border; the 9 of either far face lie 1 mm from the other box, the rest on its border
    but for its middle voxel, which lies inside the other's face: 0 of it is 1 mm away, too."""
    first, second = box((5, 5, 6), (1, 1, 1), (4, 4, 4)), box((5, 5, 6), (1, 1, 2), (4, 4, 5))
    there, here = surface_distances_mm(first, second, (1.0, 1.0, 1.0))
    assert sorted(there) == sorted(here) == [0.0] * 16 + [1.0] * 10
    found = agreement(first, second, (1.0, 1.0, 1.0), tolerance_mm=0.5)
    assert found.assd_mm == pytest.approx(10 / 26)
    assert found.hd95_mm == 1
    assert found.surface_dice == pytest.approx(16 / 26)
    assert found.dice == pytest.approx(18 / 27)


def test_the_surface_of_a_flat_mask_is_its_contour() -> None:
    """A square of 5 x 5 around one of 3 x 3: 16 and 8 pixels of contour, 1 apart but for the corners of the large."""
    flat = grid((1, 9, 9), (5.0, 1.0, 1.0))
    large, small = (LabelMap(box(flat.shape, (0, at, at), (1, 9 - at, 9 - at)).astype(int), flat) for at in (2, 3))
    found = agreement_per_label(large, small, {"nodule": 1})["nodule"]
    assert found.assd_mm == pytest.approx((20 + 4 * math.sqrt(2)) / 24)
    assert found.hd95_mm == pytest.approx(math.sqrt(2))
    assert agreement_per_label(large, small, {"nodule": 1}, {"nodule": 0.9})["nodule"].surface_dice == 0
    dot = LabelMap(np.ones((1, 1, 1), int), grid((1, 1, 1)))
    assert agreement_per_label(dot, dot, {"nodule": 1})["nodule"].assd_mm == 0


@pytest.mark.parametrize("start", range(6))
def test_a_distance_that_is_the_tolerance_is_within_it_wherever_the_mask_lies(start: int) -> None:
    low, high = (box((2, 3, 20), (0, 0, at), (2, 3, at + 1)) for at in (start, start + 3))
    assert agreement(low, high, (1.0, 1.0, 0.1), tolerance_mm=0.3).surface_dice == 1
    assert agreement(low, high, (1.0, 1.0, float(np.float32(0.1))), tolerance_mm=0.3).surface_dice == 1  # of a NIfTI
    assert agreement(low, high, (1.0, 1.0, 0.1), tolerance_mm=0.299).surface_dice == 0


def test_volumes_and_their_error() -> None:
    first, second = box((4, 4, 4), (0, 0, 0), (2, 4, 4)), box((4, 4, 4), (0, 0, 0), (3, 4, 4))
    row = agreement(first, second, (2.0, 0.5, 0.5)).row()
    assert (row["reference_mm3"], row["other_mm3"]) == (16, 24)
    assert (row["volume_error_mm3"], row["volume_error_share"]) == (8, 0.5)


def test_parts_are_found_missed_and_false() -> None:
    reference, other = np.zeros((3, 3, 20), bool), np.zeros((3, 3, 20), bool)
    reference[1, 1, [1, 2, 3, 8, 12]] = True  # three parts
    reference[2, 2, 13] = True  # touches the last one by a corner
    other[1, 1, [3, 16, 18]] = other[2, 2, 13] = True
    found = agreement(reference, other, (1, 1, 1))
    assert (found.components_found, found.components_missed, found.components_false) == (2, 1, 2)


def test_what_holds_for_empty_masks() -> None:
    both, gone, extra = (agreement(a, b, SPACING) for a, b in ((EMPTY, EMPTY), (BOX, EMPTY), (EMPTY, BOX)))
    assert (both.dice, both.iou, both.surface_dice, both.hd95_mm, both.assd_mm) == (1, 1, 1, 0, 0)
    assert both.row()["volume_error_share"] == 0
    for found in (gone, extra):
        assert (found.dice, found.iou, found.surface_dice) == (0, 0, 0)
        assert found.hd95_mm == found.assd_mm == math.inf
    assert (gone.components_missed, extra.components_false) == (1, 1)
    assert gone.row()["volume_error_share"] == -1
    assert extra.row()["volume_error_share"] == math.inf


def test_no_distance_is_null_in_json_and_comes_back() -> None:
    found = agreement(BOX, EMPTY, SPACING)
    case = SegmentedCase(source="cross_fitted", network="1", figures=MaskFigures(labels={}), agreement={"a": found})
    text = case.model_dump_json()
    assert '"hd95_mm":null' in text
    assert SegmentedCase.model_validate_json(text) == case


def test_each_label_on_its_own_and_grids_must_agree() -> None:
    a = LabelMap(np.array([[[1, 1, 2, 0]]]), grid((1, 1, 4)))
    b = LabelMap(np.array([[[1, 0, 2, 0]]]), grid((1, 1, 4)))
    found = agreement_per_label(a, b, {"one": 1, "two": 2, "three": 3}, {"one": 0.5})
    assert found["one"].dice == pytest.approx(2 / 3)
    assert (found["one"].tolerance_mm, found["two"].tolerance_mm) == (0.5, 1.0)
    assert found["one"].surface_dice == pytest.approx(2 / 3)
    assert (found["two"].dice, found["three"].dice) == (1, 1)
    with pytest.raises(InputError, match="two grids"):
        agreement_per_label(a, LabelMap(b.array, grid((1, 1, 4), (1, 1, 2))), {"one": 1})


def by_monai(reference: np.ndarray, other: np.ndarray, tolerance_mm: float) -> dict[str, float]:
    from monai.metrics import (
        compute_average_surface_distance,
        compute_dice,
        compute_hausdorff_distance,
        compute_iou,
        compute_surface_dice,
    )

    y, y_pred = (torch.from_numpy(np.stack([~mask, mask])[None].astype(np.float32)) for mask in (reference, other))
    spacing = list(SPACING)
    values = {
        "dice": compute_dice(y_pred, y, include_background=False),
        "iou": compute_iou(y_pred, y, include_background=False),
        "hd95_mm": compute_hausdorff_distance(y_pred, y, percentile=95, spacing=spacing),
        "assd_mm": compute_average_surface_distance(y_pred, y, symmetric=True, spacing=spacing),
        "surface_dice": compute_surface_dice(y_pred, y, [tolerance_mm], spacing=spacing),
    }
    return {name: float(value) for name, value in values.items()}


@pytest.mark.filterwarnings("ignore:monai.metrics.utils:FutureWarning")
def test_values_of_flat_masks_are_monais() -> None:
    from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance, compute_surface_dice

    flat = grid((1, 40, 50), (9.0, 0.5, 0.7))
    reference, other = (blobs(seed, (3, 40, 50))[1:2] for seed in (5, 6))
    found = agreement_per_label(*(LabelMap(mask.astype(int), flat) for mask in (reference, other)), {"a": 1})["a"]
    y, y_pred = (
        torch.from_numpy(np.stack([~mask[0], mask[0]])[None].astype(np.float32)) for mask in (reference, other)
    )
    spacing = [0.5, 0.7]
    assert found.assd_mm == pytest.approx(
        float(compute_average_surface_distance(y_pred, y, symmetric=True, spacing=spacing)), rel=1e-5
    )
    assert found.hd95_mm == pytest.approx(
        float(compute_hausdorff_distance(y_pred, y, percentile=95, spacing=spacing)), rel=1e-5
    )
    assert found.surface_dice == pytest.approx(float(compute_surface_dice(y_pred, y, [1.0], spacing=spacing)), rel=1e-5)


@pytest.mark.filterwarnings("ignore:monai.metrics.utils:FutureWarning")
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("tolerance_mm", [0.6, 1.0, 3.0])
def test_values_are_monais(seed: int, tolerance_mm: float) -> None:
    reference, other = blobs(seed), blobs(seed) ^ (blobs(seed + 10) & blobs(seed + 20))
    if seed == 3:
        other = blobs(99)  # hardly any overlap
    found = agreement(reference, other, SPACING, tolerance_mm)
    for name, value in by_monai(reference, other, tolerance_mm).items():
        assert getattr(found, name) == pytest.approx(value, rel=1e-5), name


def test_distances_are_those_of_a_distance_transform() -> None:
    reference, other = blobs(1), blobs(2)
    there, _ = surface_distances_mm(reference, other, SPACING)
    transform = ndimage.distance_transform_edt(~border(other), sampling=SPACING)[border(reference)]
    assert np.sort(there) == pytest.approx(np.sort(transform), rel=1e-12)


def test_agreement_refuses_what_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="Extra inputs"):
        MaskAgreement.model_validate({**agreement(BOX, BOX, SPACING).model_dump(), "dize": 1})
