"""Gated attention over blocks, fitted: plain arrays that predict, explain and write ONNX without torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from radfuse.fusion.export import INPUT, PROBABILITY, SCORE
from radfuse.fusion.graph import Graph
from radfuse.fusion.linear import Linear
from radfuse.fusion.models.effect import effects
from radfuse.fusion.parts import Column
from radfuse.results import Explanation
from radfuse.statistics.links import LinkName

GELU = (math.sqrt(2 / math.pi), 0.044715)
"""gelu(x) = x / 2 * (1 + tanh(a * (x + b * x**3))): ONNX runtimes know tanh in float64, and erf in float32 alone."""


@dataclass(frozen=True)
class Weights:
    """Of several networks of one shape, the draw first in each array.

    Attributes:
        encoders: of each group of columns, its matrix of shape (draw, column, hidden) and bias (draw, 1, hidden).
        gate: what tanh and sigmoid see of a hidden state, each (draw, hidden, hidden), and what makes a number of
            their product, (draw, hidden, 1).
        head: of the pooled state: (draw, hidden, hidden), (draw, 1, hidden), (draw, hidden, 1), (draw, 1, 1).
    """

    encoders: tuple[tuple[np.ndarray, np.ndarray], ...]
    gate: tuple[np.ndarray, np.ndarray, np.ndarray]
    head: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]

    def score(self, groups: Sequence[np.ndarray], here: np.ndarray) -> np.ndarray:
        """Return the mean log odds of all draws, shape (unit,).

        Args:
            groups: finite, standardised, shape (unit, column) each.
            here: 1 where a unit has a group, else 0, float64 of shape (group, unit), at least one 1 a unit.
        """
        from scipy.special import expit

        pooled: Any = 0.0
        total: Any = 0.0
        for x, (matrix, bias), present in zip(groups, self.encoders, here, strict=True):
            hidden = _gelu(x @ matrix + bias)
            gated = np.tanh(hidden @ self.gate[0]) * expit(hidden @ self.gate[1])
            share = np.exp(gated @ self.gate[2]) * present[:, None]
            pooled, total = pooled + hidden * share, total + share
        first, bias, second, constant = self.head
        return np.asarray((_gelu(pooled / total @ first + bias) @ second + constant).mean(axis=0)[:, 0])

    def onnx(self, groups: Sequence[str], here: Sequence[str]) -> tuple[list[Any], dict[str, np.ndarray]]:
        """Return nodes that make `score` of the tensors `groups` and of `here`, each of shape (unit, 1); constants."""
        from onnx import helper

        nodes: list[Any] = []
        for number, (group, present) in enumerate(zip(groups, here, strict=True)):
            own = f"encoder{number}_"
            nodes += [
                helper.make_node("MatMul", [group, f"{own}matrix"], [f"{own}weighted"]),
                helper.make_node("Add", [f"{own}weighted", f"{own}bias"], [f"{own}in"]),
                *_gelu_nodes(own),
                helper.make_node("MatMul", [f"{own}out", "gate_0"], [f"{own}squashed"]),
                helper.make_node("Tanh", [f"{own}squashed"], [f"{own}content"]),
                helper.make_node("MatMul", [f"{own}out", "gate_1"], [f"{own}opened"]),
                helper.make_node("Sigmoid", [f"{own}opened"], [f"{own}gate"]),
                helper.make_node("Mul", [f"{own}content", f"{own}gate"], [f"{own}gated"]),
                helper.make_node("MatMul", [f"{own}gated", "gate_2"], [f"{own}energy"]),
                helper.make_node("Exp", [f"{own}energy"], [f"{own}asked"]),
                helper.make_node("Mul", [f"{own}asked", present], [f"{own}share"]),
                helper.make_node("Mul", [f"{own}out", f"{own}share"], [f"{own}given"]),
            ]
        each = range(len(groups))
        nodes += [
            helper.make_node("Sum", [f"encoder{i}_given" for i in each], ["given"]),
            helper.make_node("Sum", [f"encoder{i}_share" for i in each], ["total"]),
            helper.make_node("Div", ["given", "total"], ["pooled"]),
            helper.make_node("MatMul", ["pooled", "head_0"], ["head_weighted"]),
            helper.make_node("Add", ["head_weighted", "head_1"], ["head_in"]),
            *_gelu_nodes("head_"),
            helper.make_node("MatMul", ["head_out", "head_2"], ["head_summed"]),
            helper.make_node("Add", ["head_summed", "head_3"], ["draws"]),
            helper.make_node("ReduceMean", ["draws", "outer_axes"], [SCORE], keepdims=0),
        ]
        constants = {"outer_axes": np.array([0, 2], dtype=np.int64), **_gelu_constants()}
        for number, (matrix, bias) in enumerate(self.encoders):
            constants |= {f"encoder{number}_matrix": matrix, f"encoder{number}_bias": bias}
        constants |= {f"gate_{i}": value for i, value in enumerate(self.gate)}
        return nodes, constants | {f"head_{i}": value for i, value in enumerate(self.head)}


@dataclass(frozen=True)
class Source:
    """Where one encoder's input comes from.

    Attributes:
        block: all columns of its blocks, by which they are here or absent.
        kept: those the encoder sees, shape (column,).
        columns: the same with what imputes and scales them.
    """

    block: np.ndarray
    kept: np.ndarray
    columns: tuple[Column, ...]

    def each(self, name: str) -> np.ndarray:
        """Return the medians, means or scales, shape (column,)."""
        return np.array([getattr(column, name) for column in self.columns], dtype=float)

    def prepare(self, values: np.ndarray) -> np.ndarray:
        """Return the kept columns, imputed and standardised, shape (unit, column)."""
        x = values[:, self.kept]
        return np.asarray((np.where(np.isnan(x), self.each("median"), x) - self.each("mean")) / self.each("scale"))


def presence(values: np.ndarray, blocks: Sequence[np.ndarray]) -> np.ndarray:
    """Return 1 where a row has a value of some columns, else 0, shape (group, unit); a row without any is imputed.

    Args:
        values: float64, shape (unit, column), NaN where missing.
        blocks: positions of the columns of each group.
    """
    here = np.array([~np.isnan(values[:, columns]).all(axis=1) for columns in blocks])
    return np.where(here.any(axis=0), here, True).astype(float)


@dataclass(frozen=True)
class FittedAttention:
    """probability = 1 / (1 + exp(-score)): blocks encoded each, pooled by gated attention over those a row has.

    Attributes:
        names: of all columns.
        sources: of each encoder.
        weights: of the networks.
        rows: standardised, all kept columns side by side, by which it is explained, shape (row, column).
        remarks: what steps of the selection have to say, a sentence each.
    """

    names: tuple[str, ...]
    sources: tuple[Source, ...]
    weights: Weights
    rows: np.ndarray
    remarks: tuple[str, ...] = ()
    link: ClassVar[LinkName] = "logit"

    def score(self, values: np.ndarray) -> np.ndarray:
        """Return log odds, shape (unit,); values float64, shape (unit, column), NaN where missing."""
        here = presence(values, [source.block for source in self.sources])
        return self.weights.score([source.prepare(values) for source in self.sources], here)

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Return probabilities, shape (unit,); values float64, shape (unit, column), NaN where missing."""
        from scipy.special import expit

        return np.asarray(expit(self.score(values)))

    def graph(self) -> Graph:
        """Return the graph of all columns."""
        from onnx import helper

        nodes: list[Any] = []
        constants: dict[str, np.ndarray] = {"columns_axis": np.array([1], dtype=np.int64), "one": np.array(1.0)}
        for number, source in enumerate(self.sources):
            own = f"source{number}_"
            constants |= {f"{own}block": source.block.astype(np.int64), f"{own}kept": source.kept.astype(np.int64)}
            constants |= {f"{own}{name}": source.each(name) for name in ("median", "mean", "scale")}
            nodes += [
                helper.make_node("Gather", [INPUT, f"{own}block"], [f"{own}all"], axis=1),
                helper.make_node("IsNaN", [f"{own}all"], [f"{own}lacks"]),
                helper.make_node("Cast", [f"{own}lacks"], [f"{own}lacking"], to=11),  # float64
                helper.make_node("ReduceMin", [f"{own}lacking", "columns_axis"], [f"{own}absent"], keepdims=1),
                helper.make_node("Sub", ["one", f"{own}absent"], [f"{own}present"]),
                helper.make_node("Gather", [INPUT, f"{own}kept"], [f"{own}selected"], axis=1),
                helper.make_node("IsNaN", [f"{own}selected"], [f"{own}missing"]),
                helper.make_node("Where", [f"{own}missing", f"{own}median", f"{own}selected"], [f"{own}imputed"]),
                helper.make_node("Sub", [f"{own}imputed", f"{own}mean"], [f"{own}centred"]),
                helper.make_node("Div", [f"{own}centred", f"{own}scale"], [f"{own}scaled"]),
            ]
        each = [f"source{number}_" for number in range(len(self.sources))]
        nodes.append(helper.make_node("Min", [f"{own}absent" for own in each], ["none_here"]))
        nodes += [helper.make_node("Add", [f"{own}present", "none_here"], [f"{own}here"]) for own in each]
        more, weights = self.weights.onnx([f"{own}scaled" for own in each], [f"{own}here" for own in each])
        last = helper.make_node("Sigmoid", [SCORE], [PROBABILITY])
        return Graph([*nodes, *more, last], {**constants, **weights})

    def to_onnx(self, family: str, threshold: float) -> bytes:
        """Return an ONNX file of all columns."""
        return self.graph().file(self.names, family, threshold)

    def linear(self) -> Linear | None:
        """Return None: it is no sum over columns."""
        return None

    def explain(self, score: str) -> Explanation:
        """Return how far the probability moves with each column, in rows that have every block."""
        ends = np.cumsum([len(source.kept) for source in self.sources])[:-1]

        def predict(x: np.ndarray) -> np.ndarray:
            from scipy.special import expit

            return np.asarray(expit(self.weights.score(np.split(x, ends, axis=1), np.ones((len(ends) + 1, len(x))))))

        return effects(predict, self.rows, [column for source in self.sources for column in source.columns])


