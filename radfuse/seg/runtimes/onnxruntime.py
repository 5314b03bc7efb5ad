"""Runtime `onnxruntime`: float32, on the GPU where it has one, else on the CPU."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from radfuse import machine

_BATCH = 4
"""Patches at once on a GPU; on a CPU one patch keeps all cores busy, and more only take memory."""


class OnnxRuntime:
    """A network in a session of onnxruntime."""

    mend: ClassVar[str] = "install onnxruntime"
    tensorrt: ClassVar[bool] = False
    averages = None

    def __init__(self, model: bytes) -> None:
        self.batch = _BATCH if machine.has_gpu() else 1
        self._session = machine.open_network(model, tensorrt=self.tensorrt)
        self._input = self._session.get_inputs()[0].name

    @classmethod
    def is_here(cls) -> bool:
        """Return True: radfuse needs it."""
        return True

    def __call__(self, patches: np.ndarray) -> np.ndarray:
        """Return what the network says of patches."""
        return np.asarray(self._session.run(None, {self._input: patches})[0])


RUNTIME = OnnxRuntime
