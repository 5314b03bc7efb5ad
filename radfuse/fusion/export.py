"""A family's ONNX file, and the proof that it says what was fitted."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

OPSET = 18
TREE_OPSET = 3
"""Of `ai.onnx.ml`, declared where a graph has trees; the first whose nodes take float64."""
_IR_VERSION = 9  # read by onnxruntime 1.16 and later
INPUT = "features"
SCORE = "score"
PROBABILITY = "probability"
AGAINST_REST = "against_rest"
"""Of several classes, the probability of each against the rest, which is what a class's score tells."""
TAKEN = (
    *("features", "kept", "median", "mean", "scale", "selected", "missing", "imputed", "centred", "scaled"),
    *("scaled_freely", "scaled_low", "scaled_high", "scaled_not_low", "projection", "projected"),
    *("site", "site_own", "site_column", "site_missing", "site_other", "site_told", "site_place", "site_factors"),
    *("site_factor", "site_offsets", "site_offset", "site_scaled", "site_moved", "site_covariates", "site_beside"),
    *("site_lacking", "site_fills", "site_filled", "site_slopes", "site_part", "site_one", "site_rest", "site_kept"),
)
"""Names in the part of the graph that comes before a model."""


def onnx_file(
    nodes: Sequence[Any],
    constants: Mapping[str, np.ndarray],
    columns: Sequence[str],
    family: str,
    threshold: float,
    classes: Sequence[str] = (),
) -> bytes:
    """Return a checked ONNX file: float64 features (unit, column) -> float64 of shape (unit,), or (unit, class).

    Args:
        nodes: from the tensor `features` to `probability`, and to `score` and `against_rest` where there are some.
        constants: of the nodes, by name.
        columns: all columns of the family, in the order of the input; written into the metadata.
        family: written into the metadata.
        threshold: written into the metadata.
        classes: that there is a probability each of, written into the metadata; empty: one probability a unit.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    made = {name for node in nodes for name in node.output}
    shape: list[str | int] = ["unit", *([len(classes)] if classes else [])]
    graph = helper.make_graph(
        nodes,
        f"radfuse_{family}",
        [helper.make_tensor_value_info(INPUT, TensorProto.DOUBLE, ["unit", len(columns)])],
        [
            helper.make_tensor_value_info(name, TensorProto.DOUBLE, shape)
            for name in (SCORE, PROBABILITY, *([AGAINST_REST] if classes else []))
            if name in made
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    if any(node.domain == "ai.onnx.ml" for node in nodes):
        opsets.append(helper.make_opsetid("ai.onnx.ml", TREE_OPSET))
    proto = helper.make_model(graph, opset_imports=opsets, producer_name="radfuse")
    proto.ir_version = _IR_VERSION
    facts = {"family": family, "columns": json.dumps(list(columns)), "threshold": repr(float(threshold))}
    helper.set_model_props(proto, facts | ({"classes": json.dumps(list(classes))} if classes else {}))
    onnx.checker.check_model(proto, full_check=True)
    return bytes(proto.SerializeToString())


def largest_difference(
    onnx_bytes: bytes, predict: Callable[[np.ndarray], np.ndarray], x: np.ndarray, seed: int
) -> float:
    """Return the largest difference in probability between an ONNX file and what it was made from.

    Compared on the fitted rows and on 1,000 random rows of the same range with one value in five missing.

    Args:
        onnx_bytes: the file.
        predict: of the fitted family: float64 (unit, column) -> probability of shape (unit,), or (unit, class).
        x: float64, shape (unit, column): what it was fitted on.
        seed: of the random rows.
    """
    import onnxruntime

    generator = np.random.default_rng(seed)
    picked = generator.integers(0, len(x), size=(1000, x.shape[1]))
    random = np.take_along_axis(x, picked, axis=0)
    random[generator.random(random.shape) < 0.2] = np.nan
    rows = np.vstack([x, random])
    session = onnxruntime.InferenceSession(onnx_bytes, providers=["CPUExecutionProvider"])
    found = session.run([PROBABILITY], {INPUT: rows})[0]
    return float(np.abs(found - predict(rows)).max())
