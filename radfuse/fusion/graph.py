"""Pieces of an ONNX graph: models export theirs without knowing of each other, and whole families are put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from radfuse.fusion.export import INPUT, PROBABILITY, SCORE, onnx_file
from radfuse.fusion.link import score_nodes
from radfuse.statistics.links import LinkName

SUREST = 0.01
"""Where a score is taken of a probability, that is kept so far from 0 and 1: a forest that is of one mind may err."""


@dataclass(frozen=True)
class Graph:
    """Nodes from the tensor `features`, float64 of shape (unit, column), to `probability` and maybe `score`.

    Attributes:
        nodes: in order.
        constants: their constants, by name.
    """

    nodes: Sequence[Any]
    constants: Mapping[str, np.ndarray]

    def file(self, columns: Sequence[str], family: str, threshold: float, classes: Sequence[str] = ()) -> bytes:
        """Return the ONNX file of a family whose whole graph this is; `classes` where it gives a probability each."""
        return onnx_file(self.nodes, self.constants, columns, family, threshold, classes)

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

    def with_score(self, link: LinkName) -> Graph:
        """Return a graph that has a `score`: where the model gives none, that of its probability on a link."""
        if any(SCORE in node.output for node in self.nodes):
            return self
        more, constants = score_nodes(link, PROBABILITY, SCORE, SUREST)
        return Graph([*self.nodes, *more], {**self.constants, **constants})
