"""A network learns boxes, resumes where it stopped, and its ONNX file says the same."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from boxes import box, grid

pytest.importorskip("torch", reason="training needs radfuse[train]")
import torch

from radfuse.errors import InputError
from radfuse.regions.cells import cells_on
from radfuse.seg.encode import encode
from radfuse.seg.export import export_network
from radfuse.seg.metrics import dice
from radfuse.seg.plan import SegPlan
from radfuse.seg.predict import OnnxSegmenter
from radfuse.seg.preprocess import network_input
from radfuse.seg.unet.backend import UnetSegmentation
from radfuse.seg.unet.patches import Patches
from radfuse.seg.unet.plan import make_plan
from radfuse.seg.unet.train import train
from radfuse.volume.image import Volume
from radfuse.volume.region import CELLS, Region

CONFIG = UnetSegmentation(labels={"box": 1}, channels=(8, 16, 16), steps=40, patch_voxels=4096, learning_rate=1e-2)
SHAPE = (16, 18, 20)
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]  # lightning and torch warn of their own ways


class Whole(NamedTuple):
    """What a training that nobody stopped left."""

    file: Path
    cases: list[Path]
    network: torch.nn.Module


def make_case(folder: Path, seed: int, plan: SegPlan) -> tuple[Volume, np.ndarray]:
    generator = np.random.default_rng(seed)
    start = generator.integers(1, 8, 3)
    mask = box(SHAPE, tuple(start), tuple(start + 7))
    volume = Volume((generator.normal(100, 8, SHAPE) + 60 * mask).astype(np.float32), grid(SHAPE))
    folder.mkdir()
    np.save(folder / "image.npy", network_input(volume, plan)[0])
    np.save(folder / "target.npy", mask.astype(np.uint8))
    return volume, mask


def test_positions_point_the_same_way_in_turned_and_mirrored_patches(tmp_path: Path) -> None:
    plan = make_plan(CONFIG.model_copy(update={"position": True}), [grid(SHAPE)])
    assert plan.inputs == 4
    np.save(tmp_path / "image.npy", np.arange(np.prod(SHAPE), dtype=np.float32).reshape(1, *SHAPE))
    np.save(tmp_path / "target.npy", np.ones(SHAPE, dtype=np.uint8))
    patches = Patches([tmp_path], plan, 12, 3, ("z", "y", "x"))
    mirrored = 0
    for number in range(12):
        image = patches[number][0].numpy()
        assert image.shape == (4, *plan.patch_zyx)
        for axis in range(3):
            assert np.diff(image[1 + axis], axis=axis).mean() > 0.05
        mirrored += np.diff(image[0], axis=0).mean() < 0
    assert 0 < mirrored < 12


@pytest.fixture(scope="module")
def plan() -> SegPlan:
    return make_plan(CONFIG, [grid(SHAPE)])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, plan: SegPlan) -> Whole:
    """A network, its file, and the cases it learned from."""
    folder = tmp_path_factory.mktemp("train")
    for seed in range(4):
        make_case(folder / f"c{seed}", seed, plan)
    cases = [folder / f"c{seed}" for seed in range(4)]
    steps = []
    network = train(cases, plan, CONFIG, folder / "work", 1, lambda done, total: steps.append((done, total)))
    assert steps[-1] == (40, 40)
    assert export_network(network, plan, folder / "network.onnx") < 1e-4
    return Whole(folder / "network.onnx", cases, network)


def test_it_finds_a_box_it_has_not_seen(trained: Whole, plan: SegPlan, tmp_path: Path) -> None:
    volume, mask = make_case(tmp_path / "new", 99, plan)
    found = OnnxSegmenter(trained.file)(volume)
    assert found.grid == volume.grid
    assert dice(mask, found.array == 1) > 0.8


def test_killed_it_goes_on_and_ends_where_it_would_have(trained: Whole, plan: SegPlan, tmp_path: Path) -> None:
    class KilledError(Exception):
        pass

    def kill(done: int, _: int) -> None:
        if done == 22:
            raise KilledError

    with pytest.raises(KilledError):
        train(trained.cases, plan, CONFIG, tmp_path / "work", 1, kill)
    steps = []
    resumed = train(trained.cases, plan, CONFIG, tmp_path / "work", 1, lambda done, _: steps.append(done))
    assert steps == list(range(21, 41))
    for one, other in zip(resumed.parameters(), trained.network.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-3)


def test_volumes_are_made_even_after_training(trained: Whole, plan: SegPlan, tmp_path: Path) -> None:
    shutil.copytree(
        trained.cases[0].parent / "work", tmp_path / "work"
    )  # trained to the end: what is left is to compare volumes
    config = CONFIG.model_copy(update={"even_volumes": True})
    network = train(trained.cases, plan, config, tmp_path / "work", 1)

    shifts = json.loads((tmp_path / "work" / "volumes.json").read_text())
    before, after = (item.output_block.conv.conv.bias.detach() for item in (trained.network, network))
    assert float((after - before)[1]) == pytest.approx(shifts["box"], abs=1e-3)
    assert shifts["box"] != 0


def test_patches_are_a_function_of_seed_and_number(trained: Whole, plan: SegPlan) -> None:
    first, second = (Patches(trained.cases, plan, 8, 3, ("x",)) for _ in range(2))
    for number in (0, 5):
        image, target = first[number]
        assert image.shape == target.shape == (1, *plan.patch_zyx)
        assert torch.equal(image, second[number][0])
        assert set(target.unique().tolist()) <= {0.0, 1.0}
    assert not torch.equal(first[0][0], first[1][0])


def test_deep_features_are_named_by_cell_and_tell_places_apart(trained: Whole, plan: SegPlan, tmp_path: Path) -> None:
    segmenter = OnnxSegmenter(trained.file)
    volume, _ = make_case(tmp_path / "new", 5, plan)
    image, inner = network_input(volume, segmenter.plan)

    def encoded(mask: np.ndarray) -> dict[str, float]:
        cells = cells_on([Region.of("r", mask, volume.grid)], volume.grid, inner)
        return encode(image, cells, segmenter)

    found = encoded(box(SHAPE, (2, 2, 2), (14, 16, 18)))
    assert len(found) == CELLS[0] * CELLS[1] * CONFIG.channels[0]
    assert set(found) >= {"r/deep_0-0_000", "r/deep_3-4_007"}
    values = np.array(list(found.values())).reshape(CELLS[0] * CELLS[1], CONFIG.channels[0])
    assert np.isfinite(values).all()
    assert values.std(axis=0).max() > 0.01
    sheet = box(SHAPE, (5, 2, 2), (6, 16, 18))  # one voxel thick, as cartilage is
    assert np.isfinite(list(encoded(sheet).values())).all()


def test_another_onnx_file_is_refused(tmp_path: Path) -> None:
    from onnx import helper

    from radfuse.fusion.export import onnx_file

    nodes = [
        helper.make_node("Gather", ["features", "first"], ["score"], axis=1),
        helper.make_node("Sigmoid", ["score"], ["probability"]),
    ]
    (tmp_path / "other.onnx").write_bytes(onnx_file(nodes, {"first": np.array(0)}, ["a"], "deep", 0.5))
    with pytest.raises(InputError, match="holds no plan"):
        OnnxSegmenter(tmp_path / "other.onnx")


def test_a_cluster_ends_it_by_sigterm(plan: SegPlan, tmp_path: Path) -> None:
    make_case(tmp_path / "case", 0, plan)
    script = (
        "import sys; from pathlib import Path\n"
        "from radfuse.seg.plan import SegPlan; from radfuse.seg.unet.backend import UnetSegmentation\n"
        "from radfuse.seg.unet.train import train\n"
        "plan = SegPlan.model_validate_json(sys.argv[1]); config = UnetSegmentation.model_validate_json(sys.argv[2])\n"
        "train([Path(sys.argv[3])], plan, config, Path(sys.argv[4]), 0, lambda *_: print('step', flush=True))\n"
    )
    settings = [plan.model_dump_json(), CONFIG.model_copy(update={"steps": 10_000}).model_dump_json()]
    process = subprocess.Popen(
        [sys.executable, "-c", script, *settings, str(tmp_path / "case"), str(tmp_path / "work")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "step\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == -signal.SIGTERM
    process.stdout.close()
