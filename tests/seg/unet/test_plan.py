"""The plan: from headers, within a memory, as a person edited it, and fitted to each network's cases."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from boxes import grid

from radfuse.errors import InputError
from radfuse.seg.nnunet.backend import NnunetSegmentation
from radfuse.seg.plan import SegPlan
from radfuse.seg.unet.backend import UnetSegmentation
from radfuse.seg.unet.memory import step_bytes
from radfuse.seg.unet.plan import fitted_plan, given_plan, make_plan

SHAPE = (16, 32, 48)


def config(**settings: object) -> UnetSegmentation:
    return UnetSegmentation.model_validate({"labels": {"bone": 1, "rare": 5}, "channels": (8, 16, 16), **settings})


def case(folder: Path, name: str, values: tuple[float, float], classes: tuple[int, ...] = (1, 2)) -> Path:
    """Write an image of a value outside and one inside a mask of a row of voxels a class."""
    image, target = np.full((1, *SHAPE), values[0], dtype=np.float32), np.zeros(SHAPE, dtype=np.uint8)
    for number in classes:
        target[4, number, :20] = number
    image[0][target > 0] = values[1]
    (folder / name).mkdir()
    np.save(folder / name / "image.npy", image)
    np.save(folder / name / "target.npy", target)
    return folder / name


def test_slices_have_no_depth_and_are_not_mirrored_in_their_order() -> None:
    settings = {"mirror_axes": ("z", "x"), "mirror_prediction": True}
    plan = make_plan(config(dimensions="2.5d", **settings), [grid(SHAPE)])
    assert (plan.patch_zyx, plan.slices, plan.neighbours, plan.inputs) == ((1, 32, 48), True, 1, 3)
    assert plan.mirror_axes == ("x",)
    assert {stride[0] for stride in plan.strides} == {kernel[0] for kernel in plan.kernels} == {1}
    assert make_plan(config(**settings), [grid(SHAPE)]).mirror_axes == ("z", "x")
    assert make_plan(config(mirror_axes=("z", "x")), [grid(SHAPE)]).mirror_axes == ()


@pytest.mark.parametrize(
    ("dimensions", "voxels", "shape", "patch"),
    [("3d", 1, SHAPE, (4, 4, 8)), ("2d", 1, SHAPE, (1, 4, 8)), ("3d", 9999, (3, 4, 2), (4, 4, 8))],
)
def test_two_voxels_are_left_on_the_coarsest_level(
    dimensions: str, voxels: int, shape: tuple[int, int, int], patch: tuple[int, int, int]
) -> None:
    assert make_plan(config(dimensions=dimensions, patch_voxels=voxels), [grid(shape)]).patch_zyx == patch


def test_memory_chooses_patch_and_batch() -> None:
    whole = make_plan(config(budget={"memory_gib": 64}), [grid(SHAPE)])
    assert (whole.patch_zyx, whole.batch) == (SHAPE, 16)
    room = 1.0 + 0.03
    small = make_plan(config(budget={"memory_gib": room}), [grid(SHAPE)])
    voxels = int(np.prod(small.patch_zyx))
    assert voxels < np.prod(SHAPE)
    assert small.batch is not None
    assert step_bytes(small, voxels, small.batch) <= room * 2**30 < step_bytes(small, voxels, small.batch + 1)
    with pytest.raises(InputError, match=r"memory_gib is 0\.5, and training takes"):
        make_plan(config(budget={"memory_gib": 0.5}), [grid(SHAPE)])


def test_an_edited_plan_comes_back(tmp_path: Path) -> None:
    made = config().plan([grid(SHAPE)])
    (tmp_path / "plan.json").write_text(made.replace('"overlap": 0.5', '"overlap": 0.25'))
    own = config(plan_file="plan.json").beside(tmp_path)
    assert SegPlan.model_validate_json(own.plan([grid((4, 4, 4))])) == SegPlan.model_validate_json(made).model_copy(
        update={"overlap": 0.25}
    )


def test_what_an_edited_plan_overrules_is_told(tmp_path: Path) -> None:
    stated = {"overlap": 0.3, "channels": (8, 16, 32), "patch_voxels": 4000, "mirror_axes": ("x",)}
    stated |= {"mirror_prediction": True, "intensities": {"ct": "ct"}, "batch": 3}
    made = config(**stated).plan([grid(SHAPE)])
    (tmp_path / "plan.json").write_text(made)
    assert config(**stated, plan_file="plan.json").beside(tmp_path).remarks() == []
    assert UnetSegmentation(labels=config().labels, plan_file=tmp_path / "plan.json").remarks() == []  # states nothing
    others = {"overlap": 0.4, "dimensions": "2.5d", "spacing_zyx_mm": (2, 1, 1), "patch_voxels": 64, "batch": 4}
    more = {"mirror_axes": ("y",), "mirror_prediction": True, "budget": {"memory_gib": 4}}
    (tmp_path / "plan.json").write_text(made.replace('"batch": null', '"batch": 3'))
    *_, told = config(**others, **more, plan_file="plan.json").beside(tmp_path).remarks()
    assert "plan_file plan.json is followed where settings say otherwise: dimensions 3d, not 2.5d; " in told
    for part in ("mirror_prediction ['x'], not ['y']", "batch 3, not 4", "overlap 0.3, not 0.4", "not of 64 at most"):
        assert part in told
    assert "spacing_zyx_mm (1.0, 1.0, 1.0), not (2.0, 1.0, 1.0)" in told
    assert "its own patch, and none by budget.memory_gib. Change the plan, or remove these settings" in told


def test_what_a_budget_chooses_is_told_where_it_is_said_too() -> None:
    time, memory = config(budget={"minutes": 5, "memory_gib": 4}, steps=50, batch=4, patch_voxels=9000).remarks()
    assert time == "budget.minutes chooses steps: what stands there is not heeded; remove it"
    assert memory.startswith("budget.memory_gib chooses patch_voxels and batch: ")
    assert config(budget={"minutes": 5}, batch=4).remarks() == []
    nnunet = NnunetSegmentation(labels={"a": 1}, minutes=5)
    assert nnunet.remarks() == []
    assert "minutes chooses epochs" in nnunet.model_copy(update={"epochs": 50}).remarks()[0]


def test_neighbours_of_volumes_are_told_of() -> None:
    (told,) = config(neighbours=2).remarks()
    assert told.startswith("neighbours says something of dimensions: 2.5d, and these are 3d")
    assert config(neighbours=2, dimensions="2.5d").remarks() == config().remarks() == []


WRONG = {
    "labels": ({"bone": 1}, "its labels are {'bone': 1}, those of the study"),
    "images": (2, "it reads 2 images, the study gives 1"),
    "patch_zyx": ([16, 30, 48], "patch_zyx is 30 along y, no multiple of 4; 32 would fit"),
    "patch_zyx of one": ([4, 4, 4], "patch_zyx is one voxel on the coarsest level; make it 8 along x, not 4"),
    "patch_zyx below nothing": ([-16, 32, 48], "patch_zyx is -16 along z, no multiple of 4; 4 would fit"),
    "overlap": (1.0, "overlap: Input should be less than 1"),
    "spacing_zyx_mm": ([0, 1, 1], "spacing_zyx_mm.0: Input should be greater than 0"),
    "channels": ([], "channels: List should have at least 1 item"),
    "orientation": ("LLS", "orientation: 'LLS' does not say where x, y and z point"),
    "parts": ([1], "parts holds one value for each of the labels (2), or none; here 1"),
    "intensities": (["ct", "body"], "intensities holds one value for each of the images (1), or none; here 2"),
    "neighbours": (1, "neighbours are those of slices, and slices is false"),
    "overlaps": (0.3, "overlaps: unknown setting; did you mean 'overlap'?"),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_edited_plan_that_does_not_fit_is_told_why(tmp_path: Path, name: str) -> None:
    content, (value, says) = json.loads(config().plan([grid(SHAPE)])), WRONG[name]
    (tmp_path / "plan.json").write_text(json.dumps({**content, name.split()[0]: value}))
    with pytest.raises(InputError) as caught:
        given_plan(config(), tmp_path / "plan.json")
    assert says in str(caught.value)


def test_the_foreground_is_that_of_a_networks_own_cases(tmp_path: Path) -> None:
    plan = make_plan(config(intensities={"ct": "ct"}), [grid(SHAPE)])
    first, second, seen_by_others = (case(tmp_path, f"c{n}", (-1000, v)) for n, v in enumerate((40, 60, 900)))
    (inside,) = fitted_plan(plan, config(), [first, second]).foreground
    assert inside is not None
    assert (inside.low, inside.high, inside.mean, inside.deviation) == pytest.approx((40, 60, 50, 10))
    (other,) = fitted_plan(plan, config(), [first, second, seen_by_others]).foreground
    assert other is not None
    assert other.high > 800
    assert fitted_plan(make_plan(config(), [grid(SHAPE)]), config(), [first]).foreground == ()


def test_masks_without_what_is_to_be_learned_are_told_apart(tmp_path: Path) -> None:
    plan = make_plan(config(), [grid(SHAPE)])
    empty, half = case(tmp_path, "empty", (0, 0), ()), case(tmp_path, "half", (0, 1), (1,))
    with pytest.raises(
        InputError, match="all 1 training masks of a network are empty: none holds a voxel of bone, rare"
    ):
        fitted_plan(plan, config(), [empty])
    with pytest.raises(InputError, match="label 'rare' is in none of the 2 masks that a network learns from"):
        fitted_plan(plan, config(), [half, empty])


DISAGREE = {
    "intensities names 'cr', which is not in `sequence`": {"sequence": ["ct", "pet"], "intensities": {"cr": "ct"}},
    "intensities names several images; say which": {"intensities": {"ct": "ct", "pet": "body"}},
    "patience needs validation": {"patience": 3},
    "mirror_prediction needs mirror_axes": {"mirror_prediction": True},
}


@pytest.mark.parametrize("says", DISAGREE)
def test_settings_that_do_not_go_together_are_refused(says: str) -> None:
    with pytest.raises(ValueError, match=says):
        config(**DISAGREE[says])


def test_each_sequence_has_its_own_intensities() -> None:
    plan = make_plan(config(sequence=["ct", "pet"], intensities={"pet": "body", "ct": "ct"}), [grid(SHAPE)])
    assert (plan.images, plan.intensities) == (2, ("ct", "body"))
