"""What lightning trains: a network with its loss, optimizer, schedule, and the running mean of its weights."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import lightning
import torch
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel

from radfuse.seg.plan import SegPlan
from radfuse.seg.unet.losses import LOSSES, NOT_LINEAR, left_open, of_levels
from radfuse.seg.unet.network import make_network
from radfuse.seg.unet.quick import quickened

if TYPE_CHECKING:
    from radfuse.seg.unet.backend import UnetSegmentation

_WARM = 0.02
"""Share of the steps in which the learning rate rises to its largest, of schedules that then only fall."""


class Learner(lightning.LightningModule):
    """A U-Net in training.

    Args:
        plan: of the network.
        config: of the training.
        steps: of it.
        quick: it trains on a GPU that `quickened` networks run on.
    """

    def __init__(self, plan: SegPlan, config: UnetSegmentation, steps: int, *, quick: bool = False) -> None:
        super().__init__()
        network = make_network(plan, config.deep_supervision)
        self.network = quickened(network) if quick else network
        self.deep = config.deep_supervision
        self.loss = LOSSES[config.loss](config.overlap_of == "batch")
        self.enlarges = config.deep_supervision and config.loss in NOT_LINEAR
        self.learning_rate, self.schedule, self.steps = config.learning_rate, config.schedule, steps
        self.averaged: AveragedModel | None = None
        if config.ema:
            least = 1 - config.ema
            self.averaged = AveragedModel(
                self.network, avg_fn=lambda mean, new, count: mean + (new - mean) * max(least, 9 / (10 + float(count)))
            ).requires_grad_(False)
        if config.compiled:
            self.network.compile()

    @property
    def best_network(self) -> torch.nn.Module:
        """The network that is kept: of averaged weights, where they are."""
        kept: torch.nn.Module = self.network if self.averaged is None else self.averaged.module
        return kept

    def training_step(self, batch: tuple[torch.Tensor, ...], _: int) -> torch.Tensor:
        """Return the loss of a batch of images (batch, input, ...) and targets (batch, 1, ...)."""
        image, target, *annotated = batch
        said = self.network(image)
        answers = tuple(answer.float() for answer in (said if self.deep else (said,)))
        if self.enlarges:
            answers = tuple(functional.interpolate(answer, target.shape[2:]) for answer in answers)
        if annotated:
            answers = tuple(left_open(answer, annotated[0]) for answer in answers)
        return of_levels(self.loss, answers, target)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Make a step, and take the new weights into the running mean."""
        super().optimizer_step(*args, **kwargs)
        if self.averaged is not None:
            self.averaged.update_parameters(self.network)

    def configure_optimizers(self) -> Any:
        """Return the optimizer and its schedule, advanced every step."""
        learned = [weights for weights in self.parameters() if weights.requires_grad]
        optimizer = torch.optim.AdamW(learned, lr=self.learning_rate, weight_decay=1e-4)
        schedule: Any
        if self.schedule == "one_cycle":
            schedule = torch.optim.lr_scheduler.OneCycleLR(
                optimizer, self.learning_rate, self.steps + 1, pct_start=0.15
            )
        else:
            schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self._share)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _share(self, step: int) -> float:
        """Return the learning rate of a step as a share of the largest."""
        gone = min(step / self.steps, 1.0)
        falling = (1 - gone) ** 0.9 if self.schedule == "poly" else (1 + math.cos(math.pi * gone)) / 2
        return min((step + 1) / (_WARM * self.steps + 1), 1.0) * falling
