"""What a GPU does of a sliding window: answers are added up where they are made, and what is asked of them is, too."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from radfuse.seg.quality import SURE
from radfuse.seg.window import Window

_ASKED = 2**25
"""Values looked at together: 128 MiB of the device, and some times as much while they are."""


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

    def take(self, count: int) -> OnDevice:
        """Return the means of the first slices, (class, count, y, x), and go on behind them."""
        found = self._total[:, :count] / self._weights[:count]
        for kept in (self._total, self._weights):
            kept.copy_(torch.cat([kept[..., count:, :, :], torch.zeros_like(kept[..., :count, :, :])], dim=-3))
        return OnDevice(found)


class OnDevice:
    """See `There`: of 660 MB that a network says of a knee, 24 MB of class numbers and 48 MB of entropies come back.

    Args:
        said: (class, z, y, x), float32.
    """

    def __init__(self, said: torch.Tensor) -> None:
        self._said = said

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes, (class, z, y, x)."""
        return tuple(self._said.shape)

    def __getitem__(self, places: tuple[slice, ...]) -> OnDevice:
        """Return a part of it, there."""
        return OnDevice(self._said[places])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return all of it, here."""
        return np.asarray(_here(self._said), dtype=dtype)

    def likeliest(self) -> np.ndarray:
        """Return the number of each voxel's most probable class, uint8 (z, y, x), or int16 of more than 256."""
        small = torch.uint8 if len(self._said) <= 256 else torch.int16
        return self._slice_by_slice(lambda said: said.argmax(0).to(small), small)

    def entropy(self, *, logits: bool) -> np.ndarray:
        """Return what `entropy_of` does, float16."""

        def entropy(said: torch.Tensor) -> torch.Tensor:
            likeliest = said[1:].amax(0)
            near = likeliest + math.log(SURE) > said[0] if logits else SURE * likeliest > said[0]
            each = said.softmax(0) if logits else said
            total = -(each * each.clamp(min=1e-12).log()).sum(0) / math.log(len(said))
            return torch.where(near, total.clamp(0, 1), 0).half()

        return self._slice_by_slice(entropy, torch.float16)

    def _slice_by_slice(self, asked: Callable[[torch.Tensor], torch.Tensor], kind: torch.dtype) -> np.ndarray:
        """Return an answer (z, y, x) to what is asked of some slices at a time, which bounds what it takes there."""
        found = torch.empty(self._said.shape[1:], dtype=kind, device=self._said.device)
        depth = max(_ASKED // max(self._said[:, :1].numel(), 1), 1)
        for first in range(0, len(found), depth):
            found[first : first + depth] = asked(self._said[:, first : first + depth])
        return _here(found)


def _here(there: torch.Tensor) -> np.ndarray:
    """Return a tensor's values; of a GPU into pinned memory, which it copies to at several times the pace."""
    return torch.empty(there.shape, dtype=there.dtype, pin_memory=there.is_cuda).copy_(there).numpy()
