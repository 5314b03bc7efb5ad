"""Training one network: a job with a work folder of its own, resumable from it."""

from __future__ import annotations

import logging
import pickle
import signal
import threading
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from monai.losses import DiceCELoss

from radfuse import machine
from radfuse.errors import InputError
from radfuse.seg.plan import SegPlan
from radfuse.seg.unet.network import make_network
from radfuse.seg.unet.patches import Patches

if TYPE_CHECKING:
    from radfuse.seg.unet.backend import UnetSegmentation


_CHECKPOINTS = 10
"""Checkpoints in a training; killed, it loses at most a tenth."""

_BLOCK = 16
"""Channels oneDNN works on at once: thinner layers are quicker with channels last, by 1.2 to 1.6 times on AVX-512."""


class Segmenter(lightning.LightningModule):
    """A U-Net with Dice and cross-entropy loss, AdamW and a one-cycle learning rate."""

    def __init__(self, plan: SegPlan, learning_rate: float, steps: int) -> None:
        super().__init__()
        self.network = make_network(plan)
        self.loss = DiceCELoss(softmax=True, to_onehot_y=True, include_background=False, batch=True)
        self.learning_rate, self.steps = learning_rate, steps

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], _: int) -> torch.Tensor:
        """Return the loss of a batch of images (batch, 1, z, y, x) and targets of that shape."""
        image, target = batch
        loss: torch.Tensor = self.loss(self.network(image).float(), target)
        self.log("loss", loss)
        return loss

    def configure_optimizers(self) -> Any:
        """Return the optimizer and its schedule, advanced every step."""
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.learning_rate, weight_decay=1e-4)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, self.learning_rate, self.steps + 1, pct_start=0.15)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class _Tell(Callback):
    """Tells how far a training is, and lets SIGTERM end it, as clusters end jobs: Lightning would exit with code 0."""

    def __init__(self, progress: Callable[[int, int], None]) -> None:
        self.progress = progress
        self.on_term = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, *_: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self.on_term)

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        self.progress(trainer.global_step, trainer.max_steps)


def train(
    cases: Sequence[Path],
    plan: SegPlan,
    config: UnetSegmentation,
    work: Path,
    seed: int,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> torch.nn.Module:
    """Train a network, going on from the work folder's last checkpoint.

    Args:
        cases: folders with image.npy and target.npy.
        plan: of the network.
        config: of the training.
        work: a private folder; delete it to start over.
        seed: of weights and patches.
        progress: told of steps done and of all.

    Returns:
        The trained network, on the CPU, in evaluation mode.
    """
    _quiet()
    lightning.seed_everything(seed, verbose=False)
    if config.device == "cuda" and not torch.cuda.is_available():
        raise InputError(
            "segmentation.device is cuda, and torch finds no GPU it can use here; set it to auto, or look at the driver"
        )
    device = config.device if config.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(machine.threads())
    model = Segmenter(plan, config.learning_rate, config.steps)
    if device == "cpu" and plan.channels[0] % _BLOCK:
        model.to(memory_format=torch.channels_last_3d)  # layers hand the layout on
    patches = Patches(cases, plan, config.steps * config.batch, seed, config.mirror_axes)
    loader = torch.utils.data.DataLoader(patches, batch_size=config.batch, shuffle=False, num_workers=0)
    every = max(config.steps // _CHECKPOINTS, 1)
    keeper = ModelCheckpoint(dirpath=work, filename="last", every_n_train_steps=every, enable_version_counter=False)
    last = work / "last.ckpt"
    done = _steps_done(last)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lightning's advice on workers and loggers
        trainer = lightning.Trainer(
            max_steps=config.steps,
            max_epochs=-1,
            accelerator="gpu" if device == "cuda" else "cpu",
            devices=1,
            precision="bf16-mixed" if device == "cuda" or torch.ops.mkldnn._is_mkldnn_bf16_supported() else "32-true",
            logger=False,
            callbacks=[keeper, _Tell(progress)],
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            gradient_clip_val=12,
            use_distributed_sampler=False,
        )
        trainer.fit(model, _Resumed(loader, done), ckpt_path=str(last) if done else None, weights_only=True)
    model.to(memory_format=torch.contiguous_format)
    return model.network.float().cpu().eval()


def _steps_done(checkpoint: Path) -> int:
    """Return after how many steps a checkpoint was written; one that a kill left cut is removed and counts as 0."""
    if not checkpoint.is_file():
        return 0
    try:
        return int(torch.load(checkpoint, weights_only=True, map_location="cpu")["global_step"])
    except (RuntimeError, EOFError, OSError, KeyError, ValueError, pickle.UnpicklingError):
        checkpoint.unlink()
        return 0


class _Resumed:
    """A loader that goes on after the batches a checkpoint has seen."""

    def __init__(self, loader: Any, done: int) -> None:
        self.loader, self.done = loader, done

    def __len__(self) -> int:
        return len(self.loader)  # batches are counted from the start of the training

    def __iter__(self) -> Any:
        dataset, size = self.loader.dataset, self.loader.batch_size
        rest = torch.utils.data.Subset(dataset, range(self.done * size, len(dataset)))
        return iter(torch.utils.data.DataLoader(rest, batch_size=size))


def _quiet() -> None:
    for name in ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.ERROR)
