"""What a GPU does of a sliding window: answers are added up where they are made, and their means alone come back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from radfuse.seg.window import Window


class DeviceAverages:
    """What is averaged where patches overlap, on the device that computes it, as deep as a patch.

    Args:
        device: which.
        classes: number of them.
        window: how patches cover the image.
        sizes_yx: of the image.
    """

    def __init__(self, device: torch.device, classes: int, window: Window, sizes_yx: Sequence[int]) -> None:
        self._of_logits = window.averages == "logits"
        self._weight = torch.from_numpy(window.weight).to(device)
        self._total = torch.zeros((classes, window.patch_zyx[0], *sizes_yx), device=device)
        self._weights = torch.zeros(self._total.shape[1:], device=device)

    def add(self, corner_yx: tuple[int, ...], logits: torch.Tensor) -> None:
        """Add what the network says of a patch, (class, z, y, x)."""
        part = tuple(slice(at, at + size) for at, size in zip(corner_yx, self._weight.shape[1:], strict=True))
        said = logits.float()
        said = said if self._of_logits else said.softmax(0)
        self._total[(slice(None), slice(None), *part)].addcmul_(said, self._weight)
        self._weights[(slice(None), *part)] += self._weight

    def take(self, count: int) -> np.ndarray:
        """Return the means of the first slices, (class, count, y, x), and go on behind them."""
        found = self._total[:, :count] / self._weights[:count]
        pinned = self._total.is_cuda  # which a GPU copies to at several times the pace
        here = torch.empty(found.shape, pin_memory=pinned).copy_(found)
        for kept in (self._total, self._weights):
            kept.copy_(torch.cat([kept[..., count:, :, :], torch.zeros_like(kept[..., :count, :, :])], dim=-3))
        return here.numpy()
