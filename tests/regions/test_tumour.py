"""Regions of tumours by hand: rings and rims of boxes, interfaces, lesions, thresholds, and the body in an image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from boxes import box, grid
from realdata import real_file
from scipy import ndimage

from radfuse.errors import CaseError, InputError, SettingError
from radfuse.radiomics.config import RadiomicsConfig
from radfuse.radiomics.measure import measured_regions, region_features
from radfuse.regions.body import body_of
from radfuse.regions.interface import InterfaceRegion
from radfuse.regions.lesions import LesionsRegion
from radfuse.regions.make import make_regions
from radfuse.regions.ring import RingRegion
from radfuse.regions.scene import Scene
from radfuse.regions.threshold import ThresholdRegion
from radfuse.volume.files import read_labels, read_volume
from radfuse.volume.grid import Grid, oriented, with_spacing
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.plane import positions_of
from radfuse.volume.region import Region
from radfuse.volume.resample import resample_labels

SHAPE = (11, 21, 21)
SPACING = (2.0, 1.0, 1.0)


def scene_of(array: np.ndarray, images: dict[str, np.ndarray] | None = None, **names: int) -> Scene:
    where = grid(array.shape, SPACING)
    volumes = {name: Volume(image.astype(np.float32), where, name) for name, image in (images or {}).items()}
    return Scene(LabelMap(array.astype(np.uint8), where), names, images=volumes, case="T1", measured="t1")


def cube() -> np.ndarray:
    """A tumour of 5 x 9 x 9 voxels, 10 x 9 x 9 mm, in the middle."""
    return box(SHAPE, (3, 6, 6), (8, 15, 15)).astype(np.uint8)


def test_rings_by_several_distances_share_no_voxel_and_leave_none_out() -> None:
    scene = scene_of(cube(), tumour=1)
    rings = [RingRegion(name="r", around="tumour", from_mm=start, margin_mm=stop) for start, stop in ((0, 2), (2, 4))]
    near, far = (ring.mask(scene) for ring in rings)
    assert not (near & far).any()
    np.testing.assert_array_equal(near | far, RingRegion(name="r", around="tumour", margin_mm=4).mask(scene))
    assert [near[5, 10, place] for place in range(2, 7)] == [False, False, True, True, False]
    assert [far[5, 10, place] for place in range(1, 5)] == [False, True, True, False]
    assert [far[place, 10, 10] for place in range(4)] == [False, True, False, False]  # slices of 2 mm


def test_a_rim_lies_inside_and_counts_from_the_voxels_outside() -> None:
    scene = scene_of(cube(), tumour=1)
    outer = RingRegion(name="r", around="tumour", inside=True, margin_mm=2).mask(scene)
    np.testing.assert_array_equal(outer, cube().astype(bool) & ~box(SHAPE, (4, 8, 8), (7, 13, 13)))
    deep = RingRegion(name="r", around="tumour", inside=True, from_mm=2, margin_mm=100).mask(scene)
    np.testing.assert_array_equal(deep, box(SHAPE, (4, 8, 8), (7, 13, 13)))


def test_a_rim_sees_no_border_where_the_image_ends() -> None:
    whole = scene_of(np.ones(SHAPE), tumour=1)
    assert not RingRegion(name="r", around=1, inside=True).mask(whole).any()
    half = scene_of(box(SHAPE, (0, 0, 0), (11, 21, 8)), tumour=1)
    rim = RingRegion(name="r", around=1, inside=True, margin_mm=3).mask(half)
    np.testing.assert_array_equal(rim, box(SHAPE, (0, 0, 5), (11, 21, 8)))


def test_a_ring_is_clipped_by_labels_and_by_the_body() -> None:
    array = cube()
    array[:, :, 15:] = 2
    body = box(SHAPE, (0, 4, 0), (11, 21, 21))
    image = np.where(body, 300.0, 3.0)
    scene = scene_of(array, {"t1": image}, tumour=1, muscle=2)
    ring = RingRegion(name="r", around="tumour", margin_mm=4)
    whole = ring.mask(scene)
    muscle = ring.model_copy(update={"within": "muscle"}).mask(scene)
    np.testing.assert_array_equal(muscle, whole & (array == 2))
    np.testing.assert_array_equal(ring.model_copy(update={"within": "body"}).mask(scene), whole & body)
    both = ring.model_copy(update={"within": ("body", "muscle")}).mask(scene)
    np.testing.assert_array_equal(both, whole & (body | (array == 2)))
    named = scene_of(array, {"t1": image}, tumour=1, body=2)
    np.testing.assert_array_equal(ring.model_copy(update={"within": "body"}).mask(named), muscle)
    assert RingRegion(name="r", around=1, within=("body", "muscle")).labels_named() == (1, "muscle")


def test_the_body_is_what_is_no_air_with_its_dark_holes_and_without_the_table() -> None:
    generator = np.random.default_rng(0)
    body = box((12, 40, 40), (0, 8, 8), (12, 34, 34))
    muscle, marrow, table = (box(body.shape, (0, *start), (12, *stop)) for start, stop in PLACES)
    for air, fat, dark in ((0.0, 900.0, 250.0), (-1000.0, -100.0, 40.0)):
        image = np.where(body, fat, air) + generator.normal(0, 8, body.shape)
        image[muscle], image[marrow], image[table] = dark, air, fat
        np.testing.assert_array_equal(body_of(image), body)
    legs = box(body.shape, (0, 0, 0), (12, 40, 24)) | box(body.shape, (0, 0, 28), (12, 40, 40))
    image = np.where(legs, 300.0, 0.0) + generator.normal(0, 8, body.shape)
    smaller = box(body.shape, (5, 20, 32), (7, 24, 36))
    np.testing.assert_array_equal(body_of(image), box(body.shape, (0, 0, 0), (12, 40, 24)))
    np.testing.assert_array_equal(body_of(image, smaller), box(body.shape, (0, 0, 28), (12, 40, 40)))
    assert body_of(np.full((4, 9, 9), 300.0) + generator.normal(0, 20, (4, 9, 9))).all()


PLACES = (((10, 10), (30, 20)), ((20, 24), (26, 30)), ((37, 0), (39, 40)))


def test_an_interface_is_a_band_on_both_sides_where_labels_touch() -> None:
    array = np.zeros(SHAPE, dtype=np.uint8)
    array[:, 0:10], array[:, 10:20, :6], array[:, 12:20, 12:18] = 1, 2, 2
    scene = scene_of(array, tumour=2, bone=1)
    band = InterfaceRegion(name="i", between=("tumour", "bone"), margin_mm=2).mask(scene)
    assert band[:, 8:12, :6].all()
    assert band[:, 9, 6].all()  # 2 mm and less from a voxel that touches: round the corner by one
    assert not band[:, :, 8:].any()  # what leaves a gap of 2 mm does not touch
    assert not band[:, [7, 12], :6].any()
    wide = InterfaceRegion(name="i", between=("tumour", "bone"), margin_mm=4, gap_mm=2).mask(scene)
    assert wide[:, [8, 9, 12, 13], 13:17].all()
    assert not wide[:, 10:12, 12:18].any()


@pytest.mark.parametrize(("spacing", "touches"), [(2.0, True), (2.5, False)])
def test_a_gap_lies_between_borders_of_voxels_of_any_size(spacing: float, touches: bool) -> None:
    """Two slabs with one empty slice of 2 or 2.5 mm between them, and a gap of 2 mm that is allowed."""
    array = np.zeros((7, 4, 4), np.uint8)
    array[:3], array[4:] = 1, 2
    scene = Scene(LabelMap(array, Grid(array.shape, (spacing, 0.5, 0.5))), {"tumour": 1, "bone": 2})
    band = InterfaceRegion(name="i", between=("tumour", "bone"), margin_mm=6, gap_mm=2).mask(scene)
    assert band.any() == touches
    assert np.array_equal(band, (array > 0) & (np.abs(np.arange(7) - 3) <= 2)[:, None, None] & touches)


@pytest.mark.parametrize("finer", [1, 2])
def test_specks_are_told_by_volume_on_voxels_of_any_size(finer: int) -> None:
    """Lesions of 27 and of 8 mm3, and 27 mm3 asked for, on voxels of 1 mm and of half of that."""
    array = np.zeros((6, 6, 20), np.uint8)
    array[1:4, 1:4, 2:5] = array[1:3, 1:3, 14:16] = 1
    fine = array.repeat(finer, 0).repeat(finer, 1).repeat(finer, 2)
    scene = Scene(LabelMap(fine, Grid(fine.shape, (1 / finer,) * 3)), {"tumour": 1})
    lesions = LesionsRegion(name="l", of="tumour", min_mm3=27, aggregate="mean")
    (region,) = make_regions(scene, [lesions])
    assert region.volume_mm3 == pytest.approx(27)
    whole = Region.of("l", fine > 0, scene.labels.grid, lesions.averaged)
    assert [part.volume_mm3 for part in whole.parts] == pytest.approx([27])
    assert len(LesionsRegion(name="l", of="tumour").model_dump()) == 6  # unsaid, it changes no key


def test_specks_are_told_by_one_size_alone() -> None:
    with pytest.raises(SettingError, match="min_voxels and min_mm3 both say"):
        LesionsRegion(name="l", of="tumour", min_voxels=5, min_mm3=27)
    told = LesionsRegion(name="l", of="tumour", min_mm3=27)
    assert LesionsRegion.model_validate(told.model_dump()) == told


@pytest.mark.parametrize("backwards", [False, True])
def test_of_two_equal_lesions_the_same_one_is_the_largest_however_it_is_stored(backwards: bool) -> None:
    array = np.zeros((6, 6, 20), np.uint8)
    array[1:4, 1:4, 2:5] = array[1:4, 1:4, 14:17] = 1
    where = Grid(array.shape, (1.0, 1.0, 1.0))
    if backwards:
        where = oriented(where, "RPS")
        array = array[:, :, ::-1]
    image = Volume(np.full(array.shape, 7, np.float32), where, "t1")
    scene = Scene(LabelMap(array, where), {"tumour": 1}, images={"t1": image}, measured="t1")
    for region in (
        LesionsRegion(name="l", of="tumour", components="largest"),
        ThresholdRegion(name="t", of="tumour", at_least=5, components="largest"),
    ):
        assert sorted({round(x) for x in positions_of(region.mask(scene), where)[:, 0]}) == [2, 3, 4]


def test_a_body_has_no_hole_in_any_slice_however_it_is_stored() -> None:
    """A channel along x, closed in sagittal slices alone, leads to a hole that only its axial slice closes then."""
    image = np.zeros((13, 13, 13))
    image[1:12, 1:12, 1:12] = 100
    image[6, 6, 6:] = 0
    image[7:, 6:, 6] = 0
    found = {axes: body_of(image.transpose(axes)) for axes in ((0, 1, 2), (1, 0, 2), (2, 1, 0))}
    for axes, body in found.items():
        np.testing.assert_array_equal(body, found[0, 1, 2].transpose(axes))
        for axis in range(3):
            assert all(np.array_equal(one, ndimage.binary_fill_holes(one)) for one in np.moveaxis(body, axis, 0))


def two_lesions() -> np.ndarray:
    """Of 4 x 4 x 4 and 2 x 4 x 4 voxels, and a speck."""
    array = (
        box(SHAPE, (1, 1, 1), (5, 5, 5)) | box(SHAPE, (7, 10, 10), (9, 14, 14)) | box(SHAPE, (0, 19, 19), (1, 20, 20))
    )
    return array.astype(np.uint8)


def test_lesions_are_all_or_the_largest_and_specks_are_none() -> None:
    scene = scene_of(two_lesions(), tumour=1)
    every = LesionsRegion(name="l", of="tumour").mask(scene)
    assert int(every.sum()) == 64 + 32
    np.testing.assert_array_equal(
        LesionsRegion(name="l", of="tumour", components="largest").mask(scene), box(SHAPE, (1, 1, 1), (5, 5, 5))
    )


@pytest.mark.parametrize(
    ("rule", "weights"), [("mean", (0.5, 0.5)), ("volume_weighted", (2 / 3, 1 / 3)), ("together", None)]
)
def test_features_of_lesions_are_averaged_by_the_rule(rule: Any, weights: tuple[float, float] | None) -> None:
    array = two_lesions()
    image = np.random.default_rng(1).normal(100, 10, SHAPE)
    image[7:] += 50
    scene = scene_of(array, {"t1": image}, tumour=1)
    config = RadiomicsConfig(classes=("shape", "firstorder"), bin_width=5)
    (region,) = make_regions(scene, [LesionsRegion(name="l", of="tumour", aggregate=rule)])
    found = region_features(scene.images["t1"], [region], config)
    assert list(found) == ["l"]
    mean, volume = (found["l"][f"original_{name}"] for name in ("firstorder_Mean", "shape_VoxelVolume"))
    means = [image[1:5, 1:5, 1:5].mean(), image[7:9, 10:14, 10:14].mean()]
    if weights is None:
        assert volume == 96 * 2
        assert mean == pytest.approx((64 * means[0] + 32 * means[1]) / 96, rel=1e-6)
    else:
        assert volume == pytest.approx(2 * np.dot(weights, [64, 32]))
        assert mean == pytest.approx(np.dot(weights, means), rel=1e-6)


def test_normalisation_may_refer_to_a_region_that_is_averaged_and_a_failed_part_fails_the_region() -> None:
    scene = scene_of(two_lesions(), {"t1": np.random.default_rng(1).normal(100, 10, SHAPE)}, tumour=1)
    (region,) = make_regions(scene, [LesionsRegion(name="l", of="tumour", aggregate="mean")])
    config = RadiomicsConfig(classes=("firstorder",), normalize=True, normalize_region="l", bin_width=1)
    assert list(region_features(scene.images["t1"], [region], config)) == ["l"]
    bright = RadiomicsConfig(classes=("firstorder",), resegment_range=(1000, 2000))
    image = np.where(box(SHAPE, (0, 0, 0), (6, 21, 21)), 1500, 100).astype(np.float32)
    failed = measured_regions(Volume(image, grid(SHAPE, SPACING)), [region], bright)["l"].failed
    assert failed is not None
    assert str(failed).startswith("l: ")
    assert "l (part 2 of 2)" in str(failed)


def test_a_threshold_is_absolute_relative_or_a_window() -> None:
    array, image = cube(), np.zeros(SHAPE)
    image[5, 6:15, 6:15] = 4.0
    image[5, 10, 10], image[0, 0, 0], image[3, 6, 6] = 10.0, 50.0, 9.0
    scene = scene_of(array, {"pet": image, "t1": image * 0}, tumour=1)
    tumour: dict[str, Any] = {"name": "t", "of": "tumour", "sequence": "pet"}
    assert int(ThresholdRegion(**tumour, at_least=4.0).mask(scene).sum()) == 82
    assert int(ThresholdRegion(**tumour, at_least=0.41, relative=True).mask(scene).sum()) == 2  # of 10, not of 50
    assert int(ThresholdRegion(**tumour, at_least=4.0, components="largest").mask(scene).sum()) == 81
    assert int(ThresholdRegion(**tumour, between=(3.5, 9.0)).mask(scene).sum()) == 81
    assert int(ThresholdRegion(**tumour, between=(0.35, 0.9), relative=True).mask(scene).sum()) == 81
    assert int(ThresholdRegion(**tumour | {"sequence": None}, at_least=4.0).mask(scene).sum()) == 0  # of the t1


def test_a_value_that_is_the_threshold_but_for_float32_is_in() -> None:
    image = np.zeros(SHAPE)
    image[5, 6:15, 6:15], image[5, 10, 10] = 4.1, 10.0
    image[6, 6:15, 6:15] = np.float32(7.3) * 0.41
    scene = scene_of(cube(), {"pet": image}, tumour=1)
    tumour: dict[str, Any] = {"name": "t", "of": "tumour", "sequence": "pet"}
    assert int(ThresholdRegion(**tumour, at_least=0.41, relative=True).mask(scene).sum()) == 81
    assert int(ThresholdRegion(**tumour, at_least=4.1).mask(scene).sum()) == 81
    assert int(ThresholdRegion(**tumour, between=(2.993, 4.1)).mask(scene).sum()) == 161


def test_a_threshold_reads_the_image_where_the_labels_lie() -> None:
    array = cube()
    coarse = Grid((6, 11, 11), (4.0, 2.0, 2.0))  # a voxel on every second one, the ramp is kept by linear interpolation
    ramp = np.broadcast_to(np.arange(11) * 2.0, coarse.shape)
    scene = scene_of(array, {"t1": np.zeros(SHAPE)}, tumour=1)
    scene = Scene(scene.labels, scene.numbers, None, None, {"pet": Volume(ramp.astype(np.float32), coarse)}, "T1", "t1")
    found = ThresholdRegion(name="t", of="tumour", sequence="pet", at_least=10.5).mask(scene)
    np.testing.assert_array_equal(found, box(SHAPE, (3, 6, 11), (8, 15, 15)))


def test_images_that_lack_or_lie_beside_are_errors_of_their_case() -> None:
    scene = scene_of(cube(), {"t1": np.zeros(SHAPE)}, tumour=1)
    pet = ThresholdRegion(name="t", of="tumour", sequence="pet", at_least=2.5)
    with pytest.raises(CaseError, match="T1: a region needs the image 'pet', and the case has t1; give its path"):
        make_regions(scene, [pet])
    away = Volume(np.ones(SHAPE, dtype=np.float32), Grid(SHAPE, SPACING, (500.0, 0.0, 0.0)), "pet")
    apart = Scene(scene.labels, scene.numbers, None, None, {"pet": away}, "T1", "t1")
    with pytest.raises(CaseError, match="T1: image pet lies wholly beside"):
        make_regions(apart, [pet])
    with pytest.raises(InputError, match="name its `sequence`"):
        ThresholdRegion(name="t", of="tumour", at_least=2.5).mask(Scene(scene.labels, scene.numbers))
    with pytest.raises(CaseError, match="T1: region 't' has 0 voxels"):
        make_regions(scene, [ThresholdRegion(name="t", of="tumour", at_least=2.5)])


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (RingRegion, {"around": 1, "from_mm": 5, "margin_mm": 5}, "from_mm 5 is not below margin_mm 5"),
        (InterfaceRegion, {"between": (1, 1)}, "1 stands twice"),
        (InterfaceRegion, {"between": (1, 2), "gap_mm": 5}, "gap_mm 5 is not below margin_mm 5"),
        (LesionsRegion, {"of": 1, "components": "largest", "aggregate": "mean"}, "the largest lesion is one"),
        (ThresholdRegion, {"of": 1}, "give `at_least`, or `between`"),
        (ThresholdRegion, {"of": 1, "at_least": 1, "between": (1, 2)}, "give `at_least`, or `between`"),
        (ThresholdRegion, {"of": 1, "between": (2, 1)}, "2 is not below 1"),
    ],
)
def test_settings_that_make_no_region_are_told(kind: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        kind(name="r", **settings)


def test_a_sarcoma_has_its_rings_its_rim_and_its_hot_part() -> None:
    """STS_002: rings of T1 in mm on voxels of 1 x 1 x 3.3 mm; the PET is read on its own grid and on that of the CT."""
    folder = real_file("sarcoma/STS_002/t1.nii.gz").parent
    t1, pet = (read_volume(folder / f"{name}.nii.gz") for name in ("t1", "pet"))
    labels = read_labels(folder / "t1_mask.nii.gz")
    scene = Scene(labels, {"tumour": 1}, images={"t1": t1}, case="STS_002", measured="t1")
    configs = [
        RingRegion(name="near", around="tumour", margin_mm=5, within="body"),
        RingRegion(name="far", around="tumour", from_mm=5, margin_mm=10, within="body"),
        RingRegion(name="rim", around="tumour", inside=True, margin_mm=5),
    ]
    near, far, rim = (region.mask for region in make_regions(scene, configs))
    outside = ndimage.distance_transform_edt(~(labels.array > 0), sampling=labels.spacing_zyx_mm)
    assert outside[near].max() <= 5 < outside[far].min()
    assert np.median(t1.array[near]) > 200  # air of this image is 1 to 10
    assert (t1.array[near | far] > 40).mean() > 0.99
    assert (labels.array[rim] == 1).all()
    own = read_labels(folder / "pet_mask.nii.gz")
    hot = ThresholdRegion(name="hot", of="tumour", sequence="pet", at_least=0.41, relative=True)
    finer = resample_labels(own, with_spacing(own.grid, (1.635, 1.82, 1.82)))
    volumes = []
    for mask in (own, finer):
        (region,) = make_regions(Scene(mask, {"tumour": 1}, images={"pet": pet}, case="STS_002"), [hot])
        volumes.append(region.volume_mm3)
    assert volumes[1] == pytest.approx(volumes[0], rel=0.1)
