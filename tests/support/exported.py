"""A fitted model's own ONNX nodes, run by onnxruntime."""

from __future__ import annotations

import numpy as np
import onnxruntime

from radfuse.fusion.export import onnx_file
from radfuse.fusion.parts import FittedModel


def run_nodes(model: FittedModel, x: np.ndarray, output: str = "probability") -> np.ndarray:
    """Return what the nodes of a model make of standardised columns, shape (unit,)."""
    nodes, constants = model.to_onnx("features")
    content = onnx_file(nodes, constants, [f"column {i}" for i in range(x.shape[1])], "deep", 0.5)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    found = session.run([output], {"features": x})[0]
    assert found.dtype == np.float64
    return found
