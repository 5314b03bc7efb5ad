"""What a network learns by."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from monai.losses import DiceCELoss, DiceFocalLoss, TverskyLoss
from torch.nn import functional

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Of logits (batch, class, ...) and the share that each class has in their voxels, of the same shape."""

LOSSES: dict[str, Callable[[bool], Loss]] = {
    "dice_ce": lambda batch: DiceCELoss(softmax=True, include_background=False, batch=batch),
    "focal": lambda batch: DiceFocalLoss(softmax=True, include_background=False, batch=batch),
    "tversky": lambda batch: TverskyLoss(  # a voxel missed weighs more: Salehi et al. 2017, arXiv:1706.05721
        softmax=True, include_background=False, batch=batch, alpha=0.3, beta=0.7
    ),
}
"""Name -> whether overlaps are those of a whole batch -> loss."""
NOT_LINEAR = {"focal"}
"""Losses that ask for a class in each voxel: shares of several are not the mean of theirs."""
_NEVER = -1e4
"""Logit of a class that cannot be."""


def of_levels(loss: Loss, answers: Sequence[torch.Tensor], target: torch.Tensor) -> torch.Tensor:
    """Return the loss of all levels' answers, each coarser one counting half of the one before.

    An answer of a coarser level is compared with the shares of classes in its voxels, which is the loss of the same
    answer enlarged, where the loss is linear in the target, for a small part of the time.

    Args:
        loss: of one answer.
        answers: logits (batch, class, ...), the finest first.
        target: class numbers (batch, 1, ...), as large as the finest answer.
    """
    shares = torch.zeros_like(answers[0]).scatter_(1, target.long(), 1.0)
    total, weights = torch.zeros((), device=target.device), 0.0
    for level, answer in enumerate(answers):
        if answer.shape != shares.shape:
            shares = functional.interpolate(shares, answer.shape[2:], mode="area")
        total, weights = total + 0.5**level * loss(answer, shares), weights + 0.5**level
    return total / weights


def left_open(logits: torch.Tensor, annotated: torch.Tensor) -> torch.Tensor:
    """Return logits in which classes that nobody annotated in a case count as its background.

    Args:
        logits: (batch, class, ...), the background first.
        annotated: bool (batch, class); the background is.

    Source:
        The marginal loss: Shi et al. 2021, doi:10.1016/j.media.2021.101979.
    """
    known = annotated.reshape(*annotated.shape, *[1] * (logits.ndim - 2))
    joined = known.clone()
    joined[:, 1:] = ~known[:, 1:]
    background = torch.where(joined, logits, torch.full_like(logits, _NEVER)).logsumexp(1, keepdim=True)
    rest = torch.where(known[:, 1:], logits[:, 1:], torch.full_like(logits[:, 1:], _NEVER))
    return torch.cat([background, rest], dim=1)
