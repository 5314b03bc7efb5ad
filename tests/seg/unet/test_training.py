"""What a training can do beside learning: keep the best, stop early, go on, do with less memory, by two processes."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from boxes import box, grid

pytest.importorskip("torch", reason="training needs radfuse[train]")
import torch

from radfuse.errors import InputError
from radfuse.seg.backend import Watch
from radfuse.seg.export import export_network
from radfuse.seg.metrics import dice
from radfuse.seg.plan import SegPlan
from radfuse.seg.predict import OnnxSegmenter
from radfuse.seg.unet import together
from radfuse.seg.unet import train as training
from radfuse.seg.unet.backend import Budget, UnetSegmentation
from radfuse.seg.unet.checks import BEST, Checks
from radfuse.seg.unet.ensemble import Ensemble, train_networks
from radfuse.seg.unet.learner import Learner
from radfuse.seg.unet.network import make_network
from radfuse.seg.unet.plan import fitted_plan, make_plan
from radfuse.seg.unet.start import start_from
from radfuse.seg.unet.train import train
from radfuse.volume.image import LabelMap, Volume

SHAPE = (16, 18, 20)
QUICK = {"labels": {"box": 1}, "channels": (8, 16, 16), "steps": 20, "patch_voxels": 4096, "learning_rate": 1e-2}
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]  # lightning and torch warn of their own ways


def config_of(**settings: object) -> UnetSegmentation:
    return UnetSegmentation.model_validate({**QUICK, **settings})


def volume_of(seed: int) -> tuple[Volume, np.ndarray]:
    generator = np.random.default_rng(seed)
    start = generator.integers(1, 8, 3)
    mask = box(SHAPE, tuple(start), tuple(start + 7))
    return Volume((generator.normal(100, 8, SHAPE) + 60 * mask).astype(np.float32), grid(SHAPE)), mask


def prepared(folder: Path, config: UnetSegmentation) -> tuple[list[Path], SegPlan]:
    """Prepare four boxes, as the stages do."""
    plan = config.plan([grid(SHAPE)])
    for seed in range(4):
        volume, mask = volume_of(seed)
        arrays = config.preparation(plan).prepare(volume, LabelMap(mask.astype(np.uint8), volume.grid, {1: "box"}))
        (folder / f"c{seed}").mkdir()
        for name, array in arrays.items():
            np.save(folder / f"c{seed}" / f"{name}.npy", array)
    cases = [folder / f"c{seed}" for seed in range(4)]
    return cases, fitted_plan(SegPlan.model_validate_json(plan), config, cases)


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "training.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


WAYS: dict[str, dict[str, object]] = {
    "slices": {"dimensions": "2d", "batch": 16, "steps": 40, "augmentation": "full", "position": True},
    "neighbours": {"dimensions": "2.5d", "batch": 16, "steps": 100},
    "residual": {"encoder": "residual", "deep_supervision": True, "ema": 0.8, "schedule": "poly", "steps": 40},
    "ensemble": {"networks": 2, "steps": 25, "augmentation": "none"},
    "ct": {"intensities": {"ct": "ct"}, "schedule": "cosine", "loss": "tversky", "steps": 40, "augmentation": "none"},
}


@pytest.mark.parametrize("way", WAYS)
def test_each_kind_of_network_finds_a_box_by_its_file_alone(tmp_path: Path, way: str) -> None:
    config = config_of(**WAYS[way], mirror_axes=("z", "y", "x"), mirror_prediction=way == "slices")
    cases, _ = prepared(tmp_path, config)
    (tmp_path / "work").mkdir()
    content = config.train(cases, config.plan([grid(SHAPE)]), 1, tmp_path / "work", lambda *_: None)
    (tmp_path / "network.onnx").write_bytes(content)
    volume, mask = volume_of(99)
    segmenter = OnnxSegmenter(tmp_path / "network.onnx")
    assert dice(mask, segmenter(volume).array == 1) > 0.75
    z, y, x = segmenter.plan.patch_zyx
    patch = np.zeros((1, segmenter.plan.inputs, z, y, x), dtype=np.float32)
    assert segmenter.encode(patch).shape == (1, 8, z, y, x)


class KilledError(Exception):
    pass


def kill_at(step: int) -> Callable[[int, int], None]:
    def tell(done: int, _: int) -> None:
        if done == step:
            raise KilledError

    return tell


def test_killed_it_goes_on_with_averages_accumulation_and_its_table(tmp_path: Path) -> None:
    averaged = {"ema": 0.9, "accumulate": 2, "patch_voxels": 2048}  # one patch a batch would be convolved far slower
    config = config_of(**averaged, deep_supervision=True, augmentation="full", validation=0.25)
    cases, plan = prepared(tmp_path, config)
    whole = train(cases, plan, config, tmp_path / "whole", 1)
    with pytest.raises(KilledError):
        train(cases, plan, config, tmp_path / "work", 1, kill_at(13))
    resumed = train(cases, plan, config, tmp_path / "work", 1)
    for one, other in zip(resumed.parameters(), whole.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-3)
    rows, expected = rows_of(tmp_path / "work"), rows_of(tmp_path / "whole")
    assert [row["step"] for row in rows] == [str(step) for step in range(1, 21)]
    assert [row["step"] for row in rows if row["validation_dice"]] == [str(step) for step in range(2, 21, 2)]
    assert [float(row["loss"]) for row in rows] == pytest.approx([float(row["loss"]) for row in expected], abs=2e-2)


def test_the_best_weights_are_kept_and_training_ends_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of(validation=0.3, patience=2)
    cases, plan = prepared(tmp_path, config)
    given: Iterator[float] = iter([0.2, 0.6, 0.5, 0.4, 0.9])
    weights: list[torch.Tensor] = []

    def checked(run: Any, *_: Any) -> float:
        network = run.__closure__[run.__code__.co_freevars.index("network")].cell_contents
        weights.append(network.output_block.conv.conv.weight.detach().clone())
        return next(given)

    monkeypatch.setattr("radfuse.seg.unet.checks.mean_dice", checked)
    steps: list[int] = []
    said: list[str] = []
    watch = Watch(("a", "b", "c", "d"), said.append)
    network: Any = train(cases, plan, config, tmp_path / "work", 1, lambda done, _: steps.append(done), watch)
    assert steps[-1] == 8  # the best after 4, then two without a better one
    assert torch.equal(network.output_block.conv.conv.weight, weights[1])
    assert not torch.equal(weights[1], weights[3])
    assert said[-1].endswith("Dice 0.40")
    again: Any = train(cases, plan, config, tmp_path / "work", 1, lambda done, _: steps.append(done), watch)
    assert steps[-1] == 8  # ended is ended
    assert torch.equal(again.output_block.conv.conv.weight, weights[1])


def test_out_of_memory_halves_the_batch_once_and_learns_from_the_same_patches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(batch=4, steps=3)
    cases, plan = prepared(tmp_path, config)
    whole = Learner.training_step
    sizes: list[int] = []

    def step(self: Learner, batch: Any, number: int) -> torch.Tensor:
        sizes.append(len(batch[0]))
        if len(batch[0]) > largest:
            raise RuntimeError(
                "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
            )
        return whole(self, batch, number)

    monkeypatch.setattr(Learner, "training_step", step)
    said: list[str] = []
    largest, watch = 2, Watch(("a",) * 4, said.append)
    train(cases, plan, config, tmp_path / "work", 1, watch=watch)
    assert sizes == [4, *[2] * 6]
    assert said[0] == "out of memory: half the batch"
    sizes.clear()
    train(cases, plan, config.model_copy(update={"steps": 4}), tmp_path / "work", 1)
    assert sizes == []  # what it settled on is kept: finished
    largest = 1
    with pytest.raises(InputError, match=r"with 2 patches of 16 x 16 x 16 a batch\. Lower segmentation\.patch_voxels"):
        train(cases, plan, config, tmp_path / "other", 1)
    largest = 0
    for number, (settings, mend) in enumerate(
        (
            ({}, "Lower segmentation.patch_voxels"),
            ({"plan_file": tmp_path / "mine.json"}, f"Lower patch_zyx in {tmp_path / 'mine.json'}"),
            ({"budget": Budget(memory_gib=3)}, "Lower segmentation.budget.memory_gib, 3 now"),
        )
    ):
        alone = config.model_copy(update={"batch": 1, **settings})
        with pytest.raises(InputError, match=re.escape(f"with 1 patch of 16 x 16 x 16 a batch. {mend}")):
            train(cases, plan, alone, tmp_path / f"alone{number}", 1)


def test_a_time_budget_chooses_the_steps_and_keeps_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(training._Clock):
        def on_train_end(self, *_: Any) -> None:
            assert not list(self.place.parent.glob("*.ckpt"))  # written between the few steps, it would count in each
            self.place.write_text(json.dumps([0.5 * step for step in range(len(self._times))]))  # half a second a step

    monkeypatch.setattr(training, "_Clock", Clock)
    now = iter([0.0, *range(8), 9.0])  # eight steps; measuring takes nine seconds of the time
    monkeypatch.setattr(training, "time", SimpleNamespace(perf_counter=lambda: next(now)))
    config = config_of(budget={"minutes": 0.4})
    cases, plan = prepared(tmp_path, config)
    with pytest.raises(KilledError):
        train(cases, plan, config, tmp_path / "work", 1, kill_at(25))
    monkeypatch.setattr(training, "_steps_in", None)  # not asked again
    told: list[tuple[int, int]] = []
    train(cases, plan, config, tmp_path / "work", 1, lambda done, total: told.append((done, total)))
    assert told[0] == (25, 30)
    assert told[-1] == (30, 30)


def test_a_time_budget_stands_though_measuring_ran_out_of_memory_and_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fates = iter([MemoryError(), KilledError()])

    def measured(*_: Any) -> int:
        raise next(fates)

    monkeypatch.setattr(training, "_steps_in", measured)
    config = config_of(batch=2, budget={"minutes": 0.4})
    cases, plan = prepared(tmp_path, config)
    with pytest.raises(KilledError):
        train(cases, plan, config, tmp_path / "work", 1)
    assert not (tmp_path / "work" / training._SETTLED).exists()  # the steps of the settings, in place of the minutes


def test_it_goes_on_from_a_network_or_a_checkpoint(tmp_path: Path) -> None:
    config = config_of(steps=2, ema=0.5)
    cases, plan = prepared(tmp_path, config)
    first = train(cases, plan, config, tmp_path / "work", 1)
    export_network(first, plan, tmp_path / "first.onnx")
    for path in (tmp_path / "first.onnx", tmp_path / "work" / "last.ckpt"):
        network = make_network(plan)
        assert start_from(network, path) == len(list(network.parameters()))
        for one, other in zip(network.parameters(), first.parameters(), strict=True):
            assert torch.allclose(one, other, atol=1e-6)
    own = SegPlan.model_validate_json(config_of(plan_file=tmp_path / "first.onnx").plan([grid((9, 9, 9))]))
    assert own == plan.model_copy(update={"parts": ()})
    still = config_of(steps=1, learning_rate=1e-9, start_from=tmp_path / "first.onnx")
    tuned = train(cases, plan, still, tmp_path / "tuned", 2)
    for one, other in zip(tuned.parameters(), first.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-5)
    export_network(Ensemble([first, make_network(plan)]).eval(), plan, tmp_path / "two.onnx")
    network = make_network(plan)
    assert start_from(network, tmp_path / "two.onnx") == len(list(network.parameters()))
    assert torch.allclose(next(network.parameters()), next(first.parameters()))
    wider = make_network(make_plan(config_of(channels=(16, 32, 32)), [grid(SHAPE)]))
    with pytest.raises(InputError, match=r"first\.onnx fits \d of the \d+ arrays; .* Set channels, encoder"):
        start_from(wider, tmp_path / "first.onnx")
    for name, content, says in (
        ("no.onnx", b"nothing of the kind", "is no ONNX file"),
        ("no.ckpt", b"nothing of the kind", "is no checkpoint of radfuse that can be read"),
        ("no.ckpt", b"junk", "is no checkpoint of radfuse that can be read"),
        ("empty.onnx", b"", "holds no U-Net of radfuse; give one"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=says):
            start_from(wider, tmp_path / name)
    for weights, says in ((3, "is no checkpoint of radfuse that can be read"), ({"other.w": 3}, "holds no U-Net")):
        torch.save({"state_dict": weights}, tmp_path / "theirs.ckpt")
        with pytest.raises(InputError, match=says):
            start_from(wider, tmp_path / "theirs.ckpt")


@pytest.fixture
def all_cores() -> Iterator[None]:
    """All of the machine's cores: tests that run side by side have one each."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    yield
    os.sched_setaffinity(0, before)


