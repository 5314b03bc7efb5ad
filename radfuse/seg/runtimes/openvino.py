"""Runtime `openvino`: the fastest on Intel's and AMD's CPUs; 16-bit floats where the CPU computes in them.

Float16 is off by 0.03 in logits of 10 and asked for first; bfloat16, its own default, is off by 0.2 and nearly twice as
fast as float32. `onnxruntime` computes in float32 everywhere.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np

from radfuse import machine

_PRECISIONS = {"FP16": "f16", "BF16": "bf16", "FP32": "f32"}
"""What a CPU may say that it computes in -> how OpenVINO is asked for it, best first."""


class OpenVino:
    """A network compiled by OpenVINO for the CPU."""

    mend: ClassVar[str] = 'install it with: pip install "radfuse[openvino]"'
    batch = 1
    averages = None

    def __init__(self, model: bytes) -> None:
        import openvino

        core = openvino.Core()
        able = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        settings: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": next(asked for said, asked in _PRECISIONS.items() if said in able),
            "INFERENCE_NUM_THREADS": machine.threads(),
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": False,  # several workers would all sit on the same cores
        }
        self._request = core.compile_model(core.read_model(model), "CPU", settings).create_infer_request()

    @classmethod
    def is_here(cls) -> bool:
        """Return whether it is installed."""
        return find_spec("openvino") is not None

    def __call__(self, patches: np.ndarray) -> np.ndarray:
        """Return what the network says of patches; valid until the next call."""
        self._request.infer([patches], share_inputs=True)
        return np.asarray(self._request.get_output_tensor(0).data)


RUNTIME = OpenVino
