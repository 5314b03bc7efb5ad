"""Knee regions on phantom knees: left and right, stored in any way, at other spacings."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest
from knees import mirrored, phantom_knee, scene_of, stored_as, turned_array
from pydantic import TypeAdapter
from scipy import ndimage

from radfuse.phantom.knee_shapes import KneeShape
from radfuse.regions.config import RegionConfig, Regions
from radfuse.regions.make import make_regions
from radfuse.regions.scene import Scene
from radfuse.seg.metrics import dice
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap
from radfuse.volume.region import Region
from radfuse.volume.resample import resample_labels

_BAND = {"kind": "subchondral", "bone": "tibia", "cartilage": "tibial_cartilage", "from_mm": 3, "depth_mm": 6}
_RIM = {"kind": "margin", "bone": "femur", "cartilage": "femoral_cartilage"}
KINDS: tuple[RegionConfig, ...] = TypeAdapter(Regions).validate_python(
    [
        {"preset": "cartimorph20"},
        {"preset": "load_bearing", "meniscus": "meniscus"},
        {**_BAND, "name": "band", "half": "medial", "below": "once_covered"},
        {**_RIM, "name": "rim", "half": "lateral"},
        {"kind": "compartment", "name": "front", "of": ["tibia", "femur"], "half": "medial", "part": "anterior"},
    ]
)


def made(labels: LabelMap, side: str | None = None) -> dict[str, Region]:
    return {region.name: region for region in make_regions(scene_of(labels, side), KINDS)}


@pytest.fixture(scope="module")
def right() -> LabelMap:
    return phantom_knee()


@pytest.fixture(scope="module")
def regions(right: LabelMap) -> dict[str, Region]:
    return made(right)


def test_all_regions_are_there_and_the_20_fill_the_cartilage(right: LabelMap, regions: dict[str, Region]) -> None:
    assert len(regions) == 20 + 10 + 3
    parts = [region.mask for name, region in regions.items() if name.endswith(("FC", "TC"))]
    assert len(parts) == 20
    assert np.array_equal(np.sum(parts, axis=0), np.isin(right.array, (2, 4)).astype(int))


def test_medial_lies_towards_the_middle_of_the_body(right: LabelMap, regions: dict[str, Region]) -> None:
    slices = {name: np.argwhere(region.mask)[:, 0].mean() for name, region in regions.items()}  # axis 0 runs medially
    for name in regions:
        if "medial" in name:
            assert slices[name] > slices[name.replace("medial", "lateral")] + 10
    assert slices["iMTC"] < slices["cMTC"] < slices["eMTC"]
    assert slices["icLFC"] > slices["ccLFC"] > slices["ecLFC"]


@pytest.mark.parametrize("side", [None, "left", "L"])
def test_a_mirrored_knee_has_the_same_regions(right: LabelMap, regions: dict[str, Region], side: str | None) -> None:
    for name, region in made(mirrored(right), side).items():
        assert region.voxels == regions[name].voxels, name
        assert np.array_equal(region.mask, regions[name].mask), name


@pytest.mark.parametrize(
    ("order", "flipped"),
    [((0, 1, 2), (True, False, True)), ((2, 0, 1), (False, True, False)), ((1, 0, 2), (True, True, True))],
)
def test_storage_does_not_matter(
    right: LabelMap,
    regions: dict[str, Region],
    order: tuple[int, int, int],
    flipped: tuple[bool, bool, bool],
) -> None:
    for name, region in made(stored_as(right, order, flipped)).items():
        assert np.array_equal(region.mask, turned_array(regions[name].mask, order, flipped)), name


def test_spacing_moves_no_border_by_more_than_a_voxel(right: LabelMap, regions: dict[str, Region]) -> None:
    """Where the same knee on finer voxels has the same tissue, a voxel changes its region only beside a border."""
    fine = phantom_knee((1.4, 1.0, 1.0))
    tissue = resample_labels(fine, right.grid).array == right.array
    voxel = float(np.linalg.norm(right.spacing_zyx_mm))
    for name, region in made(fine).items():
        there = resample_labels(LabelMap(region.mask.astype(np.uint8), fine.grid), right.grid).array > 0
        here = regions[name].mask
        inner, outer = (ndimage.distance_transform_edt(each, sampling=right.spacing_zyx_mm) for each in (here, ~here))
        away = np.maximum(inner, outer)[(here != there) & tissue]
        assert not len(away) or np.quantile(away, 0.95) <= voxel, name
        assert region.volume_mm3 == pytest.approx(regions[name].volume_mm3, rel=0.2), name


def test_thick_slices_show_what_thin_ones_do() -> None:
    """Slices of 5 mm, each the middle one of five; Dice with the same slices of the thin ones' regions."""
    fine = phantom_knee((1.0, 1.6, 1.6))
    grid = Grid((len(fine.array[2::5]), *fine.grid.shape[1:]), (5.0, 1.6, 1.6), direction=fine.grid.direction)
    x, y, z = np.array(fine.grid.origin) + 2.0 * np.reshape(grid.direction, (3, 3))[:, 2]
    thick = LabelMap(fine.array[2::5].copy(), replace(grid, origin=(float(x), float(y), float(z))))
    found, thin = ({one.name: one.mask for one in make_regions(scene_of(each), KINDS, 1)} for each in (thick, fine))
    parts = [mask for name, mask in found.items() if name.endswith(("FC", "TC"))]
    assert np.array_equal(np.sum(parts, axis=0), np.isin(thick.array, (2, 4)).astype(int))
    for name, least in {"rim": 0.62, "band": 0.86, "ecLFC": 0.9, "lateral_load_bearing_femur": 0.93}.items():
        assert dice(found[name], thin[name][2::5]) > least, name  # 0.57, 0.84, 0.82 and 0.88 between centres


