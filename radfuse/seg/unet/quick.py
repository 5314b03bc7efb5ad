"""A U-Net made quicker on a GPU: its weights stay where they are, under their names."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, cast

import torch
from monai.networks.blocks.dynunet_block import UnetBasicBlock, UnetResBlock
from torch.nn import functional


class Normalised(torch.nn.Module):
    """An instance normalisation, and perhaps the leaky ReLU behind it; on a GPU one kernel.

    Args:
        norm: affine, whose weights it takes.
        slope: of the ReLU; 1: there is none.
    """

    def __init__(self, norm: torch.nn.InstanceNorm2d | torch.nn.InstanceNorm3d, slope: float) -> None:
        super().__init__()
        self.weight, self.bias, self.eps, self.slope = norm.weight, norm.bias, norm.eps, slope

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the image (batch, channel, ...), standardised."""
        if image.is_cuda:
            from radfuse.seg.fused import normalised

            return normalised(image, self.weight, self.bias, self.eps, self.slope)
        found = functional.instance_norm(image, weight=self.weight, bias=self.bias, eps=self.eps)
        return found if self.slope == 1 else functional.leaky_relu(found, self.slope)


def quickened(network: torch.nn.Module) -> torch.nn.Module:
    """Return the network with normalisations and activations as one kernel each."""
    for block in list(network.modules()):
        if not isinstance(block, UnetBasicBlock | UnetResBlock):
            continue
        activated = isinstance(block, UnetBasicBlock)  # the other adds its residual in between
        slope = cast(float, block.lrelu.negative_slope) if activated else 1.0
        for name in ("norm1", "norm2", "norm3"):
            norm: Any = getattr(block, name, None)
            if norm is not None:
                setattr(block, name, Normalised(norm, slope))
        if activated:
            block.lrelu = torch.nn.Identity()
    return network


def can_quicken() -> bool:
    """Return whether Triton, which comes with torch for GPUs, is here and runs on this one."""
    if find_spec("triton") is None:
        return False
    from radfuse.seg.fused import runs_here

    return runs_here()
