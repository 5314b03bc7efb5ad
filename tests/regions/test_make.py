"""Regions by hand: boxes whose bands and rings can be counted."""

from __future__ import annotations

import numpy as np
import pytest
from boxes import box, grid

from radfuse.errors import CaseError, InputError
from radfuse.regions.label import LabelRegion
from radfuse.regions.make import make_regions
from radfuse.regions.ring import RingRegion
from radfuse.regions.scene import Scene
from radfuse.regions.subchondral import SubchondralRegion
from radfuse.regions.union import UnionRegion
from radfuse.volume.image import LabelMap

SPACING = (3.0, 1.0, 2.0)
NAMES = {"bone": 1, "cartilage": 2}


@pytest.fixture
def joint() -> LabelMap:
    """Bone in rows 0 to 5, cartilage in row 6, of 4 slices of 12 x 8 voxels."""
    array = np.zeros((4, 12, 8), dtype=np.uint8)
    array[:, :6], array[:, 6] = 1, 2
    return LabelMap(array, grid(array.shape, SPACING), {}, "joint")


def test_a_label_and_a_union(joint: LabelMap) -> None:
    configs = [LabelRegion(name="b", label="bone"), UnionRegion(name="all", labels=("bone", 2))]
    bone, whole = make_regions(Scene(joint, NAMES), configs)
    assert (bone.voxels, whole.voxels) == (4 * 6 * 8, 4 * 7 * 8)
    assert bone.volume_mm3 == 4 * 6 * 8 * 6


@pytest.mark.parametrize(("depth_mm", "rows"), [(1.0, 1), (2.9, 2), (3.0, 3), (50.0, 6)])
def test_a_subchondral_band_counts_rows_of_one_millimetre(joint: LabelMap, depth_mm: float, rows: int) -> None:
    config = SubchondralRegion(name="band", bone="bone", cartilage="cartilage", depth_mm=depth_mm)
    (band,) = make_regions(Scene(joint, NAMES), [config])
    assert band.voxels == rows * 4 * 8
    assert band.mask[:, 6 - rows : 6].all()


def test_a_ring_around_a_voxel_follows_the_spacing() -> None:
    array = box((5, 9, 9), (2, 4, 4), (3, 5, 5)).astype(np.uint8)
    labels = LabelMap(array, grid(array.shape, SPACING))
    (ring,) = make_regions(Scene(labels, {}), [RingRegion(name="r", around=1, margin_mm=3.0)], min_voxels=1)
    inside = {tuple(map(int, place - np.array([2, 4, 4]))) for place in np.argwhere(ring.mask)}
    expected = {
        (z, y, x)
        for z in range(-1, 2)
        for y in range(-4, 5)
        for x in range(-4, 5)
        if 0 < (3 * z) ** 2 + y**2 + (2 * x) ** 2 <= 9
    }
    assert inside == expected


def test_a_ring_stays_in_the_image_and_off_excluded_labels(joint: LabelMap) -> None:
    config = RingRegion(name="r", around="cartilage", margin_mm=2.0, exclude=("bone",))
    assert RingRegion.model_validate({**config.model_dump(), "exclude": "bone"}) == config
    (ring,) = make_regions(Scene(joint, NAMES), [config])
    assert ring.voxels == 2 * 4 * 8
    assert ring.mask[:, 7:9].all()


def test_empty_and_tiny_regions_are_errors_of_their_case(joint: LabelMap) -> None:
    with pytest.raises(CaseError, match=r"K7: region 'm' has 0 voxels, needs 10; labels present: 1, 2\. Correct"):
        make_regions(Scene(joint, NAMES, case="K7"), [LabelRegion(name="m", label=9)])
    with pytest.raises(CaseError, match="has 32 voxels, needs 33"):
        make_regions(Scene(joint, NAMES), [LabelRegion(name="c", label="cartilage")], min_voxels=33)


def test_an_undeclared_label_names_the_nearest(joint: LabelMap) -> None:
    with pytest.raises(InputError, match=r"'cartilag', which is not declared; did you mean 'cartilage'\?"):
        make_regions(Scene(joint, NAMES), [LabelRegion(name="c", label="cartilag")])
