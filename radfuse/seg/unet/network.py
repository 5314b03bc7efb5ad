"""The network: a plain 3D U-Net that exports to ONNX."""

from __future__ import annotations

from typing import Any

import torch
from monai.networks.nets import DynUNet

from radfuse.seg.plan import SegPlan


def make_network(plan: SegPlan) -> torch.nn.Module:
    """Return an untrained U-Net: (batch, input, z, y, x) -> logits (batch, class, z, y, x)."""
    strides = [list(stride) for stride in plan.strides]
    network: Any = DynUNet(
        spatial_dims=3,
        in_channels=plan.inputs,
        out_channels=plan.classes,
        kernel_size=[list(kernel) for kernel in plan.kernels],
        strides=strides,
        upsample_kernel_size=strides[1:],
        filters=list(plan.channels),
        norm_name=("INSTANCE", {"affine": True}),
        act_name=("leakyrelu", {"negative_slope": 0.01, "inplace": True}),
    )
    return network
