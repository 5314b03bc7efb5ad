"""The network: a U-Net of slices or volumes, plain or residual, that exports to ONNX."""

from __future__ import annotations

from typing import Any

import torch
from monai.networks.nets import DynUNet

from radfuse.seg.plan import SegPlan

_ANSWERS = 2
"""Coarser levels, at most, that learn from their own answers."""


class _Levels(DynUNet):
    """MONAI's network, whose coarser answers are as large as their levels: it enlarges them."""

    def forward(self, image: torch.Tensor) -> Any:
        """Return logits; those of each level while it learns from them."""
        logits = self.output_block(self.skip_layers(image))
        return (logits, *self.heads) if self.training and self.deep_supervision else logits


def make_network(plan: SegPlan, deep_supervision: bool = False) -> torch.nn.Module:
    """Return an untrained U-Net: (batch, input, z, y, x) -> logits (batch, class, z, y, x); of slices without z.

    With `deep_supervision` it answers for all levels while it trains, the finest first.
    """
    first = 1 if plan.slices else 0
    strides = [list(stride[first:]) for stride in plan.strides]
    network: Any = _Levels(
        spatial_dims=3 - first,
        in_channels=plan.inputs,
        out_channels=plan.classes,
        kernel_size=[list(kernel[first:]) for kernel in plan.kernels],
        strides=strides,
        upsample_kernel_size=strides[1:],
        filters=list(plan.channels),
        norm_name=("INSTANCE", {"affine": True}),
        act_name=("leakyrelu", {"negative_slope": 0.01, "inplace": True}),
        res_block=plan.encoder == "residual",
        deep_supervision=deep_supervision,
        deep_supr_num=min(_ANSWERS, len(strides) - 2),
    )
    return network
