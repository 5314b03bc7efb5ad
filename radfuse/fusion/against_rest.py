"""Several classes without an order: a fused family of each against the rest, brought together by one softmax."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from radfuse.fusion.export import AGAINST_REST, PROBABILITY, SCORE
from radfuse.fusion.graph import Graph
from radfuse.fusion.parts import Training, Tuned
from radfuse.results import Explanation, UsedColumn
from radfuse.statistics.links import probability_of

_LEAST = 1e-4
"""Probabilities against the rest are kept so far from 0 and 1: forests say both."""
_SPREAD = 0.5
"""Standard deviation of the prior of what brings classes together, around plain shares; chosen by the log loss on drawn
tables and on scikit-learn's iris, wine and digits, where 0.5 and 1 did alike."""


@dataclass(frozen=True)
class Softmax:
    """probability of a class = share of exp(own * log p - rest * log(1 - p) + shift), p the one against the rest.

    Attributes:
        own: 1 with `rest` 0 and no shifts: p over the sum of all p; at least 0.
        rest: as large as `own`: a softmax of log odds; at least 0.
        shifts: of each class, shape (class,).
    """

    own: float
    rest: float
    shifts: np.ndarray

    def predict(self, against: np.ndarray) -> np.ndarray:
        """Return probabilities, rows of sum 1; `against` the rest, both of shape (unit, class)."""
        of, left = _logs(against)
        return probability_of(self.own * of + self.rest * left + self.shifts, "softmax")

    def graph(self, against: str) -> tuple[list[Any], dict[str, np.ndarray]]:
        """Return ONNX nodes from the tensor `against` to `score` and `probability`, and their constants."""
        from onnx import helper

        nodes = [
            helper.make_node("Clip", [against, "surest_low", "surest_high"], ["doubted"]),
            helper.make_node("Log", ["doubted"], ["of"]),
            helper.make_node("Sub", ["sure", "doubted"], ["others"]),
            helper.make_node("Log", ["others"], ["left"]),
            helper.make_node("Mul", ["of", "own"], ["of_weighed"]),
            helper.make_node("Mul", ["left", "minus_rest"], ["left_weighed"]),
            helper.make_node("Sum", ["of_weighed", "left_weighed", "shifts"], [SCORE]),
            helper.make_node("Softmax", [SCORE], [PROBABILITY], axis=1),
        ]
        constants = {"surest_low": _LEAST, "surest_high": 1 - _LEAST, "sure": 1.0, "own": self.own}
        constants |= {"minus_rest": -self.rest}
        return nodes, {**{name: np.array(value) for name, value in constants.items()}, "shifts": self.shifts[None]}


def softmax_of(against: np.ndarray, y: np.ndarray) -> Softmax:
    """Return the softmax of out-of-fold probabilities against the rest with the smallest loss, near plain shares.

    Args:
        against: shape (unit, class).
        y: 1 in the column of the unit's class, else 0, shape (unit, class).

    Source:
        Kull et al. 2019 (Dirichlet calibration), arXiv:1910.12656, with one pair of weights for all classes.
    """
    from scipy.optimize import minimize

    of, left = _logs(against)
    usual = np.r_[1.0, 0.0, np.zeros(y.shape[1])]

    def loss(found: np.ndarray) -> tuple[float, np.ndarray]:
        p = probability_of(found[0] * of + found[1] * left + found[2:], "softmax")
        off, away = p - y, (found - usual) / _SPREAD
        value = -np.log((p * y).sum(axis=1)).sum() + away @ away / 2
        slope = np.r_[(off * of).sum(), (off * left).sum(), off.sum(axis=0)]
        return float(value), slope + away / _SPREAD

    bounds = [(0.0, 20.0), (0.0, 20.0), *[(None, None)] * y.shape[1]]
    best = minimize(loss, usual, jac=True, bounds=bounds, method="L-BFGS-B").x
    return Softmax(float(best[0]), float(best[1]), np.asarray(best[2:]))


