"""What `radfuse.seg.fused` gives by Triton's interpreter, which must be asked for before Triton is imported.

Run as a program, in a process of its own; prints name -> largest difference from torch as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, Literal

os.environ["TRITON_INTERPRET"] = "1"

import numpy as np
import torch
from torch.nn import functional

from radfuse.seg.export import export_network
from radfuse.seg.fused import normalised
from radfuse.seg.plan import SegPlan
from radfuse.seg.predict import OnnxSegmenter
from radfuse.seg.runtimes import torch as runtime
from radfuse.seg.unet.network import make_network
from radfuse.seg.unet.quick import Normalised, quickened

SHAPES = [(2, 32, 5, 17, 9), (1, 7, 33, 40), (3, 40, 2, 3, 4), (1, 1, 20, 20, 20)]
Encoder = Literal["plain", "residual"]


def expected(image: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor, slope: float) -> torch.Tensor:
    found = functional.instance_norm(image, weight=scale, bias=shift, eps=1e-5)
    return functional.leaky_relu(found, slope)


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).abs().max() / one.abs().max().clamp(min=1))


def image_and_gradients(shape: tuple[int, ...], slope: float) -> float:
    draw = torch.Generator().manual_seed(0)
    image = torch.randn(shape, generator=draw) * 3 + 2
    scale, shift = torch.randn((2, shape[1]), generator=draw)
    told = torch.randn(shape, generator=draw)
    found = []
    for way in (expected, lambda *args: normalised(*args[:3], 1e-5, args[3])):
        inputs = [array.clone().requires_grad_() for array in (image, scale, shift)]
        out = way(*inputs, slope)
        (out * told).sum().backward()
        found.append([out.detach(), *(array.grad for array in inputs)])
    return max(map(apart, *found))


def halves(kind: torch.dtype) -> float:
    image = torch.randn((2, 8, 6, 6, 6), generator=torch.Generator().manual_seed(0)).to(kind)
    ones, zeros = torch.ones(8), torch.zeros(8)
    found = normalised(image, ones, zeros, 1e-5, 0.01)
    assert found.dtype == kind
    assert found.is_contiguous(memory_format=torch.channels_last_3d)
    return apart(expected(image.float(), ones, zeros, 0.01), found.float())


def network(encoder: Encoder, deep: bool = False) -> tuple[SegPlan, torch.nn.Module]:
    plan = SegPlan(
        labels={"a": 1, "b": 2},
        spacing_zyx_mm=(1, 1, 1),
        patch_zyx=(16, 16, 16),
        channels=(4, 6, 8),
        overlap=0.5,
        encoder=encoder,
    )
    torch.manual_seed(0)
    return plan, make_network(plan, deep)


def as_on_a_gpu(self: Normalised, image: torch.Tensor) -> torch.Tensor:
    return normalised(image, self.weight, self.bias, self.eps, self.slope)


def quick_network(encoder: Encoder, deep: bool) -> float:
    image = torch.randn((2, 1, 16, 16, 16), generator=torch.Generator().manual_seed(1))
    found, usual = [], Normalised.forward
    for way in (None, usual, as_on_a_gpu):
        each = network(encoder, deep)[1]
        names = list(each.state_dict())
        if way is not None:
            assert list(quickened(each).state_dict()) == names
            Normalised.forward = way  # type: ignore[method-assign]
        said = each(image) if deep else (each(image),)
        torch.stack([(level**2).mean() for level in said]).mean().backward()
        found.append([*(level.detach() for level in said), *(weights.grad for weights in each.parameters())])
    Normalised.forward = usual  # type: ignore[method-assign]
    return max(*map(apart, found[0], found[1]), *map(apart, found[0], found[2]))


def graph(encoder: Encoder, folder: Path) -> float:
    plan, each = network(encoder)
    with torch.no_grad():
        for weights in each.parameters():
            if weights.ndim == 1:
                weights.normal_(0, 0.3)  # scales and shifts that tell
    export_network(each.eval(), plan, folder / "network.onnx")
    opened: Any = OnnxSegmenter(folder / "network.onnx", "torch")._network
    opened._halves = torch.autocast("cpu", enabled=False)
    patches = np.random.default_rng(0).normal(0, 1, (2, 1, 16, 16, 16)).astype(np.float32)
    usual, nodes = torch.from_numpy(opened(patches)), opened._graph._nodes
    joined = runtime._fused(nodes)
    assert "InstanceNormalization" not in {node.kind for node in joined}
    assert len(joined) < len(nodes)
    opened._graph._nodes, opened._graph._dropped = joined, {}
    opened._graph._functions[runtime._FUSED] = normalised
    return apart(usual, torch.from_numpy(opened(patches)))


def main(folder: Path) -> None:
    found = {f"{shape}, slope {slope}": image_and_gradients(shape, slope) for shape in SHAPES for slope in (0.01, 1.0)}
    found |= {str(kind): halves(kind) for kind in (torch.float16, torch.bfloat16)}
    for encoder in ("plain", "residual"):
        found |= {f"{encoder} network, deep supervision {deep}": quick_network(encoder, deep) for deep in (False, True)}
        found[f"{encoder} graph"] = graph(encoder, folder)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
