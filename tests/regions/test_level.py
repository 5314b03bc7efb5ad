"""Levels of the spine by hand: boxes in patient space, drawn on stacks of any spacing, orientation and tilt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radfuse.cohort.config import CohortConfig
from radfuse.cohort.read import read_cohort
from radfuse.cohort.splits import Grouped
from radfuse.errors import CaseError, InputError
from radfuse.recipe import RegionRecipe, about, masked, regions_on
from radfuse.regions.fat import FatRegion, Tissue
from radfuse.regions.level import LevelRegion
from radfuse.regions.make import make_regions
from radfuse.regions.scene import Scene
from radfuse.sequences import SequenceRecipe
from radfuse.volume.grid import Grid, oriented
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.plane import layer_axis, positions_of
from radfuse.volume.visit import Visit

NAMES = {"l5": 1, "disc": 2, "l4": 3, "multifidus": 4, "sac": 5}
STACK = Grid((22, 90, 90), (4.0, 1.0, 1.0), (-7.5, -20.5, -45.0))
"""Axial slices of 4 mm from z = -45 to 39 mm; that at -9 is nearest to the disc's middle, -7."""
MIDDLE = 37.0
"""x of the spine, in mm."""


def spine_on(where: Grid, *, tilt_degrees: float = 0.0, processes: bool = False) -> LabelMap:
    """Draw L4, L5, the disc between z = -12 and -2, and multifidus on both sides; it may be tilted about the x axis."""
    x, y, z = positions_of(np.ones(where.shape, dtype=bool), where).T.reshape(3, *where.shape)
    turn = np.radians(tilt_degrees)
    x, y, z = x - MIDDLE, y * np.cos(turn) - z * np.sin(turn), y * np.sin(turn) + z * np.cos(turn)
    array = np.zeros(where.shape, dtype=np.uint8)
    body = (np.abs(x) < 20) & (np.abs(y) < 15)
    for label, low, high in ((1, -40, -12), (2, -12, -2), (3, -2, 26)):
        array[body & (z > low) & (z <= high)] = label
    array[(np.abs(np.abs(x) - 18) < 10) & (np.abs(y - 37) < 12)] = 4
    if processes:
        array[(np.abs(x) < 3) & (np.abs(y - 30) < 15) & (z > -20) & (z <= 12)] = 3
        array[(np.abs(x) < 3) & (np.abs(y - 30) < 15) & (z > -45) & (z <= -20)] = 1
    return LabelMap(array, where, {}, "spine")


def scene_of(labels: LabelMap, **more: Any) -> Scene:
    return Scene(labels, NAMES, case="S1", **more)


def level(**settings: Any) -> LevelRegion:
    return LevelRegion(name="m", of=("multifidus",), level="L4/5", **settings)


def heights(mask: np.ndarray, where: Grid) -> list[float]:
    return sorted({round(float(z), 6) for z in positions_of(mask, where)[:, 2]})


def points(mask: np.ndarray, where: Grid) -> set[tuple[float, ...]]:
    return {tuple(np.round(place, 4) + 0.0) for place in positions_of(mask, where)}


def test_the_slice_nearest_to_the_middle_of_the_disc_is_measured() -> None:
    labels = spine_on(STACK)
    found = level(by=("disc",)).mask(scene_of(labels))
    np.testing.assert_array_equal(found[9], labels.array[9] == 4)
    assert heights(found, STACK) == [-9.0]
    assert found.sum() == 2 * 20 * 24
    assert heights(level(by=("disc",), slices=3).mask(scene_of(labels)), STACK) == [-13.0, -9.0, -5.0]
    assert heights(level(by=("disc",), slices=2).mask(scene_of(labels)), STACK) == [-9.0, -5.0]


@pytest.mark.parametrize("processes", [False, True])
def test_without_a_disc_the_level_lies_midway_between_its_vertebrae(processes: bool) -> None:
    labels = spine_on(replace(STACK, shape=(84, 90, 90), spacing_zyx_mm=(1.0, 1.0, 1.0)), processes=processes)
    for order in (("l4", "l5"), ("l5", "l4")):
        (z,) = heights(level(by=order).mask(scene_of(labels)), labels.grid)
        assert z == pytest.approx(-7.0, abs=1.0)


