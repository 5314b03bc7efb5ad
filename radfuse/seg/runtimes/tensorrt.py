"""Runtime `tensorrt`: onnxruntime's TensorRT provider; it builds an engine, for minutes, before a network's first case.

`auto` never takes it: that pays on cohorts of thousands alone.
"""

from __future__ import annotations

from typing import ClassVar

from radfuse import machine
from radfuse.seg.runtimes.onnxruntime import OnnxRuntime


class TensorRt(OnnxRuntime):
    """A network in a session of onnxruntime on TensorRT; what TensorRT cannot run, CUDA does."""

    mend: ClassVar[str] = "it needs an NVIDIA GPU, onnxruntime-gpu and TensorRT's libraries"
    tensorrt: ClassVar[bool] = True

    @classmethod
    def is_here(cls) -> bool:
        """Return whether onnxruntime has the provider and a GPU."""
        return machine.has_gpu() and machine.has_tensorrt()


RUNTIME = TensorRt
