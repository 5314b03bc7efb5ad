"""A network becomes ONNX by a small patch, and what is proved is the plan's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

pytest.importorskip("torch", reason="networks are exported with radfuse[train]")
import torch
from boxes import grid

from radfuse import machine
from radfuse.seg.export import export_network
from radfuse.seg.unet.backend import UnetSegmentation
from radfuse.seg.unet.network import make_network
from radfuse.seg.unet.plan import make_plan

pytestmark = pytest.mark.filterwarnings("ignore")
CONFIG = UnetSegmentation(labels={"box": 1}, channels=(4, 8, 8), patch_voxels=32**3)
PLAN = make_plan(CONFIG, [grid((32, 32, 32))])


def sizes_of(network: torch.nn.Module) -> list[tuple[int, ...]]:
    """Return a list that grows by the size of each patch that a network sees."""
    seen: list[tuple[int, ...]] = []
    network.register_forward_pre_hook(lambda _, given: seen.append(tuple(map(int, given[0].shape[2:]))))
    return seen


def test_the_graph_is_that_of_a_small_patch(tmp_path: Path) -> None:
    network = make_network(PLAN).eval()
    seen = sizes_of(network)
    assert export_network(network, PLAN, tmp_path / "n.onnx") < 1e-4
    assert PLAN.patch_zyx == (32, 32, 32)
    assert seen.count(PLAN.patch_zyx) == 1  # what the file is held against
    assert set(seen) == {PLAN.patch_zyx, (8, 8, 8)}  # strides of 2 and 2, and two voxels of the coarsest level
    other = torch.randn((2, 1, 16, 24, 8), generator=torch.Generator().manual_seed(1))
    found = machine.open_network(tmp_path / "n.onnx").run(["logits"], {"image": other.numpy()})[0]
    with torch.no_grad():
        np.testing.assert_allclose(found, network(other).numpy(), atol=1e-4)


class _Sized(torch.nn.Module):
    """What it answers hangs on the size of its patch in a way that a graph does not hold."""

    def __init__(self, *, breaks: bool) -> None:
        super().__init__()
        self.input_block = torch.nn.Conv3d(1, 2, 3, stride=2, padding=1)
        self.back = torch.nn.ConvTranspose3d(2, 2, 2, stride=2)
        self.breaks = breaks

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        found: Any = self.back(self.input_block(image))
        size = int(image.shape[2])
        return found + torch.zeros((size, 1, 1)) if self.breaks else found * size


@pytest.mark.parametrize("breaks", [False, True])
def test_a_graph_that_hangs_on_sizes_is_that_of_the_whole_patch(tmp_path: Path, breaks: bool) -> None:
    network = _Sized(breaks=breaks).eval()
    seen = sizes_of(network)
    assert export_network(network, PLAN, tmp_path / "n.onnx") < 1e-4
    assert (4, 4, 4) in seen
    assert seen.count(PLAN.patch_zyx) > 1
    assert onnx.load(tmp_path / "n.onnx").metadata_props[0].key == "plan"