def test_landmarks_and_slices_find_the_same_as_labels() -> None:
    labels = spine_on(STACK)
    wanted = level(by=("disc",)).mask(scene_of(labels))
    np.testing.assert_array_equal(level().mask(scene_of(labels, landmarks={"L4/5": -7.2})), wanted)
    np.testing.assert_array_equal(level().mask(scene_of(labels, slices={"L4/5": 10})), wanted)
    upside_down = oriented(STACK, "LPI")
    turned = LabelMap(labels.array[::-1], upside_down)
    np.testing.assert_array_equal(level().mask(scene_of(turned, slices={"L4/5": 13})), wanted[::-1])


def test_slices_are_counted_on_the_stack_that_the_mask_was_drawn_on() -> None:
    fine = Grid((42, 90, 90), (2.0, 1.0, 1.0), (-7.5, -20.5, -44.5))
    found = level().mask(scene_of(spine_on(fine), slices={"L4/5": 10}, stack=STACK))
    assert heights(found, fine) == [-8.5]


@pytest.mark.parametrize("orientation", ["RAS", "PIR", "ASL", "SLP"])
@pytest.mark.parametrize(
    "settings",
    [{"by": ("disc",)}, {"by": ("l4", "l5"), "half": "left", "thickness_mm": 9.0}, {"half": "right", "slices": 2}],
)
def test_regions_do_not_depend_on_how_voxels_are_stored(orientation: str, settings: dict[str, Any]) -> None:
    landmarks = {"L4/5": -7.2}
    wanted = level(**settings).mask(scene_of(spine_on(STACK), landmarks=landmarks))
    turned = oriented(STACK, orientation)
    found = level(**settings).mask(scene_of(spine_on(turned), landmarks=landmarks))
    assert points(found, turned) == points(wanted, STACK)


def test_left_is_the_patients_left_and_the_halves_share_nothing() -> None:
    scene = scene_of(spine_on(STACK), landmarks={"L4/5": -7.0})
    for settings in ({"by": ("disc",)}, {"about": "l4"}, {}):
        left, right, both = (level(half=half, **settings).mask(scene) for half in ("left", "right", "both"))
        assert (positions_of(left, STACK)[:, 0] > MIDDLE).all()
        assert left.sum() == right.sum() == 480
        np.testing.assert_array_equal(left | right, both)


def test_sagittal_slices_that_follow_each_other_are_no_gap_between_left_and_right() -> None:
    """One muscle of three slices, 4 mm apart: the widest gap between its voxels is that of two slices."""
    array = np.zeros((9, 20, 20), np.uint8)
    array[3:6, 5:15, 5:15] = 4
    sagittal = LabelMap(array, Grid(array.shape, (4.0, 1.0, 1.0), direction=(0, 0, 1, 1, 0, 0, 0, -1, 0)))
    with pytest.raises(CaseError, match="left cannot be told from right"):
        level(half="left").mask(scene_of(sagittal, landmarks={"L4/5": -10.0}))


def test_a_slab_lies_across_a_tilted_disc_and_slices_do_not() -> None:
    labels = spine_on(Grid((84, 110, 90), (1.0, 1.0, 1.0), (-7.5, -40.5, -45.0)), tilt_degrees=20)
    turn = np.radians(20)
    axis = np.array([0.0, np.sin(turn), np.cos(turn)])
    for by in (("disc",), ("l4", "l5")):
        slab = positions_of(level(by=by, thickness_mm=6).mask(scene_of(labels)), labels.grid)
        along = slab @ axis
        assert along.min() == pytest.approx(-10, abs=0.7)
        assert along.max() == pytest.approx(-4, abs=0.7)
    centre = positions_of(labels.array == 2, labels.grid).mean(axis=0)
    (z,) = heights(level(by=("disc",)).mask(scene_of(labels)), labels.grid)
    assert z == pytest.approx(centre[2], abs=0.51)


def test_on_an_oblique_stack_a_landmark_is_looked_up_where_the_muscles_are() -> None:
    turn = np.radians(20)
    direction = (1.0, 0.0, 0.0, 0.0, np.cos(turn), -np.sin(turn), 0.0, np.sin(turn), np.cos(turn))
    oblique = Grid((22, 110, 90), (4.0, 1.0, 1.0), (-7.5, -20.0, -60.0), direction)
    labels = spine_on(oblique)
    found = level().mask(scene_of(labels, landmarks={"L4/5": -7.0}))
    assert len(set(np.argwhere(found)[:, layer_axis(oblique)])) == 1
    assert positions_of(found, oblique)[:, 2].mean() == pytest.approx(-7.0, abs=2.2)


def test_a_vertebra_has_a_level_of_its_own() -> None:
    region = LevelRegion(name="m", of=("multifidus",), level="L4", at="mid_vertebra", by=("l4",))
    assert heights(region.mask(scene_of(spine_on(STACK))), STACK) == [11.0]


