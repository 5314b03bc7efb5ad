"""Several networks of one fold as one: their probabilities are averaged, inside the file that is exported."""

from __future__ import annotations

import csv
import math
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from radfuse.seg.plan import SegPlan
from radfuse.seg.unet.checks import LOG
from radfuse.seg.unet.logger import TENSORBOARD
from radfuse.seg.unet.train import train

if TYPE_CHECKING:
    from radfuse.seg.backend import Watch
    from radfuse.seg.unet.backend import UnetSegmentation

_APART = 1000
"""Between the seeds of two networks; folds lie 1 apart."""


class Ensemble(torch.nn.Module):
    """Networks whose mean probability is the softmax of what it answers; its encoder is that of the first."""

    def __init__(self, networks: Sequence[torch.nn.Module]) -> None:
        super().__init__()
        self.networks = torch.nn.ModuleList(networks)
        first: Any = networks[0]
        self.input_block: torch.nn.Module = first.input_block

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the logarithm of mean probabilities (batch, class, ...)."""
        said = torch.stack([network(image).log_softmax(1) for network in self.networks])
        return said.logsumexp(0) - math.log(len(self.networks))


def train_networks(
    cases: Sequence[Path],
    plan: SegPlan,
    config: UnetSegmentation,
    work: Path,
    seed: int,
    tell: Callable[[int, int], None],
    watch: Watch | None = None,
) -> torch.nn.Module:
    """Train `config.networks` one after another, each in a folder of its own; parameters are those of `train`."""
    if config.networks == 1:
        return train(cases, plan, config, work, seed, tell, watch)
    networks = []
    for number in range(config.networks):

        def tell_of(done: int, total: int, number: int = number) -> None:
            tell(number * total + done, config.networks * total)

        place = work / str(number)
        networks.append(train(cases, plan, config, place, seed + _APART * number, tell_of, watch))
    _join(work, config.networks)
    return Ensemble(networks).eval()


def _join(work: Path, count: int) -> None:
    """Write one table of all trainings, whose steps go on, and put what TensorBoard shows beside each other."""
    rows, before = [], 0
    for number in range(count):
        with (work / str(number) / LOG).open(encoding="utf-8", newline="") as stream:
            columns, *each = csv.reader(stream)
        rows += [[str(before + int(step)), *rest] for step, *rest in each]
        before = int(rows[-1][0])
        if (shown := work / str(number) / TENSORBOARD).is_dir():
            shutil.copytree(shown, work / TENSORBOARD / str(number), dirs_exist_ok=True)
    with (work / LOG).open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([columns, *rows])
