"""Runtime `torch`: the graph of an ONNX file by torch's own functions; half precision, on the GPU where torch has one.

An installation that trains has torch with its GPU libraries, and an onnxruntime for CPUs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from radfuse import machine
from radfuse.errors import InputError
from radfuse.seg.window import AveragesOf

if TYPE_CHECKING:
    import torch

_BATCH = 4
"""Patches at once on a GPU."""
_FUSED = "Normalised"
"""Instance normalisation with the leaky ReLU behind it; no operator of ONNX."""


class Torch:
    """A network as torch runs it: float16 on a GPU, bfloat16 on a CPU that computes in it, else float32."""

    mend: ClassVar[str] = 'install it with: pip install "radfuse[train]"'

    def __init__(self, model: bytes) -> None:
        import torch

        torch.set_num_threads(machine.threads())
        gpu = torch.cuda.is_available()
        half = torch.float16 if gpu else torch.bfloat16
        self.batch = _BATCH if gpu else 1
        self.averages: AveragesOf | None = None
        self._device = torch.device("cuda" if gpu else "cpu")
        if gpu:
            from radfuse.seg.runtimes.device import DeviceAverages

            self.averages = partial(DeviceAverages, self._device)
            torch.backends.cudnn.benchmark = True  # patches are all of one size
        self._halves = torch.autocast(
            self._device.type, half, enabled=gpu or torch.ops.mkldnn._is_mkldnn_bf16_supported()
        )
        self._graph = _Graph(model, self._device)

    @classmethod
    def is_here(cls) -> bool:
        """Return whether it is installed."""
        return find_spec("torch") is not None

    def __call__(self, patches: np.ndarray) -> Any:
        """Return what the network says of patches; of a GPU a tensor there."""
        import torch

        from radfuse.seg.runtimes.convolutions import QuickConvolutions

        layout = torch.channels_last if patches.ndim == 4 else torch.channels_last_3d
        with torch.inference_mode(), self._halves, QuickConvolutions():
            image = torch.from_numpy(np.ascontiguousarray(patches)).to(self._device)
            said = self._graph(image.contiguous(memory_format=layout))
            return said if self.averages is not None else np.asarray(said.float().contiguous().numpy())


@dataclass(frozen=True)
class _Node:
    """One operator of a graph: what it is, its settings, names of what it reads, and of what it gives."""

    kind: str
    settings: Mapping[str, Any]
    reads: tuple[str, ...]
    gives: str


class _Graph:
    """The nodes of an ONNX graph of one input and one output, in order, each value dropped after its last use."""

    def __init__(self, model: bytes, device: torch.device) -> None:
        import onnx
        import torch
        from onnx import helper, numpy_helper

        graph = onnx.load_model_from_string(model).graph
        arrays = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
        self._input, self._output = graph.input[0].name, graph.output[0].name
        nodes: list[_Node] = []
        for node in graph.node:
            settings = {item.name: helper.get_attribute_value(item) for item in node.attribute}
            if node.op_type == "Constant":
                arrays[node.output[0]] = numpy_helper.to_array(settings["value"])
            elif node.op_type in _FUNCTIONS:
                nodes.append(_Node(node.op_type, settings, tuple(node.input), node.output[0]))
            else:
                raise InputError(
                    f"runtime 'torch' knows no {node.op_type}, which the network needs; choose onnxruntime or openvino"
                )
        self._known = {name: torch.from_numpy(array.copy()).to(device) for name, array in arrays.items()}
        self._functions = dict(_FUNCTIONS)
        if device.type == "cuda" and find_spec("triton") is not None:
            from radfuse.seg.fused import normalised, runs_here

            if runs_here():
                self._functions[_FUSED] = normalised
                nodes = _fused(nodes)
        self._nodes = nodes
        last = {name: number for number, node in enumerate(nodes) for name in node.reads}
        self._dropped: dict[int, list[str]] = {}
        for name, number in last.items():
            if name not in self._known:
                self._dropped.setdefault(number, []).append(name)

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        values = {self._input: image}
        for number, node in enumerate(self._nodes):
            given = [values[each] if each in values else self._known[each] for each in node.reads]
            values[node.gives] = self._functions[node.kind](*given, **node.settings)
            for each in self._dropped.get(number, ()):
                del values[each]
        return values[self._output]


def _fused(nodes: Sequence[_Node]) -> list[_Node]:
    """Return the nodes with each normalisation and its activation as one, and without what a normalisation takes away.

    A convolution's bias is of the same value in every voxel, which the mean that is taken away then has, too.
    """
    readers: dict[str, list[int]] = {}
    for number, node in enumerate(nodes):
        for name in node.reads:
            readers.setdefault(name, []).append(number)
    found: list[_Node | None] = list(nodes)
    for number, node in enumerate(nodes):
        following = readers.get(node.gives, [])
        after = nodes[following[0]] if len(following) == 1 else None
        if node.kind == "Conv" and after is not None and after.kind == "InstanceNormalization":
            found[number] = replace(node, reads=node.reads[:2])
        elif node.kind == "InstanceNormalization":
            settings, gives = dict(node.settings), node.gives
            if after is not None and after.kind == "LeakyRelu":
                settings["slope"], gives = after.settings.get("alpha", 0.01), after.gives
                found[following[0]] = None
            found[number] = replace(node, kind=_FUSED, settings=settings, gives=gives)
    return [node for node in found if node is not None]


def _convolved(
    image: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None, **settings: Any
) -> torch.Tensor:
    from torch.nn import functional

    axes = image.ndim - 2
    call: Any = functional.conv2d if axes == 2 else functional.conv3d
    pads = settings.get("pads", [0] * 2 * axes)
    strides, dilations = settings.get("strides", [1] * axes), settings.get("dilations", [1] * axes)
    found: torch.Tensor = call(image, weight, bias, strides, pads[:axes], dilations, settings.get("group", 1))
    return found


def _widened(
    image: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None, **settings: Any
) -> torch.Tensor:
    from torch.nn import functional

    axes = image.ndim - 2
    call: Any = functional.conv_transpose2d if axes == 2 else functional.conv_transpose3d
    strides, pads = settings.get("strides", [1] * axes), settings.get("pads", [0] * 2 * axes)
    more = settings.get("output_padding", [0] * axes)
    found: torch.Tensor = call(image, weight, bias, strides, pads[:axes], more, settings.get("group", 1))
    return found


def _standardised(image: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor, epsilon: float = 1e-5) -> torch.Tensor:
    from torch.nn import functional

    return functional.instance_norm(image, weight=scale, bias=shift, eps=epsilon)


def _bent(image: torch.Tensor, alpha: float = 0.01) -> torch.Tensor:
    from torch.nn import functional

    return functional.leaky_relu(image, alpha)


def _pooled(image: torch.Tensor, **settings: Any) -> torch.Tensor:
    from torch.nn import functional

    axes = image.ndim - 2
    call: Any = functional.avg_pool2d if axes == 2 else functional.avg_pool3d
    found: torch.Tensor = call(image, settings["kernel_shape"], settings["strides"], settings["pads"][:axes])
    return found


def _summed(image: torch.Tensor, axes: Sequence[int], keepdims: int = 1) -> torch.Tensor:
    return image.logsumexp(tuple(axes), keepdim=bool(keepdims))


def _joined(*images: torch.Tensor, axis: int) -> torch.Tensor:
    import torch

    return torch.cat(images, dim=axis)


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "Add": lambda one, other: one + other,
    "AveragePool": _pooled,
    "Concat": _joined,
    "Conv": _convolved,
    "ConvTranspose": _widened,
    "Div": lambda one, other: one / other,
    "Identity": lambda one: one,
    "InstanceNormalization": _standardised,
    "LeakyRelu": _bent,
    "LogSoftmax": lambda one, axis=-1: one.log_softmax(axis),
    "ReduceLogSumExp": _summed,
    "Sub": lambda one, other: one - other,
    "Unsqueeze": lambda one, axes: one.unsqueeze(int(axes)),
}
"""ONNX operator -> function of its inputs and attributes."""

RUNTIME = Torch
