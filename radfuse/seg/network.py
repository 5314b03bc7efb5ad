"""The network: a plain 3D U-Net that exports to ONNX."""

from __future__ import annotations

from typing import Any

import torch
from monai.networks.nets import DynUNet

from radfuse.seg.plan import SegPlan


def make_network(plan: SegPlan) -> torch.nn.Module:
    """Return an untrained U-Net: (batch, 1, z, y, x) -> logits (batch, class, z, y, x)."""
    levels = len(plan.channels)
    strides = [1] + [2] * (levels - 1)
    network: Any = DynUNet(
        spatial_dims=3,
        in_channels=1,
        out_channels=plan.classes,
        kernel_size=[3] * levels,
        strides=strides,
        upsample_kernel_size=strides[1:],
        filters=list(plan.channels),
        norm_name=("INSTANCE", {"affine": True}),
        act_name=("leakyrelu", {"negative_slope": 0.01, "inplace": True}),
    )
    return network