@dataclass(frozen=True)
class AgainstRest:
    """A probability for each class, from a binary family of each against the rest.

    Attributes:
        names: of all columns.
        classes: in the order of the output.
        parts: of each class, a fitted binary family.
        softmax: brings them together.
    """

    names: tuple[str, ...]
    classes: tuple[str, ...]
    parts: tuple[Any, ...]
    softmax: Softmax

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Return probabilities, shape (unit, class), of sum 1; values float64, shape (unit, column), NaN: missing."""
        return self.softmax.predict(np.column_stack([part.predict(values) for part in self.parts]))

    def graph(self) -> Graph:
        """Return the graphs of the classes side by side, and their softmax."""
        from onnx import helper

        nodes: list[Any] = []
        constants = {"class_axis": np.array([1], dtype=np.int64)}
        for number, part in enumerate(self.parts):
            own = part.graph().prefixed(f"class{number}_")
            upright = helper.make_node("Unsqueeze", [f"class{number}_{PROBABILITY}", "class_axis"], [f"one{number}"])
            nodes += [*own.nodes, upright]
            constants |= own.constants
        each = [f"one{number}" for number in range(len(self.parts))]
        last, more = self.softmax.graph(AGAINST_REST)
        return Graph([*nodes, helper.make_node("Concat", each, [AGAINST_REST], axis=1), *last], constants | more)

    def to_onnx(self, family: str, threshold: float) -> bytes:
        """Return an ONNX file of all columns: a probability a class, and beside it the one against the rest."""
        return self.graph().file(self.names, family, threshold, self.classes)

    def explain(self, score: str) -> Explanation:
        """Return each column's share, the mean of what it has of each class; formulas where all classes have one."""
        said = [part.explain(f"{score} of {name}") for name, part in zip(self.classes, self.parts, strict=True)]
        shares: dict[tuple[str, str], float] = {}
        each: dict[tuple[str, str], dict[str, float]] = {}
        for name, one in zip(self.classes, said, strict=True):
            size = sum(abs(column.importance) for column in one.columns) or 1.0
            for column in one.columns:
                share = abs(column.importance) / size / len(said)
                shares[column.name, column.block] = shares.get((column.name, column.block), 0.0) + share
                each.setdefault((column.name, column.block), {})[name] = column.importance
        units = {one.unit for one in said}
        made_of = [name for one in said for name in one.made_of or [column.name for column in one.columns]]
        formulas = [one.formula for one in said if one.formula is not None]
        return Explanation(
            measure="share",
            unit="share of the classes' weight",
            columns=tuple(
                UsedColumn(
                    name=name, block=block, importance=own, by_class=each[name, block] if len(units) == 1 else {}
                )
                for (name, block), own in shares.items()
            ),
            formula="\n".join([*formulas, self._last_line()]) if len(formulas) == len(said) else None,
            made_of=tuple(dict.fromkeys(made_of)) if any(one.made_of for one in said) else (),
            unit_by_class=said[0].unit if len(units) == 1 else "",
        )

    def _last_line(self) -> str:
        """Return how probabilities follow from the scores of the classes."""
        by = self.softmax
        shifts = ", ".join(f"{shift:.12g} of {name}" for name, shift in zip(self.classes, by.shifts, strict=True))
        return (
            "probability of a class = share of exp(own * log(p) - rest * log(1 - p) + shift),\n"
            f"    p = 1 / (1 + exp(-score)) kept from {_LEAST:g} to {1 - _LEAST:g};\n"
            f"    own = {by.own:.12g}, rest = {by.rest:.12g}; shift = {shifts}"
        )


def against_rest(training: Training, tuned: Callable[[Training], Tuned]) -> Tuned:
    """Return a family of several classes.

    Each class has its own selection, settings and recalibration, tuned in the same inner folds. Inner out-of-fold
    probabilities of a fold are brought together by what the other folds say.

    Args:
        training: its outcome has `levels` and `each`, and y a column a class.
        tuned: fits a binary family.

    Raises:
        ValueError: a class does not allow a fit, or a user's own strategy fits what has no graph to be joined.

    Source:
        Rifkin and Klautau 2004, https://www.jmlr.org/papers/v5/rifkin04a.html.
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
    against = np.column_stack([one.inner for one in found.values()])
    inner = np.empty_like(against)
    for fold in training.folds:
        inner[fold.test] = softmax_of(against[fold.train], training.y[fold.train]).predict(against[fold.test])
    softmax = softmax_of(against, training.y)
    fitted = AgainstRest(tuple(training.names), tuple(found), tuple(one.fitted for one in found.values()), softmax)
    settings = {f"{name}: {key}": value for name, one in found.items() for key, value in one.settings.items()}
    remarks = dict.fromkeys(remark for one in found.values() for remark in one.remarks)
    return Tuned(fitted, settings | {"own": softmax.own, "rest": softmax.rest}, inner, tuple(remarks))


def _logs(against: np.ndarray) -> Sequence[np.ndarray]:
    """Return log p, and minus the log of its complement."""
    p = np.clip(against, _LEAST, 1 - _LEAST)
    return np.log(p), -np.log1p(-p)
