"""A trained network as ONNX, and the proof that it says the same."""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from radfuse import machine
from radfuse.errors import CaseError
from radfuse.seg.plan import SegPlan

PARITY = 1e-3
"""Largest difference in logits allowed, relative to the largest logit."""
_OPSET = 17


class _WithFeatures(torch.nn.Module):
    """A network that also gives what its encoder sees first, at full resolution: the deep features.

    Deeper levels see more around a voxel, and lose where in a thin cartilage something lies.
    """

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network
        self.seen: list[torch.Tensor] = []
        encoder: Any = network
        encoder.input_block.register_forward_hook(lambda *call: self.seen.append(call[2]))

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits (batch, class, z, y, x) and features (batch, channel, z, y, x)."""
        self.seen.clear()
        logits = self.network(image)
        return logits, self.seen[-1]


def export_network(network: torch.nn.Module, plan: SegPlan, path: Path) -> float:
    """Write a network with its plan in the metadata.

    Returns:
        The largest difference between its logits and the network's on a random patch, relative to the largest logit.

    Raises:
        CaseError: the difference exceeds `PARITY`.
    """
    import onnx

    generator = torch.Generator().manual_seed(0)
    sizes = plan.patch_zyx[1:] if plan.slices else plan.patch_zyx
    patch = torch.randn((1, plan.inputs, *sizes), generator=generator)
    axes = {0: "batch"} | {place + 2: axis for place, axis in enumerate("yx" if plan.slices else "zyx")}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(
            _WithFeatures(network).eval(),  # or the exporter puts the network back into training
            (patch,),
            str(path),
            input_names=["image"],
            output_names=["logits", "features"],
            dynamic_axes=dict.fromkeys(("image", "logits", "features"), axes),
            opset_version=_OPSET,
            dynamo=False,
        )
        expected = network(patch).numpy()
    proto = onnx.load(path)
    onnx.helper.set_model_props(proto, {"plan": json.dumps(plan.model_dump(mode="json"))})
    onnx.save(proto, path)
    found = machine.open_network(path).run(["logits"], {"image": patch.numpy()})[0]
    difference = float(np.abs(found - expected).max() / max(float(np.abs(expected).max()), 1e-6))
    if not difference <= PARITY:
        raise CaseError(path.name, f"the ONNX file differs from the network by {difference:.2g}, allowed {PARITY:.0e}")
    return difference
