"""A fitted family as one ONNX graph, and the proof that it says what the pipeline says."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from sklearn.pipeline import Pipeline

from radfuse.results import LinearModel

OPSET = 18
_IR_VERSION = 9  # read by onnxruntime 1.16 and later
INPUT = "features"
SCORE = "score"
PROBABILITY = "probability"


def to_onnx(model: LinearModel, columns: Sequence[str], family: str, threshold: float) -> bytes:
    """Return an ONNX file: float64 features of shape (unit, column) -> score and probability of shape (unit,).

    Args:
        model: what was fitted.
        columns: all columns of the family, in the order of the input; unused ones are dropped by a Gather.
        family: written into the metadata.
        threshold: written into the metadata.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    position = {name: i for i, name in enumerate(columns)}
    constants = {
        "kept": np.array([position[term.name] for term in model.terms], dtype=np.int64),
        "median": np.array([term.median for term in model.terms]),
        "mean": np.array([term.mean for term in model.terms]),
        "scale": np.array([term.scale for term in model.terms]),
        "coefficient": np.array([term.coefficient for term in model.terms]),
        "intercept": np.array(model.intercept),
    }
    nodes = [
        helper.make_node("Gather", [INPUT, "kept"], ["selected"], axis=1),
        helper.make_node("IsNaN", ["selected"], ["missing"]),
        helper.make_node("Where", ["missing", "median", "selected"], ["imputed"]),
        helper.make_node("Sub", ["imputed", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["scaled"]),
        helper.make_node("MatMul", ["scaled", "coefficient"], ["weighted"]),
        helper.make_node("Add", ["weighted", "intercept"], [SCORE]),
        helper.make_node("Sigmoid", [SCORE], [PROBABILITY]),
    ]
    graph = helper.make_graph(
        nodes,
        f"radfuse_{family}",
        [helper.make_tensor_value_info(INPUT, TensorProto.DOUBLE, ["unit", len(columns)])],
        [helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["unit"]) for name in (SCORE, PROBABILITY)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="radfuse")
    proto.ir_version = _IR_VERSION
    helper.set_model_props(
        proto, {"family": family, "columns": json.dumps(list(columns)), "threshold": repr(float(threshold))}
    )
    onnx.checker.check_model(proto, full_check=True)
    return bytes(proto.SerializeToString())


def largest_difference(onnx_file: bytes, pipeline: Pipeline, x: np.ndarray, seed: int) -> float:
    """Return the largest difference in probability between an ONNX file and its pipeline.

    Compared on the fitted rows and on 1,000 random rows of the same range with one value in five missing.

    Args:
        onnx_file: from `to_onnx`.
        pipeline: the fitted pipeline.
        x: float64, shape (unit, column): what it was fitted on.
        seed: of the random rows.
    """
    import onnxruntime

    generator = np.random.default_rng(seed)
    picked = generator.integers(0, len(x), size=(1000, x.shape[1]))
    random = np.take_along_axis(x, picked, axis=0)
    random[generator.random(random.shape) < 0.2] = np.nan
    rows = np.vstack([x, random])
    session = onnxruntime.InferenceSession(onnx_file, providers=["CPUExecutionProvider"])
    found = session.run([PROBABILITY], {INPUT: rows})[0]
    return float(np.abs(found - pipeline.predict_proba(rows)[:, 1]).max())
