"""Several classes without an order: a fused family of each against the rest, and what they say made to sum to 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from radfuse.fusion.export import PROBABILITY
from radfuse.fusion.graph import Graph
from radfuse.fusion.parts import Training, Tuned
from radfuse.results import Explanation, UsedColumn

_LEAST = 1e-6
"""Probability against the rest below which none is taken: forests say 0, and of noughts alone no share could be."""


@dataclass(frozen=True)
class AgainstRest:
    """probability of a class = its probability against the rest over the sum of all of these.

    Attributes:
        names: of all columns.
        classes: in the order of the output.
        parts: of each class, a fitted binary family.
    """

    names: tuple[str, ...]
    classes: tuple[str, ...]
    parts: tuple[Any, ...]

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Return probabilities, shape (unit, class), of sum 1; values float64, shape (unit, column), NaN: missing."""
        return shared([part.predict(values) for part in self.parts])

    def graph(self) -> Graph:
        """Return the graphs of the classes side by side, and their shares."""
        from onnx import helper

        nodes: list[Any] = []
        constants = {"least": np.array(_LEAST), "class_axis": np.array([1], dtype=np.int64)}
        for number, part in enumerate(self.parts):
            own = part.graph().prefixed(f"class{number}_")
            nodes += own.nodes
            nodes.append(
                helper.make_node("Unsqueeze", [f"class{number}_{PROBABILITY}", "class_axis"], [f"one{number}"])
            )
            constants |= own.constants
        nodes += [
            helper.make_node("Concat", [f"one{number}" for number in range(len(self.parts))], ["against_rest"], axis=1),
            helper.make_node("Max", ["against_rest", "least"], ["some"]),
            helper.make_node("ReduceSum", ["some", "class_axis"], ["whole"], keepdims=1),
            helper.make_node("Div", ["some", "whole"], [PROBABILITY]),
        ]
        return Graph(nodes, constants)

    def to_onnx(self, family: str, threshold: float) -> bytes:
        """Return an ONNX file of all columns, a probability a class."""
        return self.graph().file(self.names, family, threshold, self.classes)

    def explain(self, score: str) -> Explanation:
        """Return each column's share, the mean of what it has of each class; formulas where all classes have one."""
        said = [part.explain(f"{score} of {name}") for name, part in zip(self.classes, self.parts, strict=True)]
        shares: dict[tuple[str, str], float] = {}
        for one in said:
            size = sum(abs(column.importance) for column in one.columns) or 1.0
            for column in one.columns:
                share = abs(column.importance) / size / len(said)
                shares[column.name, column.block] = shares.get((column.name, column.block), 0.0) + share
        made_of = [name for one in said for name in one.made_of or [column.name for column in one.columns]]
        formulas = [one.formula for one in said if one.formula is not None]
        return Explanation(
            measure="share",
            unit="share of the classes' weight",
            columns=tuple(UsedColumn(name=name, block=block, importance=own) for (name, block), own in shares.items()),
            formula="\n".join(formulas) if len(formulas) == len(said) else None,
            made_of=tuple(dict.fromkeys(made_of)) if any(one.made_of for one in said) else (),
        )


def against_rest(training: Training, tuned: Callable[[Training], Tuned]) -> Tuned:
    """Return a family of several classes.

    Each class has its own selection, settings and recalibration, tuned in the same inner folds.

    Args:
        training: its outcome has `levels` and `each`, and y a column a class.
        tuned: fits a binary family.

    Raises:
        ValueError: a class does not allow a fit, or a user's own strategy fits what has no graph to be joined.

    Source:
        Rifkin and Klautau 2004, https://www.jmlr.org/papers/v5/rifkin04a.html; shares: Zadrozny and Elkan 2002,
        doi:10.1145/775047.775151.
    """
    outcome: Any = training.outcome
    found: dict[str, Tuned] = {}
    for place, (name, own) in enumerate(zip(outcome.levels, outcome.each(), strict=True)):
        try:
            found[name] = tuned(replace(training, y=training.y[:, place], outcome=own))
        except ValueError as error:
            raise ValueError(f"the class {name!r} against the rest: {error}") from error
        if not hasattr(found[name].fitted, "graph"):
            raise ValueError(
                "several classes are joined by the graphs of radfuse's own strategies, and yours gives none (`graph`); "
                "take another fusion.strategy"
            )
    fitted = AgainstRest(tuple(training.names), tuple(found), tuple(one.fitted for one in found.values()))
    settings = {f"{name}: {key}": value for name, one in found.items() for key, value in one.settings.items()}
    remarks = dict.fromkeys(remark for one in found.values() for remark in one.remarks)
    return Tuned(fitted, settings, shared([one.inner for one in found.values()]), tuple(remarks))


def shared(probabilities: Sequence[np.ndarray]) -> np.ndarray:
    """Return the share of each class in probabilities against the rest.

    Args:
        probabilities: of each class, shape (unit,).

    Returns:
        Shape (unit, class), rows of sum 1.
    """
    each = np.maximum(np.column_stack(list(probabilities)), _LEAST)
    return np.asarray(each / each.sum(axis=1, keepdims=True))
