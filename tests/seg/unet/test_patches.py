"""What a network is shown: positions, neighbours, intensities, and patches that depend on seed and number alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from boxes import box, grid

pytest.importorskip("torch", reason="training needs radfuse[train]")
import torch

from radfuse.seg.plan import Foreground, SegPlan
from radfuse.seg.preprocess import by_foreground, with_neighbours
from radfuse.seg.unet.backend import UnetSegmentation
from radfuse.seg.unet.patches import Patches, Strength
from radfuse.seg.unet.plan import make_plan

SHAPE = (12, 18, 20)
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]  # MONAI and torch warn of their own ways


def plan_of(**settings: object) -> SegPlan:
    config = {"labels": {"box": 1, "rest": 2}, "channels": (8, 16, 16), "patch_voxels": 4096, **settings}
    return make_plan(UnetSegmentation.model_validate(config), [grid(SHAPE)])


def case(folder: Path, image: np.ndarray) -> Path:
    """Write an image (z, y, x), and a box as its mask."""
    np.save(folder / "image.npy", image.astype(np.float32)[None])
    np.save(folder / "target.npy", box(SHAPE, (3, 4, 5), (9, 12, 13)).astype(np.uint8))
    return folder


@pytest.mark.parametrize("strength", ["none", "light", "full"])
@pytest.mark.parametrize("dimensions", ["2d", "2.5d", "3d"])
def test_a_patch_is_a_function_of_seed_and_number(tmp_path: Path, strength: Strength, dimensions: str) -> None:
    plan = plan_of(dimensions=dimensions, position=True)
    place = case(tmp_path, np.random.default_rng(0).normal(size=SHAPE))
    first, again, other = (Patches([place], plan, 30, seed, ("x",), strength) for seed in (3, 3, 4))
    sizes = plan.patch_zyx if dimensions == "3d" else plan.patch_zyx[1:]
    for number in (0, 7, 29):
        image, target = first[number]
        assert image.shape == (plan.inputs, *sizes)
        assert target.shape == (1, *sizes)
        assert torch.equal(image, again[number][0])
        assert torch.equal(target, again[number][1])
        assert set(target.unique().tolist()) <= {0.0, 1.0}
        assert torch.isfinite(image).all()
    assert not torch.equal(first[0][0], other[0][0])


def test_full_augmentation_varies_images_and_never_positions(tmp_path: Path) -> None:
    plan = plan_of(position=True)
    patches = Patches([case(tmp_path, np.random.default_rng(0).normal(size=SHAPE))], plan, 40, 0, (), "full")
    plain = Patches([tmp_path], plan, 40, 0, (), "none")
    changed = 0
    for number in range(40):
        image, whole = patches[number][0].numpy(), plain[number][0].numpy()
        changed += not np.array_equal(image[0], whole[0])
        assert np.abs(image[1:]).max() <= np.abs(whole[1:]).max() + 1e-5
        for axis in range(3):
            assert np.diff(image[1 + axis], axis=axis).mean() > 0.03
    assert changed > 30


def test_image_and_mask_are_turned_together(tmp_path: Path) -> None:
    plan = plan_of()
    mask = box(SHAPE, (3, 4, 5), (9, 12, 13))
    patches = Patches([case(tmp_path, np.where(mask, 100.0, 0.0))], plan, 20, 5, ("z", "y", "x"), "full", foreground=1)
    for number in range(20):
        image, target = patches[number]
        inside = target[0] == 1
        assert image[0][inside].mean() > image[0][~inside].mean() + 40


def test_neighbours_are_channels_in_training_as_in_prediction(tmp_path: Path) -> None:
    plan = plan_of(dimensions="2.5d", neighbours=2)
    image = np.broadcast_to(np.arange(SHAPE[0])[:, None, None], SHAPE)
    assert plan.inputs == 5
    whole = with_neighbours(image[None].astype(np.float32), 2)[:, :, 0, 0]
    assert whole[:, 0].tolist() == [0, 0, 0, 1, 2]
    assert whole[:, 6].tolist() == [4, 5, 6, 7, 8]
    patches = Patches([case(tmp_path, image)], plan, 40, 0, (), "none")
    seen = {tuple(patches[number][0][:, 9, 9].tolist()) for number in range(40)}
    assert seen <= {tuple(channels) for channels in whole.T.tolist()}
    assert len(seen) > 5


def test_what_has_a_foreground_is_clipped_and_standardised_by_it(tmp_path: Path) -> None:
    plan = plan_of(intensities={"ct": "ct"}).model_copy(
        update={"foreground": (Foreground(low=-100, high=200, mean=50, deviation=10),)}
    )
    image = np.full(SHAPE, -1000.0)
    image[:, :9], image[:, 9] = 60.0, 3000.0
    ready = by_foreground(image[None], plan)
    assert (ready[0, 0, 0, 0], ready[0, 0, 9, 0], ready[0, 0, 10, 0]) == (1.0, 15.0, -15.0)
    assert image[0, 0, 0] == 60.0  # as stored
    patch = Patches([case(tmp_path, image)], plan, 1, 0, (), "none")[0][0]
    assert set(patch.unique().tolist()) <= {1.0, 15.0, -15.0}


def test_a_label_that_a_mask_lacks_may_be_there_unannotated(tmp_path: Path) -> None:
    patches = Patches([case(tmp_path, np.zeros(SHAPE))], plan_of(), 1, 0, (), "none", unlabelled=True)
    assert patches[0][2].tolist() == [True, True, False]


def test_an_image_smaller_than_the_patch_is_padded(tmp_path: Path) -> None:
    plan = plan_of().model_copy(update={"patch_zyx": (24, 24, 24)})
    image, target = Patches([case(tmp_path, np.ones(SHAPE))], plan, 1, 0, (), "none")[0]
    assert image.shape == (1, 24, 24, 24)
    assert int(target.sum()) == 6 * 8 * 8


def test_only_the_share_of_foreground_that_is_asked_for_is_drawn_around_labels(tmp_path: Path) -> None:
    plan = plan_of(dimensions="2d")
    place = case(tmp_path, np.zeros(SHAPE))
    shares = [
        np.mean([float(Patches([place], plan, 60, 0, (), "none", share)[i][1].max()) for i in range(60)])
        for share in (0.0, 1.0)
    ]
    assert shares[1] > 0.95  # a jitter of a sixth of the patch is none along z
    assert 0.3 < shares[0] < 0.7  # half of the slices hold it