@pytest.mark.usefixtures("all_cores")
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two cores")
def test_two_processes_train_one_network(tmp_path: Path) -> None:
    config = config_of(devices=2, steps=30, device="cpu", validation=0.25)
    cases, plan = prepared(tmp_path, config)
    steps: list[int] = []
    network = train(cases, plan, config, tmp_path / "work", 1, lambda done, _: steps.append(done))
    assert steps == list(range(1, 31))
    assert len([row for row in rows_of(tmp_path / "work") if row["validation_dice"]]) == 10
    export_network(network, plan, tmp_path / "network.onnx")
    volume, mask = volume_of(99)
    assert dice(mask, OnnxSegmenter(tmp_path / "network.onnx")(volume).array == 1) > 0.75


def test_processes_that_train_together_end_with_who_started_them(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    monkeypatch.setattr("radfuse.machine.end_with_parent", lambda: order.append("watches"))
    monkeypatch.setattr("radfuse.seg.unet.together.fit", lambda _: order.append("trains"))
    job: Any = SimpleNamespace(config=SimpleNamespace(devices=2))
    monkeypatch.setattr("radfuse.seg.unet.together.replace", lambda training, **_: training)
    monkeypatch.setattr("radfuse.seg.unet.together.os.environ", {})
    together._process(1, job, 0, None)
    assert order == ["watches", "trains"]


NOT_HERE = {
    "devices is 4096, and of cores there are": {"devices": 4096},
    "precision is fp16, which needs a GPU": {"precision": "fp16", "device": "cpu"},
}


@pytest.mark.parametrize("says", NOT_HERE)
def test_what_this_machine_lacks_is_told(tmp_path: Path, says: str) -> None:
    config = config_of(**NOT_HERE[says])
    cases, plan = prepared(tmp_path, config)
    with pytest.raises(InputError, match=says):
        train(cases, plan, config, tmp_path / "work", 1)


def test_a_check_that_was_not_due_is_none(tmp_path: Path) -> None:
    (tmp_path / BEST).touch()
    checks = Checks(make_plan(config_of(), [grid(SHAPE)]), (), 5, None, tmp_path)
    checks.load_state_dict({"dice": 0.5, "best": 0.7, "without": 1, "last": 5})
    assert checks.state_dict() == {"dice": 0.5, "best": 0.7, "without": 1, "last": 5}


def test_an_ensemble_answers_with_the_mean_probability(tmp_path: Path) -> None:
    config = config_of(networks=2, steps=5)
    cases, plan = prepared(tmp_path, config)
    told: list[tuple[int, int]] = []
    ensemble: Any = train_networks(
        cases, plan, config, tmp_path / "work", 1, lambda done, total: told.append((done, total))
    )
    assert told == [(step, 10) for step in range(1, 11)]
    assert [row["step"] for row in rows_of(tmp_path / "work")] == [str(step) for step in range(1, 11)]
    image = torch.randn(1, 1, *plan.patch_zyx)
    with torch.no_grad():
        each = [network(image).softmax(1) for network in ensemble.networks]
        assert torch.allclose(ensemble(image).softmax(1), (each[0] + each[1]) / 2, atol=1e-5)
    assert (each[0] - each[1]).abs().max() > 1e-3