def test_fat_and_lean_share_the_muscle_by_a_threshold() -> None:
    labels = spine_on(STACK)
    muscle = labels.array == 4
    streaks = muscle & (np.indices(STACK.shape)[2] % 5 == 0)
    noise = np.random.default_rng(0).normal(0, 10, STACK.shape)
    t2, ct = (np.where(streaks, fat, lean) + noise for fat, lean in ((400.0, 100.0), (-100.0, 50.0)))
    images = {name: Volume(array.astype(np.float32), STACK, name) for name, array in (("t2", t2), ("ct", ct))}
    scene = scene_of(labels, images=images, measured="t2", landmarks={"L4/5": -7.0})
    muscles: dict[str, Any] = {"name": "f", "of": ("multifidus",)}
    np.testing.assert_array_equal(FatRegion(**muscles, part="fat").mask(scene), streaks)
    np.testing.assert_array_equal(FatRegion(**muscles, part="lean").mask(scene), muscle & ~streaks)
    np.testing.assert_array_equal(FatRegion(**muscles, part="lean", threshold=250).mask(scene), muscle & ~streaks)
    dark = FatRegion(**muscles, part="fat", fat="dark", threshold=-30, sequence="ct").mask(scene)
    np.testing.assert_array_equal(dark, streaks)
    here = level(half="left", tissue=Tissue(part="fat")).mask(scene)
    left = level(half="left").mask(scene)
    np.testing.assert_array_equal(here, streaks & left)


def test_one_bright_spot_does_not_blur_where_fat_begins() -> None:
    labels = spine_on(STACK)
    muscle = labels.array == 4
    streaks = muscle & (np.indices(STACK.shape)[2] % 3 == 0)
    image = np.where(streaks, 500.0, 100.0) + np.random.default_rng(0).uniform(-15, 15, STACK.shape)
    image[tuple(np.argwhere(streaks)[0])] = 3000.0  # bins of a histogram would be 11 wide
    scene = scene_of(labels, images={"t2": Volume(image.astype(np.float32), STACK, "t2")}, measured="t2")
    np.testing.assert_array_equal(FatRegion(name="f", of=("multifidus",), part="fat").mask(scene), streaks)


def test_a_fraction_in_float32_that_is_the_threshold_is_lean_and_a_flat_muscle_has_no_otsu() -> None:
    labels = spine_on(STACK)
    flat = Volume(np.full(STACK.shape, 0.3, dtype=np.float32), STACK, "pdff")
    scene = scene_of(labels, images={"pdff": flat}, measured="pdff")
    assert not FatRegion(name="f", of=("multifidus",), part="fat", threshold=0.3).mask(scene).any()
    for part in ("fat", "lean"):
        with pytest.raises(CaseError, match=r"S1: all voxels that lean and fat .* alike \(0\.3\), and no threshold"):
            make_regions(scene, [FatRegion(name="f", of=("multifidus",), part=part)])