def _gelu(x: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * x * (1 + np.tanh(GELU[0] * (x + GELU[1] * x * x * x))))


def _gelu_nodes(own: str) -> list[Any]:
    """Return the nodes from `in` to `out`, their names behind a prefix."""
    from onnx import helper

    steps = (
        ("Mul", ("in", "in"), "square"),
        ("Mul", ("square", "in"), "cube"),
        ("Mul", ("cube", "gelu_cubic"), "bent"),
        ("Add", ("in", "bent"), "line"),
        ("Mul", ("line", "gelu_slope"), "scaled"),
        ("Tanh", ("scaled",), "tanh"),
        ("Add", ("tanh", "one"), "lifted"),
        ("Mul", ("in", "gelu_half"), "half"),
        ("Mul", ("half", "lifted"), "out"),
    )

    def named(name: str) -> str:
        return name if name == "one" or name.startswith("gelu_") else f"{own}{name}"

    return [helper.make_node(kind, [named(name) for name in takes], [named(made)]) for kind, takes, made in steps]


def _gelu_constants() -> dict[str, np.ndarray]:
    return {
        "gelu_slope": np.array(GELU[0]),
        "gelu_cubic": np.array(GELU[1]),
        "gelu_half": np.array(0.5),
        "one": np.array(1.0),
    }
