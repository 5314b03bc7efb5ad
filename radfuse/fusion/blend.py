"""A weighted sum of scores on one link: what an average of learners, a fusion of blocks, and a nomogram come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from radfuse.fusion.export import INPUT, PROBABILITY, SCORE
from radfuse.fusion.graph import Graph
from radfuse.fusion.linear import Linear, explained
from radfuse.fusion.link import UNITS, inverse_nodes
from radfuse.results import Explanation, UsedColumn
from radfuse.statistics.links import LinkName, probability_of


class Part(Protocol):
    """What can stand in a sum: a chain, or another sum."""

    @property
    def remarks(self) -> tuple[str, ...]:
        """What fell back on something else, a sentence each."""

    @property
    def link(self) -> LinkName:
        """Of its score."""

    def score(self, values: np.ndarray) -> np.ndarray:
        """Return scores, shape (unit,); values float64, shape (unit, column), NaN where missing."""

    def graph(self) -> Graph:
        """Return the graph from all columns to the probability."""

    def linear(self) -> Linear | None:
        """Return the score as a sum over columns; None where it is none."""

    def explain(self, score: str) -> Explanation:
        """Return what it makes of each column."""


@dataclass(frozen=True)
class Term:
    """One part of a sum.

    Attributes:
        part: gives scores.
        weight: they are multiplied by.
        columns: positions of the columns it stands for; the part is absent where all of them are missing.
        absent: the score that stands in its place then; None: the other parts carry its weight.
    """

    part: Part
    weight: float
    columns: np.ndarray
    absent: float | None = None


@dataclass(frozen=True)
class Blend:
    """score = intercept + sum of weight * score of each part, all on one link; for log odds p = 1 / (1 + exp(-score)).

    A part whose columns are all missing in a row gives its `absent` score there; parts without are left out of
    their sum, whose weights are then made up to the same total. A row that lacks them all is imputed.

    Attributes:
        names: of all columns.
        terms: the parts.
        intercept: added.
    """

    names: tuple[str, ...]
    terms: tuple[Term, ...]
    intercept: float = 0.0

    @property
    def remarks(self) -> tuple[str, ...]:
        """What fell back on something else in any part, each sentence once."""
        return tuple(dict.fromkeys(remark for term in self.terms for remark in term.part.remarks))

    @property
    def link(self) -> LinkName:
        """Of its score, that of its parts."""
        return self.terms[0].part.link

    def score(self, values: np.ndarray) -> np.ndarray:
        """Return scores, shape (unit,)."""
        fixed = np.full(len(values), self.intercept)
        shared, here, whole = np.zeros(len(values)), np.zeros(len(values)), 0.0
        imputed = np.zeros(len(values))
        for term in self.terms:
            odds = term.part.score(values)
            present = ~np.isnan(values[:, term.columns]).all(axis=1)
            if term.absent is not None:
                fixed += term.weight * np.where(present, odds, term.absent)
                continue
            weighted = term.weight * odds
            imputed += weighted
            shared += np.where(present, weighted, 0.0)
            here += np.where(present, term.weight, 0.0)
            whole += term.weight
        some = here > 0
        return np.asarray(fixed + np.where(some, shared / np.where(some, here, 1.0) * whole, imputed))

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Return probabilities, shape (unit,); values float64, shape (unit, column), NaN where missing."""
        return probability_of(self.score(values), self.link)

    def graph(self) -> Graph:
        """Return the graphs of the parts, side by side, and their sum."""
        from onnx import helper

        nodes: list[Any] = []
        constants: dict[str, np.ndarray] = {"intercept": np.array(self.intercept)}
        fixed, shared, here, imputed = [], [], [], []
        for number, term in enumerate(self.terms):
            own = term.part.graph().with_score(self.link).prefixed(f"part{number}_")
            lines, more, odds, present = _weighted(number, term)
            nodes += [*own.nodes, *lines]
            constants |= {**own.constants, **more}
            if term.absent is not None:
                constants[f"absent{number}"] = np.array(term.weight * term.absent)
                nodes.append(helper.make_node("Where", [present, odds, f"absent{number}"], [f"fixed{number}"]))
                fixed.append(f"fixed{number}")
                continue
            nodes += [
                helper.make_node("Where", [present, odds, "nothing"], [f"shared{number}"]),
                helper.make_node("Where", [present, f"weight{number}", "nothing"], [f"here{number}"]),
            ]
            shared.append(f"shared{number}")
            here.append(f"here{number}")
            imputed.append(odds)
        if shared:
            whole = sum(term.weight for term in self.terms if term.absent is None)
            nodes += _shared_out(shared, here, imputed)
            constants |= {"whole": np.array(whole), "one_weight": np.array(1.0), "nothing": np.array(0.0)}
            fixed.append("carried")
        last, more = inverse_nodes(self.link, SCORE, PROBABILITY)
        nodes += [
            helper.make_node("Sum", fixed, ["sum"]),
            helper.make_node("Add", ["sum", "intercept"], [SCORE]),
            *last,
        ]
        return Graph(nodes, constants | more)

    def to_onnx(self, family: str, threshold: float) -> bytes:
        """Return an ONNX file of all columns."""
        return self.graph().file(self.names, family, threshold)

    def linear(self) -> Linear | None:
        """Return the sum over columns that this is where no part is absent; None where a part is no such sum."""
        parts = [(term.weight, term.part.linear()) for term in self.terms]
        if any(part is None for _, part in parts):
            return None
        return Linear.summed(self.intercept, [(weight, part) for weight, part in parts if part is not None])

    def explain(self, score: str) -> Explanation:
        """Return coefficients and a formula where all parts are linear, else each column's share of the parts."""
        whole = self.linear()
        if whole is not None:
            return explained(whole, score, UNITS[self.link])
        shares: dict[tuple[str, str], float] = {}
        total = sum(abs(term.weight) for term in self.terms) or 1.0
        said = [term.part.explain(score) for term in self.terms]
        for term, columns in zip(self.terms, (one.columns for one in said), strict=True):
            size = sum(abs(column.importance) for column in columns) or 1.0
            for column in columns:
                share = abs(term.weight) / total * abs(column.importance) / size
                shares[column.name, column.block] = shares.get((column.name, column.block), 0.0) + share
        used = tuple(UsedColumn(name=name, block=block, importance=value) for (name, block), value in shares.items())
        made_of = [name for one in said for name in one.made_of or [column.name for column in one.columns]]
        return Explanation(
            measure="share",
            unit="share of the model's weight",
            columns=used,
            made_of=tuple(dict.fromkeys(made_of)) if any(one.made_of for one in said) else (),
        )


