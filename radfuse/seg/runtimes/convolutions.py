"""3D convolutions of one patch on a CPU, for which torch takes a slow way that it takes for no two."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_FEW = 20480
"""Up to so many channels x slices x rows torch unfolds one patch, rather than ask oneDNN (ATen, Convolution.cpp)."""


class QuickConvolutions(TorchFunctionMode):
    """While it is entered, oneDNN convolves such patches in float32, too: thin networks answer in half the time.

    Modules stay as they are, so that whoever exports or compiles a network sees nothing of it.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Collection[type], args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call a function of torch's, or oneDNN in its place."""
        if func is torch.conv3d and not kwargs and len(args) == 7 and _is_slow(*args):
            image, weight, bias, stride, padding, dilation, groups = args
            return torch.mkldnn_convolution(image, weight, bias, padding, stride, dilation, groups)
        return func(*args, **(kwargs or {}))


def _is_slow(image: torch.Tensor, weight: torch.Tensor, *settings: Any) -> bool:
    """Return whether torch would unfold a patch; of single voxels that is as quick."""
    return (
        image.device.type == "cpu"
        and image.dtype == weight.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and image.ndim == 5
        and image.shape[0] == 1
        and image.shape[1:4].numel() <= _FEW
        and weight.shape[2:].numel() > 1
        and settings[-1] == 1
        and all(isinstance(setting, (tuple, list)) and len(setting) == 3 for setting in settings[1:4])
    )
