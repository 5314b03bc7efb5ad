"""A trained network as ONNX, and the proof that it says the same."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from radfuse import machine
from radfuse.errors import CaseError, InputError
from radfuse.seg.plan import NetworkPlan

PARITY = 1e-3
"""Largest difference in logits allowed, relative to the largest logit."""
_OPSET = 17
_MOST_BYTES = 1.9e9
"""An ONNX file is one message of at most 2 GiB."""


class _Exported(torch.nn.Module):
    """Networks whose answers are averaged, and what the first of them sees first, at full resolution: deep features.

    Deeper levels see more around a voxel, and lose where in a thin cartilage something lies.
    """

    def __init__(self, networks: Sequence[torch.nn.Module], first: torch.nn.Module) -> None:
        super().__init__()
        self.networks = torch.nn.ModuleList(networks)
        self.seen: list[torch.Tensor] = []
        first.register_forward_hook(lambda *call: self.seen.append(call[2]))

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits (batch, class, z, y, x) and features (batch, channel, z, y, x); without z for slices."""
        self.seen.clear()
        logits = self.networks[0](image)
        for network in self.networks[1:]:
            logits = logits + network(image)
        return logits / len(self.networks) if len(self.networks) > 1 else logits, self.seen[0]


def check_size(networks: Sequence[torch.nn.Module]) -> None:
    """Refuse networks that together are larger than an ONNX file can be; raises `InputError`."""
    size = sum(values.numel() * 4 for network in networks for values in network.parameters())
    if size > _MOST_BYTES:
        raise InputError(
            f"{len(networks)} networks of together {size / 1e9:.1f} GB do not fit into an ONNX file, which holds 2 GB; "
            "export fewer folds"
        )


def export_network(
    networks: torch.nn.Module | Sequence[torch.nn.Module],
    plan: NetworkPlan,
    path: Path,
    first: torch.nn.Module | None = None,
) -> float:
    """Write a network, or several that answer together, with their plan in the metadata.

    The graph is that of a small patch, which takes a moment; what is proved is the plan's own patch. Where that shows
    that the graph hangs on sizes, it is made of the whole patch.

    Args:
        networks: in evaluation mode, on the CPU.
        plan: a Section.
        path: of the file.
        first: the layer of the first network whose output are deep features; None: that of our own U-Net.

    Returns:
        The largest difference between its logits and the networks' on a random patch, relative to the largest logit.

    Raises:
        CaseError: the difference exceeds `PARITY`.
        InputError: the networks are larger than an ONNX file can be.
    """
    networks = [networks] if isinstance(networks, torch.nn.Module) else list(networks)
    check_size(networks)
    seen: Any = getattr(networks[0], "input_block", None) if first is None else first
    whole = _Exported(networks, seen).eval()
    generator = torch.Generator().manual_seed(0)
    sizes = plan.window.patch_zyx[1:] if plan.slices else plan.window.patch_zyx
    patch = torch.randn((1, plan.inputs, *sizes), generator=generator)
    expected, small = _answered(whole, patch)
    for traced in (patch[tuple(map(slice, small))], patch):
        try:
            _write(whole, traced, plan, path)
            difference = _difference(path, patch, expected)
        except Exception:  # torch and onnxruntime have a class for each of their moods
            if traced is patch:
                raise
            continue
        if difference <= PARITY:
            return difference
    raise CaseError(path.name, f"the ONNX file differs from the network by {difference:.2g}, allowed {PARITY:.0e}")


def _answered(whole: _Exported, patch: torch.Tensor) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return the logits of a patch, and the shape of a small one: two voxels of the coarsest level along each axis."""
    coarsest = list(patch.shape)

    def look(*call: Any) -> None:
        if isinstance(call[2], torch.Tensor) and call[2].ndim == patch.ndim:
            coarsest[2:] = map(min, coarsest[2:], call[2].shape[2:])

    hooks = [module.register_forward_hook(look) for module in whole.networks.modules()]
    with torch.no_grad():
        logits = whole(patch)[0].numpy()
    for hook in hooks:
        hook.remove()
    halves = (min(2 * -(-size // least), size) for size, least in zip(patch.shape[2:], coarsest[2:], strict=True))
    return logits, (*patch.shape[:2], *halves)


def _write(whole: _Exported, patch: torch.Tensor, plan: NetworkPlan, path: Path) -> None:
    """Write the graph that a patch goes through, its sizes free, and the plan."""
    import onnx

    free = dict(enumerate(("y", "x") if plan.slices else ("z", "y", "x"), start=2))
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(
            whole,
            (patch,),
            str(path),
            input_names=["image"],
            output_names=["logits", "features"],
            dynamic_axes={name: {0: "batch", **free} for name in ("image", "logits", "features")},
            opset_version=_OPSET,
            dynamo=False,
        )
    proto = onnx.load(path)
    stored: Any = plan
    onnx.helper.set_model_props(proto, {"plan": json.dumps(stored.model_dump(mode="json"))})
    onnx.save(proto, path)


def _difference(path: Path, patch: torch.Tensor, expected: np.ndarray) -> float:
    """Return the largest difference of a file's logits, relative to the largest expected."""
    found = machine.open_network(path).run(["logits"], {"image": patch.numpy()})[0]
    return float(np.abs(found - expected).max() / max(float(np.abs(expected).max()), 1e-6))
