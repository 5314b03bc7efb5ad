"""Fitting one network with lightning, all of it settled: by one process, or as one of several."""

from __future__ import annotations

import logging
import pickle
import struct
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import lightning
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint

from radfuse import machine
from radfuse.errors import InputError
from radfuse.seg.memory import ran_out
from radfuse.seg.plan import SegPlan
from radfuse.seg.unet.checks import BEST, Checks, Log
from radfuse.seg.unet.learner import Learner
from radfuse.seg.unet.logger import logger
from radfuse.seg.unet.patches import Patches
from radfuse.seg.unet.quick import can_quicken
from radfuse.seg.unet.start import start_from

if TYPE_CHECKING:
    from radfuse.seg.unet.backend import UnetSegmentation

_CHECKPOINTS = 10
"""Checkpoints in a training, and checks of held-back cases; killed, it loses at most a tenth."""
_PREFETCHED = 2
"""Batches that each process which draws patches draws ahead: torch's default."""
_BLOCK = 16
"""Channels oneDNN works on at once: thinner layers are quicker with channels last, by 1.2 to 1.6 times on AVX-512."""

_UNREADABLE = (
    *(pickle.UnpicklingError, struct.error, EOFError, RuntimeError, ValueError, LookupError, TypeError),
    *(AttributeError, ImportError),
)
"""What torch raises of a file that was cut: what is no pickle is read as if it were."""


@dataclass(frozen=True)
class Training:
    """One network's training, settled.

    Attributes:
        cases: to learn from.
        held: to check by.
        plan: of the network.
        config: of the training.
        work: private folder.
        seed: of weights and patches.
        batch: patches a batch, on each device.
        accumulate: batches a step.
        steps: of it.
        progress: told of steps done and of all.
        say: told how it goes.
        rank: which of `config.devices` processes this is.
        beside: called beside what every training calls.
        keeps: checkpoints, to go on from.
    """

    cases: Sequence[Path]
    held: Sequence[Path]
    plan: SegPlan
    config: UnetSegmentation
    work: Path
    seed: int
    batch: int
    accumulate: int
    steps: int
    progress: Callable[[int, int], None] = lambda *_: None
    say: Callable[[str], None] = lambda _: None
    rank: int = 0
    beside: tuple[Callback, ...] = ()
    keeps: bool = True


