"""Held-back cases, the table of a training, and whom it tells."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from boxes import box, grid

pytest.importorskip("torch", reason="training needs radfuse[train]")
import torch
from pydantic import ValidationError

from radfuse.errors import InputError
from radfuse.seg.nnunet.backend import NnunetSegmentation
from radfuse.seg.unet.backend import UnetSegmentation
from radfuse.seg.unet.checks import BEST, Checks, Log, hold_back, mean_dice
from radfuse.seg.unet.fit import _is_of, _kept
from radfuse.seg.unet.plan import make_plan
from radfuse.seg.unet.train import _settled_before

SHAPE = (12, 16, 16)
pytestmark = pytest.mark.filterwarnings("ignore")


def test_patients_are_held_back_whole() -> None:
    cases = [Path(f"c{number}") for number in range(10)]
    patients = [f"p{number // 2}" for number in range(10)]
    learned, held = hold_back(cases, patients, 0.4, 3)
    assert sorted([*learned, *held]) == cases
    assert len(held) == 4
    assert not {int(case.name[1:]) // 2 for case in learned} & {int(case.name[1:]) // 2 for case in held}
    assert hold_back(cases[::-1], patients[::-1], 0.4, 3)[1] == held[::-1]  # the order says nothing
    assert hold_back(cases, patients, 0, 3) == (cases, [])
    assert len(hold_back(cases, patients, 0.01, 3)[1]) == 2  # one patient at least
    with pytest.raises(InputError, match="a network learns from 1; set it to 0"):
        hold_back(cases[:2], patients[:2], 0.5, 0)


def test_who_alone_has_a_label_is_learned_from() -> None:
    cases, patients = [Path(f"c{number}") for number in range(5)], ["p0", "p0", "p1", "p2", "p3"]
    both, bone, changed = frozenset({0, 1, 2}), frozenset({0, 1}), 0
    for seed in range(20):
        usual = hold_back(cases, patients, 0.5, seed)
        assert hold_back(cases, patients, 0.5, seed, [both] * 5) == usual
        learned, held = hold_back(cases, patients, 0.5, seed, [bone, both, bone, bone, bone])  # one knee of p0
        assert learned[:2] == cases[:2]
        assert len(held) == 2
        changed += held != usual[1]
    assert 0 < changed < 20
    alone = [frozenset({number}) for number in range(3)]
    assert hold_back(cases[2:], patients[2:], 0.5, 0, alone) == (cases[2:], [])


@pytest.mark.parametrize("dimensions", ["2.5d", "3d"])
def test_whole_cases_are_segmented_and_compared(tmp_path: Path, dimensions: str) -> None:
    settings = {"labels": {"box": 1}, "channels": (8, 16, 16), "dimensions": dimensions, "patch_voxels": 1000}
    plan = make_plan(UnetSegmentation.model_validate(settings), [grid(SHAPE)])
    mask = box(SHAPE, (2, 2, 2), (10, 8, 8))
    np.save(tmp_path / "image.npy", mask.astype(np.float32)[None])
    np.save(tmp_path / "target.npy", box(SHAPE, (2, 2, 2), (6, 8, 8)).astype(np.uint8))  # half of what is bright

    def bright(patches: np.ndarray) -> np.ndarray:
        own = patches[:, plan.neighbours]  # the slice itself
        return np.stack([1 - own, own], axis=1) * 9

    assert mean_dice(bright, plan, [tmp_path]) == pytest.approx(2 * 4 / (8 + 4))


@pytest.mark.parametrize("spoilt", [False, True])
def test_a_training_whose_weights_are_no_numbers_ends(tmp_path: Path, spoilt: bool) -> None:
    network = torch.nn.Linear(2, 1)
    if spoilt:
        network.weight.data[0, 1] = np.nan
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    trainer = SimpleNamespace(global_step=0, max_steps=20, optimizers=[optimizer], logger=None)
    log = Log(lambda *_: None, lambda _: None, None, tmp_path, 10, 1)
    log.on_train_start(trainer)
    trainer.global_step = 4
    with pytest.raises(InputError, match="after step 4 loss and weights") if spoilt else nullcontext():
        log.on_train_batch_end(trainer, network, {"loss": torch.tensor(np.nan)})  # fp16 leaves such steps out


def test_a_logger_that_stops_answering_is_told_with_where_to_go_on(tmp_path: Path) -> None:
    def gone(*_: object, **__: object) -> None:
        raise ConnectionError("refused")

    network = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    told = SimpleNamespace(log_metrics=gone)
    trainer = SimpleNamespace(global_step=0, max_steps=20, optimizers=[optimizer], logger=told)
    log = Log(lambda *_: None, lambda _: None, None, tmp_path, 10, 1)
    log.on_train_start(trainer)
    trainer.global_step = 4
    with pytest.raises(InputError, match=r"logger does not answer at step 4 \(refused\)\. Run again"):
        log.on_train_batch_end(trainer, network, {"loss": torch.tensor(0.5)})


@pytest.mark.parametrize("torn", [b"", b"PK\3\4 half of it", b"text"])
def test_files_that_a_power_cut_tore_are_as_if_not_written(tmp_path: Path, torn: bytes) -> None:
    (tmp_path / BEST).write_bytes(torn)
    assert _kept(tmp_path / BEST) == {}
    assert not (tmp_path / BEST).exists()
    (tmp_path / "settled.json").write_bytes(torn)
    assert _settled_before(tmp_path / "settled.json") == {}
    plan = make_plan(UnetSegmentation.model_validate({"labels": {"box": 1}}), [grid(SHAPE)])
    checks = Checks(plan, (), 5, 2, tmp_path)
    checks.load_state_dict({"dice": 0.5, "best": 0.7, "without": 2, "last": 5})
    assert (checks.best, checks.without, checks.last) == (-1.0, 0, 5)  # the next check keeps its weights
    torch.save({"weight": torch.ones(1)}, tmp_path / BEST)
    assert _kept(tmp_path / BEST)["weight"] == 1


@pytest.mark.parametrize(
    "error", [PermissionError("denied"), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_a_checkpoint_that_cannot_be_read_now_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    torch.save({"weight": torch.ones(1)}, tmp_path / BEST)
    monkeypatch.setattr("torch.load", refuse)
    with pytest.raises(type(error), match=str(error)):
        _kept(tmp_path / BEST)
    assert (tmp_path / BEST).is_file()


def test_a_checkpoint_of_other_weights_is_not_gone_on_from() -> None:
    network, other = torch.nn.Linear(2, 1), {"weight": torch.zeros(1, 3), "bias": torch.zeros(1)}
    assert _is_of({"global_step": 8, "state_dict": network.state_dict()}, network)
    for kept in ({}, {"global_step": 8}, {"global_step": 8, "state_dict": other}):
        assert not _is_of(kept, network)


@pytest.mark.parametrize("backend", [UnetSegmentation, NnunetSegmentation])
def test_a_gpu_by_number_is_told_how_to_be_chosen(backend: type[UnetSegmentation | NnunetSegmentation]) -> None:
    with pytest.raises(ValidationError, match="GPU 7 is chosen by the environment: CUDA_VISIBLE_DEVICES=7, and device"):
        backend.model_validate({"labels": {"box": 1}, "device": "cuda:7"})


def test_too_few_devices_are_told_before_anything_is_prepared() -> None:
    config = UnetSegmentation.model_validate({"labels": {"box": 1}, "device": "cpu", "devices": 4096})
    with pytest.raises(InputError, match=r"segmentation\.devices is 4096, and of cores there are .* here; lower it"):
        config.check_training()


@pytest.mark.parametrize("name", ["tensorboard", "mlflow"])
def test_a_logger_that_is_not_installed_is_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("radfuse.seg.unet.backend.find_spec", lambda _: None)
    config = UnetSegmentation.model_validate({"labels": {"box": 1}, "logger": name})
    with pytest.raises(InputError, match=f"logger is {name}, which is not installed: pip install {name}, or set csv"):
        config.check_training()
