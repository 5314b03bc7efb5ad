"""How long nnU-Net trains where a time is given."""

from __future__ import annotations

import time
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("nnunetv2", reason="needs radfuse[train]")
import torch

from radfuse.seg.nnunet.trainer import _Trainer


class Slow(_Trainer):
    """A step costs nothing, and a checkpoint a second."""

    def __init__(self, folder: Path, clock: list[float]) -> None:
        self.network, self.device, self.output_folder = torch.nn.Linear(1, 1), torch.device("cpu"), str(folder)
        self.num_iterations_per_epoch, self.num_val_iterations_per_epoch = 1, 1
        self.dataloader_train, self.clock = repeat({}), clock

    def train_step(self, batch: dict[str, Any]) -> None:
        """Take no time."""

    def save_checkpoint(self, filename: str) -> None:
        """Take a second."""
        Path(filename).touch()
        self.clock[0] += 1


@pytest.mark.filterwarnings("ignore:`torch.jit.interface`:DeprecationWarning")
def test_checkpoints_of_each_epoch_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    assert Slow(tmp_path, clock)._epochs_that_fit(41) == 20  # two a second long an epoch, and one measured
    assert not list(tmp_path.iterdir())