def fit(training: Training) -> torch.nn.Module:
    """Return the network that a training of this process, or its part in one of several, ends with."""
    _quiet()
    plan, config, work = training.plan, training.config, training.work
    lightning.seed_everything(training.seed, verbose=False)
    device = device_of(config)
    torch.set_num_threads(max(machine.threads() // (config.devices if device == "cpu" else 1), 1))
    model = Learner(plan, config, training.steps, quick=device == "cuda" and not config.compiled and can_quicken())
    last, best = work / "last.ckpt", work / BEST
    _kept(best)  # one that cannot be read goes before `Checks` looks for it
    kept = _kept(last)
    done = int(kept["global_step"]) if _is_of(kept, model) else 0
    if kept and not done:
        training.say("a checkpoint of another network: from the start")
    del kept  # the trainer reads it again
    if config.start_from is not None and not done:
        start_from(model.network, config.start_from)
        if model.averaged is not None:
            model.averaged.module.load_state_dict(model.network.state_dict())
    if device == "cuda" or (not plan.slices and plan.channels[0] % _BLOCK):
        layout = torch.channels_last if plan.slices else torch.channels_last_3d
        model.to(memory_format=layout)  # layers hand the layout on
    every = max(training.steps // _CHECKPOINTS, 1)
    keeper = ModelCheckpoint(dirpath=work, filename="last", every_n_train_steps=every, enable_version_counter=False)
    checks = Checks(plan, training.held, every, config.patience, work) if training.held else None
    log = Log(training.progress, training.say, checks, work, every, training.accumulate)
    told = [*([checks] if checks else []), *([log] if training.rank == 0 else [])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lightning's advice on workers and loggers
        trainer = lightning.Trainer(
            max_steps=training.steps,
            max_epochs=-1,
            accelerator="gpu" if device == "cuda" else "cpu",
            devices=config.devices,
            strategy="ddp" if config.devices > 1 else "auto",
            precision=precision_of(config, device),
            logger=_logger(training, done),
            callbacks=[*told, *training.beside, *([keeper] if training.keeps else [])],
            enable_checkpointing=training.keeps,
            accumulate_grad_batches=training.accumulate,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            gradient_clip_val=12,
            use_distributed_sampler=False,
            benchmark=device == "cuda",  # patches are all of one size
        )
        loader = _Resumed(training, done, device)
        trainer.fit(model, loader, ckpt_path=str(last) if done else None, weights_only=True)
    model.to(memory_format=torch.contiguous_format)
    network = model.best_network
    if checks is not None and best.is_file():
        network.load_state_dict(torch.load(best, weights_only=True, map_location="cpu"))
    return network.float().cpu().eval()


def _logger(training: Training, done: int) -> Any:
    """Return whom the first process tells, but of steps that are only measured; of settings all but where files lie."""
    config, plan, work = training.config, training.plan, training.work
    if training.rank or not training.keeps:
        return False
    settings = {name: said for name, said in config if said is not None and not isinstance(said, Path)}
    settings |= {name: getattr(training, name) for name in ("batch", "accumulate", "steps", "seed")}
    settings |= {name: getattr(plan, name) for name in ("patch_zyx", "spacing_zyx_mm", "channels")}
    settings |= {"cases": len(training.cases), "validation_cases": len(training.held)}
    told = {name: said if isinstance(said, (int, float, str)) else str(said) for name, said in settings.items()}
    title = work.name if config.networks == 1 else f"{work.parent.name}-{work.name}"
    return logger(config.logger, work, title, told, done)


def device_of(config: UnetSegmentation) -> Literal["cpu", "cuda"]:
    """Return where it trains.

    Raises:
        InputError: there are fewer devices here than are asked for.
    """
    there = torch.cuda.is_available()
    device: Literal["cpu", "cuda"] = "cuda" if there and config.device != "cpu" else "cpu"
    count = torch.cuda.device_count() if device == "cuda" else machine.cores()
    if config.devices > count:
        kind = "GPUs" if device == "cuda" else "cores"
        raise InputError(f"segmentation.devices is {config.devices}, and of {kind} there are {count} here; lower it")
    return device


def precision_of(config: UnetSegmentation, device: str) -> Literal["32-true", "bf16-mixed", "16-mixed"]:
    """Return lightning's name of what it computes in."""
    bf16 = device == "cuda" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    if config.precision == "auto":
        return "bf16-mixed" if bf16 else "32-true"
    names: dict[str, Literal["32-true", "bf16-mixed", "16-mixed"]]
    names = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}
    return names[config.precision]


def _kept(file: Path) -> dict[str, Any]:
    """Return what a training that goes on saved; what cannot be read is removed, and counts as not saved.

    A machine that loses its power leaves such files, whichever of them was written last.

    Raises:
        OSError: the disk does not let it be read.
        RuntimeError: there is no memory for it.
    """
    try:
        found = torch.load(file, weights_only=True, map_location="cpu")
    except FileNotFoundError:  # none yet, or another process has just removed it
        return {}
    except _UNREADABLE as error:
        if ran_out(error):
            raise
        found = None
    if isinstance(found, dict):
        return found
    file.unlink(missing_ok=True)  # of several processes each looks
    return {}


def _is_of(kept: dict[str, Any], model: torch.nn.Module) -> bool:
    """Return whether a checkpoint is of such a network: other versions of libraries may name its weights otherwise."""
    mine, its = model.state_dict(), kept.get("state_dict", {})
    return "global_step" in kept and {n: w.shape for n, w in mine.items()} == {n: w.shape for n, w in its.items()}


def drawn_ahead(config: UnetSegmentation, device: str) -> int:
    """Return how many batches other processes draw before they are asked for."""
    return _PREFETCHED * _workers(config, device)


def _workers(config: UnetSegmentation, device: str) -> int:
    """Return how many processes draw patches."""
    beside_gpu = max(min(machine.cores() - 1, 8), 0) if device == "cuda" else 0
    return beside_gpu if config.workers is None else config.workers


class _Resumed:
    """Batches of a training, those behind what a checkpoint has seen; of several processes each has its own."""

    def __init__(self, training: Training, done: int, device: str) -> None:
        config, devices = training.config, training.config.devices
        self.batches, self.first = training.steps * training.accumulate, done * training.accumulate
        self.batch, self.devices, self.rank = training.batch, devices, training.rank
        self.dataset = Patches(
            training.cases,
            training.plan,
            self.batches * self.batch * devices,
            training.seed,
            config.mirror_axes,
            config.augmentation,
            config.foreground,
            config.inverted,
            config.unlabelled,
        )
        self.workers = _workers(config, device)
        self.pinned = device == "cuda"

    def __len__(self) -> int:
        return self.batches  # counted from the start of the training

    def __iter__(self) -> Any:
        starts = (batch * self.devices + self.rank for batch in range(self.first, self.batches))
        numbers = [start * self.batch + place for start in starts for place in range(self.batch)]
        rest = torch.utils.data.Subset(self.dataset, numbers)
        loader = torch.utils.data.DataLoader(
            rest,
            batch_size=self.batch,
            num_workers=self.workers,
            pin_memory=self.pinned,
            prefetch_factor=_PREFETCHED if self.workers else None,
        )
        return iter(loader)


def _quiet() -> None:
    for name in ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.ERROR)