@pytest.mark.parametrize("bend_deg", [10, 30])
def test_what_bears_load_in_a_bent_knee_lies_over_the_tibia_as_in_a_straight_one(
    regions: dict[str, Region], right: LabelMap, bend_deg: float
) -> None:
    """The femur leans back over a tibia that stays: other cartilage bears load, where it did, and faces the same."""
    shape = KneeShape(flexion_deg=3, rotation_deg=6, abduction_deg=2, shift_medial=1.3, bend_deg=bend_deg)
    bent = phantom_knee(shape=shape)
    found = made(bent)
    test_all_regions_are_there_and_the_20_fill_the_cartilage(bent, found)
    test_medial_lies_towards_the_middle_of_the_body(bent, found)
    assert dice(bent.array == 3, right.array == 3) > 0.99
    for half in ("medial", "lateral"):
        name = f"{half}_load_bearing_femoral_cartilage"
        here, straight = (
            np.argwhere(every[name].mask).mean(axis=0) * right.spacing_zyx_mm for every in (found, regions)
        )
        assert np.abs(here - straight).max() < 2.5  # mm across, down and back
        assert found[name].voxels == pytest.approx(regions[name].voxels, rel=0.15)
        faces = f"{half}_load_bearing_tibial_cartilage"
        assert dice(found[faces].mask, regions[faces].mask) > 0.85
    trochlea = dice(found["aMFC"].mask, regions["aMFC"].mask)
    assert trochlea < 0.3  # it went up with the femur


def test_regions_of_one_scene_share_the_knee(right: LabelMap) -> None:
    scene: Scene = scene_of(right)
    make_regions(scene, KINDS)
    before = {key: id(value) for key, value in scene.memo.items()}
    make_regions(scene, KINDS)
    assert {key: id(value) for key, value in scene.memo.items()} == before
    assert before


def test_a_finished_scene_leaves_nothing_behind(right: LabelMap) -> None:
    """A worker that takes case after case must not wait for the search for circles."""
    scene = scene_of(right)
    make_regions(scene, KINDS)
    left = weakref.ref(scene)
    gc.disable()
    try:
        del scene
        assert left() is None
    finally:
        gc.enable()