def _weighted(number: int, term: Term) -> tuple[list[Any], dict[str, np.ndarray], str, str]:
    """Return nodes and constants of a part's weighted log odds and of whether it is present, and their names."""
    from onnx import helper

    odds, present = f"odds{number}", f"present{number}"
    nodes = [
        helper.make_node("Mul", [f"part{number}_{SCORE}", f"weight{number}"], [odds]),
        helper.make_node("Gather", [INPUT, f"columns{number}"], [f"own{number}"], axis=1),
        helper.make_node("IsNaN", [f"own{number}"], [f"lacks{number}"]),
        helper.make_node("Cast", [f"lacks{number}"], [f"lacking{number}"], to=6),  # ReduceMin knows no bool
        helper.make_node("ReduceMin", [f"lacking{number}", "columns_axis"], [f"least{number}"], keepdims=0),
        helper.make_node("Equal", [f"least{number}", "none_lacks"], [present]),
    ]
    constants = {
        f"weight{number}": np.array(term.weight),
        f"columns{number}": np.asarray(term.columns, dtype=np.int64),
        "columns_axis": np.array([1], dtype=np.int64),
        "none_lacks": np.array(0, dtype=np.int32),
    }
    return nodes, constants, odds, present


def _shared_out(shared: Sequence[str], here: Sequence[str], imputed: Sequence[str]) -> list[Any]:
    """Return the nodes that make present parts carry the weight of absent ones."""
    from onnx import helper

    return [
        helper.make_node("Sum", list(shared), ["shared"]),
        helper.make_node("Sum", list(here), ["here"]),
        helper.make_node("Sum", list(imputed), ["as_imputed"]),
        helper.make_node("Greater", ["here", "nothing"], ["some"]),
        helper.make_node("Where", ["some", "here", "one_weight"], ["divisor"]),
        helper.make_node("Div", ["shared", "divisor"], ["each"]),
        helper.make_node("Mul", ["each", "whole"], ["made_up"]),
        helper.make_node("Where", ["some", "made_up", "as_imputed"], ["carried"]),
    ]
