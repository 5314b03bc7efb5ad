"""What a network learns by."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from monai.losses import DiceCELoss, DiceFocalLoss, TverskyLoss

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

LOSSES: dict[str, Callable[[bool], Loss]] = {
    "dice_ce": lambda batch: DiceCELoss(softmax=True, to_onehot_y=True, include_background=False, batch=batch),
    "focal": lambda batch: DiceFocalLoss(softmax=True, to_onehot_y=True, include_background=False, batch=batch),
    "tversky": lambda batch: TverskyLoss(  # a voxel missed weighs more: Salehi et al. 2017, arXiv:1706.05721
        softmax=True, to_onehot_y=True, include_background=False, batch=batch, alpha=0.3, beta=0.7
    ),
}
"""Name -> whether overlaps are those of a whole batch -> loss."""
_NEVER = -1e4
"""Logit of a class that cannot be."""


def of_levels(loss: Loss, answers: Sequence[torch.Tensor], target: torch.Tensor) -> torch.Tensor:
    """Return the loss of all levels' answers (batch, class, ...), each coarser one counting half of the one before."""
    weights = [0.5**level for level in range(len(answers))]
    each = [weight * loss(answer, target) for weight, answer in zip(weights, answers, strict=True)]
    return torch.stack(each).sum() / sum(weights)


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
