"""Labels are shifted until their volumes are those of the masks, by images whose logits are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from boxes import grid

pytest.importorskip("torch", reason="training needs radfuse[train]")

import torch

from radfuse.seg.plan import SegPlan
from radfuse.seg.unet.backend import UnetSegmentation
from radfuse.seg.unet.checks import answers_of
from radfuse.seg.unet.network import make_network
from radfuse.seg.unet.plan import make_plan
from radfuse.seg.unet.volumes import even_volumes, shifts_of

SHAPE = (8, 16, 16)


def plan_of(*labels: str) -> SegPlan:
    settings = {"labels": {name: i for i, name in enumerate(labels, 1)}, "channels": (8, 16, 16), "patch_voxels": 2048}
    return make_plan(UnetSegmentation.model_validate(settings), [grid(SHAPE)])


def ramp(folder: Path, above: float) -> Path:
    """A case whose image rises from -1 to 1 along x, and whose mask is what lies above a value."""
    folder.mkdir()
    image = np.broadcast_to(np.linspace(-1, 1, SHAPE[2], dtype=np.float32), SHAPE)
    np.save(folder / "image.npy", image[None])
    np.save(folder / "target.npy", (image > above).astype(np.uint8))
    return folder


def bright(patches: np.ndarray) -> np.ndarray:
    """Say of each voxel that its odds of the label are e to its value."""
    return np.concatenate([np.zeros_like(patches), patches], axis=1)


def test_the_shift_is_the_value_where_the_mask_begins(tmp_path: Path) -> None:
    # above 0.3 lie the voxels from 0.333 on; below it the next is 0.2: any shift between makes the volume the mask's
    background, shift = shifts_of(bright, plan_of("box"), [ramp(tmp_path / "a", 0.3)])
    assert background == 0
    assert -1 / 3 <= shift <= -0.2


def test_volumes_are_those_of_all_cases_together(tmp_path: Path) -> None:
    cases = [ramp(tmp_path / "a", 0.0), ramp(tmp_path / "b", -0.5)]  # 8 and 12 of 16 columns: 10 of each, from -0.2 on
    assert 0.2 <= shifts_of(bright, plan_of("box"), cases)[1] <= 1 / 3


def test_a_mask_without_the_label_does_not_count(tmp_path: Path) -> None:
    empty, drawn = ramp(tmp_path / "a", 2.0), ramp(tmp_path / "b", 0.3)
    assert shifts_of(bright, plan_of("box"), [empty])[1] == 0
    assert shifts_of(bright, plan_of("box"), [empty, drawn])[1] == shifts_of(bright, plan_of("box"), [drawn])[1]


def test_parts_far_from_the_mask_do_not_count(tmp_path: Path) -> None:
    case = ramp(tmp_path / "a", 0.3)  # 6 of 16 columns
    image = np.load(case / "image.npy")
    image[..., :4] = 1  # bright, 6 columns away
    np.save(case / "image.npy", image)
    assert -1 / 3 <= shifts_of(bright, plan_of("box"), [case])[1] <= -0.2


def test_a_shift_is_bounded(tmp_path: Path) -> None:
    def never(patches: np.ndarray) -> np.ndarray:
        return bright(patches - 30)

    assert shifts_of(never, plan_of("box"), [ramp(tmp_path / "a", 0.0)])[1] == pytest.approx(2, abs=1e-3)


def test_the_network_itself_is_shifted(tmp_path: Path) -> None:
    torch.manual_seed(0)
    plan = plan_of("box", "rest")
    network = make_network(plan).eval()
    run = answers_of(network, plan, torch.device("cpu"))
    case = ramp(tmp_path / "a", 0.3)
    before = run(np.load(case / "image.npy")[None])
    shifts = even_volumes(network, run, plan, [case])
    after = run(np.load(case / "image.npy")[None])
    assert shifts[1] != 0
    np.testing.assert_allclose((after - before).mean(axis=(0, 2, 3, 4)), shifts, atol=1e-5)
