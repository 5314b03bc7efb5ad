"""What a runtime is, and which one runs a network here."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any, ClassVar, Literal, Protocol, cast

import numpy as np

from radfuse import machine
from radfuse.config import nearest, one_of
from radfuse.errors import InputError
from radfuse.seg.runtimes import RUNTIMES
from radfuse.seg.window import AveragesOf

USUAL = "onnxruntime"
"""What every installation has, in float32: the same masks from run to run and on all machines of one kind."""
RuntimeName = Annotated[str, one_of(("auto", *RUNTIMES))]


class Runtime(Protocol):
    """A network opened on this machine.

    Attributes:
        mend: what to do where this runtime is not here, for messages.
        batch: patches at once that it gains by.
        averages: adds its answers up where they are; None: they are arrays of this process.
    """

    mend: ClassVar[str]
    batch: int
    averages: AveragesOf | None

    def __init__(self, model: bytes) -> None:
        """Open an ONNX model with one input and one output."""

    @classmethod
    def is_here(cls) -> bool:
        """Return whether it can run on this machine."""

    def __call__(self, patches: np.ndarray) -> Any:
        """Return what the network says of patches: float32 (batch, input, z, y, x) -> (batch, output, z, y, x)."""


def runtime(name: str) -> type[Runtime]:
    """Return a runtime by its name in settings.

    Raises:
        InputError: there is none of that name, or it cannot run here.
    """
    if name not in RUNTIMES:
        raise InputError(f"there is no runtime {name!r}{nearest(name, ('auto', *RUNTIMES))}")
    found = _named(name)
    if not found.is_here():
        raise InputError(f"runtime {name!r} cannot run here: {found.mend}, or choose {USUAL!r}")
    return found


def chosen(name: str) -> str:
    """Return which runtime a setting means here.

    "auto" is onnxruntime on a GPU, torch where it alone has one, without any openvino, or onnxruntime where that lacks.

    Raises:
        InputError: as `runtime`.
    """
    if name == "auto":
        name = _fastest()
    runtime(name)
    return name


def on_gpu(name: str) -> bool:
    """Return whether a runtime has a GPU here; False for what is none."""
    if name == "torch":
        return _named(name).is_here() and machine.torch_has_gpu()
    return name in ("onnxruntime", "tensorrt") and machine.has_gpu()


def crew_on(name: str) -> Literal["gpu", "network"]:
    """Return which crew runs networks by a runtime, as `radfuse.run.workers.Crew.each` has it."""
    return "gpu" if on_gpu(name) else "network"


def _fastest() -> str:
    if machine.has_gpu():
        return USUAL
    if _named("torch").is_here() and machine.torch_has_gpu():
        return "torch"
    return "openvino" if _named("openvino").is_here() else USUAL


def _named(name: str) -> type[Runtime]:
    return cast("type[Runtime]", import_module(RUNTIMES[name]).RUNTIME)
