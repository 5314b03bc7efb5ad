"""Runtime `openvino`: the fastest on Intel's and AMD's CPUs; 16-bit floats where the CPU is quicker in them.

Float16 is off by 0.03 in logits of 10 and asked for first; bfloat16, its own default, is off by 0.2, and two (AVX-512)
to five times (AMX) as fast as float32. Some CPUs multiply bfloat16 on AMX's tiles, and float16 on vectors alone, which
is slower than float32: these get bfloat16. `onnxruntime` computes in float32 everywhere.
"""

from __future__ import annotations

from collections.abc import Collection
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
        settings: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": _precision(core),
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


def float16_on_vectors(kernels: Collection[str]) -> bool:
    """Return whether convolutions in float16 are those of AVX-512 without AMX, by OpenVINO's names of its kernels."""
    return any("avx512" in kernel and "amx" not in kernel for kernel in kernels)


def _precision(core: Any) -> str:
    """Return what a CPU is to compute in."""
    able = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    asked = [asked for said, asked in _PRECISIONS.items() if said in able]
    return asked[1] if asked[0] == "f16" and float16_on_vectors(_float16_kernels(core)) else asked[0]


def _float16_kernels(core: Any) -> set[str]:
    """Return what convolves in float16 in a network of one convolution, such as `brgconv_avx512_f16`."""
    from openvino import Model, opset13

    image = opset13.parameter([1, 32, 8, 16, 16], np.float32)
    weights = opset13.constant(np.ones((32, 32, 3, 3, 3), dtype=np.float32))
    seen = opset13.convolution(image, weights, [1] * 3, [1] * 3, [1] * 3, [1] * 3)
    compiled = core.compile_model(Model([seen], [image]), "CPU", {"INFERENCE_PRECISION_HINT": "f16"})
    found = [operation.get_rt_info() for operation in compiled.get_runtime_model().get_ops()]
    return {info["primitiveType"].astype(str) for info in found if info["layerType"].astype(str) == "Convolution"}


RUNTIME = OpenVino