def test_levels_that_cannot_be_found_are_errors_of_their_case() -> None:
    labels = spine_on(STACK)
    array = labels.array.copy()
    array[:, :, :44][array[:, :, :44] == 4] = 0
    one_sided = LabelMap(array, STACK)
    sagittal = spine_on(oriented(STACK, "PIR"))
    short = LabelMap(np.where(np.arange(22)[:, None, None] > 14, labels.array, 0), STACK)
    sheet = LabelMap(np.where(np.indices(STACK.shape)[2] == 40, 2, labels.array * (labels.array != 2)), STACK)
    dot = labels.array * (labels.array != 2)
    dot[10, 45, 45] = 2
    speck = LabelMap(dot, STACK)
    for made, settings, message in (
        (scene_of(labels, landmarks={"L4/5": -300.0}), {}, r"S1: level L4/5: z = -300\.0 mm lie outside the image, wh"),
        (scene_of(labels, landmarks={"L4/5": -300.0}), {}, r"reaches from z = -45\.0 to 39\.0 mm; correct the level"),
        (scene_of(labels, landmarks={"L4/5": -45.0}), {"slices": 3}, r"3 slices at z = -45\.0 mm lie outside"),
        (scene_of(labels, landmarks={"L3/4": 9.0}), {}, r"nothing says where it is; levels .* row says: L3/4\. Fill"),
        (scene_of(labels, slices={"L4/5": 23}), {}, r"slice 23 is not there: the stack has 22, counted from 1, from z"),
        (scene_of(sagittal, slices={"L4/5": 3}), {}, "the slices of the mask are not axial"),
        (scene_of(short), {"by": ("disc",)}, "the label 'disc' has no voxel; labels present: 3, 4"),
        (scene_of(short, landmarks={"L4/5": -7.0}), {}, r"nothing of the labels lies at z = -7\.0 mm; they reach fr"),
        (scene_of(speck), {"by": ("disc",)}, "the label 'disc' has 1 voxel, and 4 tell how a disc lies; correct"),
        (scene_of(sheet), {"by": ("disc",)}, "no disc that lies across the spine: its thin side points 90 degrees"),
        (scene_of(one_sided, landmarks={"L4/5": -7.0}), {"half": "left"}, "left cannot be told from right"),
    ):
        with pytest.raises(CaseError, match=message):
            make_regions(made, [level(**settings)])
    with pytest.raises(CaseError, match="region 'm' has 0 voxels"):
        make_regions(scene_of(one_sided, landmarks={"L4/5": -7.0}), [level(half="right", about="l4")])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"slices": 2, "thickness_mm": 5}, "give `slices` or `thickness_mm`, not both"),
        ({"at": "mid_vertebra", "by": ("l4", "l5")}, "`by` names two"),
        ({"by": ("l4", "l4")}, "'l4' stands twice"),
    ],
)
def test_settings_that_make_no_level_are_told(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        level(**settings)


TABLE = "case_id,patient_id,t2,mask,z_l45,slice_l34,z_bad,slice_bad\n"


def cohort_of(folder: Path, row: str, **settings: Any) -> Any:
    (folder / "cohort.csv").write_text(f"{TABLE}c0,p0,a0,m0,{row}\nc1,p1,a1,m1,,,,\n")
    for name in ("a0", "m0", "a1", "m1"):
        (folder / name).write_text(name)
    return CohortConfig(
        table=folder / "cohort.csv", images={"t2": "t2"}, mask="mask", split=Grouped(folds=2), **settings
    )


def test_the_table_names_levels_by_z_or_by_slice(tmp_path: Path) -> None:
    config = cohort_of(tmp_path, "-7.2,16,,", landmarks={"L4/5": "z_l45"}, slices={"L3/4": "slice_l34"})
    case, _ = read_cohort(config=config)
    assert (case.landmarks, case.slices) == ({"L4/5": -7.2}, {"L3/4": 16})
    labels = spine_on(STACK)
    image = Volume(np.zeros(STACK.shape, dtype=np.float32), STACK)
    configs = tuple(LevelRegion(name=name, of=(4,), level=name.replace("_", "/")) for name in ("L4_5", "L3_4"))
    recipe = RegionRecipe(labels=NAMES, regions=configs, sequences={"t2": SequenceRecipe()})
    images = masked(Visit({"t2": image}, labels), recipe)
    found = regions_on("t2", images, recipe, about(case, ("case_id",)))
    assert [heights(region.mask, STACK) for region in found] == [[-9.0], [15.0]]
    empty = cohort_of(tmp_path, ",,,", landmarks={"L4/5": "z_l45"}, slices={"L3/4": "slice_l34"})
    case, _ = read_cohort(config=empty)
    assert (case.landmarks, case.slices) == ({}, {})
    with pytest.raises(CaseError, match="c0: level L4/5: nothing says where it is"):
        regions_on("t2", images, recipe, about(case, ("case_id",)))


def test_a_table_whose_places_are_none_is_told(tmp_path: Path) -> None:
    bad = cohort_of(tmp_path, "1,2,here,2.5", landmarks={"a": "z_bad", "c": "z_l4"}, slices={"b": "slice_bad"})
    with pytest.raises(InputError) as caught:
        read_cohort(config=bad)
    assert "'here' is not a place in mm; correct it" in str(caught.value)
    assert "'2.5' is not the number of a slice, the first is 1" in str(caught.value)
    assert "there is no column 'z_l4' (cohort.landmarks.c); did you mean 'z_l45'?" in str(caught.value)
    with pytest.raises(InputError, match="'a' stands under `landmarks` and under `slices`"):
        cohort_of(tmp_path, ",,,", landmarks={"a": "z_bad"}, slices={"a": "slice_bad"})


def test_a_stack_of_one_slice_is_a_level() -> None:
    flat = replace(STACK, shape=(1, 90, 90), origin=(-7.5, -20.5, -8.0))
    found = level(by=("disc",), half="left").mask(scene_of(spine_on(flat)))
    assert found.sum() == 480
