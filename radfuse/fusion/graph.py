"""Pieces of an ONNX graph: models export theirs without knowing of each other, and whole families are put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from radfuse.fusion.export import INPUT, PROBABILITY, SCORE, onnx_file

SUREST = 0.01
"""Where log odds are taken of a probability, it is kept so far from 0 and 1: a forest that is of one mind may err."""


@dataclass(frozen=True)
class Graph:
    """Nodes from the tensor `features`, float64 of shape (unit, column), to `probability` and maybe `score`.

    Attributes:
        nodes: in order.
        constants: their constants, by name.
    """

    nodes: Sequence[Any]
    constants: Mapping[str, np.ndarray]

    def file(self, columns: Sequence[str], family: str, threshold: float) -> bytes:
        """Return the ONNX file of a family whose whole graph this is."""
        return onnx_file(self.nodes, self.constants, columns, family, threshold)

    def prefixed(self, prefix: str) -> Graph:
        """Return the same with another name for everything but the features."""
        from onnx import NodeProto

        def named(name: str) -> str:
            return name if name in ("", INPUT) else f"{prefix}{name}"

        nodes = []
        for node in self.nodes:
            copied = NodeProto()
            copied.CopyFrom(node)
            copied.input[:] = map(named, node.input)
            copied.output[:] = map(named, node.output)
            nodes.append(copied)
        return Graph(nodes, {named(name): value for name, value in self.constants.items()})

    def with_score(self) -> Graph:
        """Return a graph that has a `score`: where the model gives none, the log odds of its probability."""
        if any(SCORE in node.output for node in self.nodes):
            return self
        from onnx import helper

        low, high = np.array(SUREST), np.array(1 - SUREST)  # names that no model of a user is likely to use
        more = [
            helper.make_node("Clip", [PROBABILITY, "surest_low", "surest_high"], ["p_doubted"]),
            helper.make_node("Sub", ["p_one", "p_doubted"], ["p_against"]),
            helper.make_node("Div", ["p_doubted", "p_against"], ["p_odds"]),
            helper.make_node("Log", ["p_odds"], [SCORE]),
        ]
        return Graph(
            [*self.nodes, *more], {**self.constants, "surest_low": low, "surest_high": high, "p_one": np.array(1.0)}
        )


def log_odds(probability: np.ndarray) -> np.ndarray:
    """Return the log odds of probabilities that are kept `SUREST` away from 0 and 1."""
    p = np.clip(probability, SUREST, 1 - SUREST)
    return np.asarray(np.log(p / (1 - p)))
