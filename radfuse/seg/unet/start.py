"""Weights that a training goes on from: an exported network, or a checkpoint, of radfuse."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from radfuse.errors import InputError

_FIRST = re.compile(r"(networks?\.(0\.)?)+")
"""Before the names of a file's only network, or its first."""
_LEAST = 0.5
"""Share of the network's weights that must be found, or it is not the same kind of network."""


def start_from(network: torch.nn.Module, path: Path) -> int:
    """Give a network the weights of another, where names and shapes agree.

    Returns:
        How many of its arrays were found.

    Raises:
        InputError: the file cannot be read, or holds another kind of network.
    """
    known = dict(network.named_parameters())  # its state names many twice
    given = _from_onnx(path) if path.suffix == ".onnx" else _from_checkpoint(path)
    if not known.keys() & given.keys():
        raise InputError(
            f"segmentation.start_from: {path} holds no U-Net of radfuse; give one that it exported or saved"
        )
    found = [name for name, weights in known.items() if name in given and weights.shape == given[name].shape]
    if len(found) < _LEAST * len(known):
        other = next(name for name in known if name not in found)
        here, there = tuple(known[other].shape), tuple(given[other].shape) if other in given else "lacking"
        raise InputError(
            f"segmentation.start_from: {path} fits {len(found)} of the {len(known)} arrays; {other} is {here} here and "
            f"{there} there. Set channels, encoder, dimensions and spacing as they were there"
        )
    with torch.no_grad():
        for name in found:
            known[name].copy_(given[name])
    return len(found)


def _from_onnx(path: Path) -> dict[str, torch.Tensor]:
    import onnx
    from google.protobuf.message import DecodeError
    from onnx import numpy_helper

    try:
        model = onnx.load(path)
    except DecodeError as error:
        raise InputError(f"segmentation.start_from: {path} is no ONNX file, or was cut short; copy it again") from error
    arrays = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    return {_FIRST.sub("", name): torch.tensor(array) for name, array in arrays.items()}


def _from_checkpoint(path: Path) -> dict[str, torch.Tensor]:
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
        weights = {name: item for name, item in content.get("state_dict", content).items() if torch.is_tensor(item)}
    except Exception as error:  # what is no pickle is read as if it were: any error may come of it
        raise InputError(
            f"segmentation.start_from: {path} is no checkpoint of radfuse that can be read; copy it again, or give a "
            "network of a run's models/segmentation"
        ) from error
    averaged = {name: item for name, item in weights.items() if name.startswith("averaged.module.")}
    prefix = "averaged.module." if averaged else "network."
    return {name.removeprefix(prefix): item for name, item in (averaged or weights).items()}
