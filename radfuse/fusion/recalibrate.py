"""Probabilities brought into line with how often the event came, on inner out-of-fold predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol

import numpy as np
from pydantic import Field

from radfuse.config import Section
from radfuse.fusion.export import PROBABILITY, SCORE
from radfuse.fusion.graph import Graph
from radfuse.fusion.learn import Learned
from radfuse.fusion.linear import Linear, explained
from radfuse.fusion.models.penalised import bounded_regression
from radfuse.fusion.parts import Training, Tuned
from radfuse.results import Explanation

_SMALLEST = 1e-9


class Curve(Protocol):
    """From log odds to probability; it never falls."""

    def predict(self, odds: np.ndarray) -> np.ndarray:
        """Return probabilities, shape (unit,)."""

    def graph(self, odds: str) -> tuple[list[Any], dict[str, np.ndarray]]:
        """Return ONNX nodes from the tensor `odds` to `probability`, and their constants."""

    def linear(self, part: Linear) -> Linear | None:
        """Return the new log odds as a sum over columns, where the old ones were and that can be said."""


class Platt(Section):
    """A straight line on the log odds.

    Source:
        Platt 1999, Advances in large margin classifiers 61-74.
    """

    kind: Literal["platt"] = "platt"

    def fit(self, odds: np.ndarray, y: np.ndarray) -> Line:
        """Return the line with the smallest log loss that does not fall."""
        found = _smallest_loss(odds[:, None], y)
        return Line(float(found[0]), float(found[1]))


class Beta(Section):
    """Log of the probability and of its complement, each with a weight of its own.

    Source:
        Kull et al. 2017, http://proceedings.mlr.press/v54/kull17a.html.
    """

    kind: Literal["beta"] = "beta"

    def fit(self, odds: np.ndarray, y: np.ndarray) -> BetaCurve:
        """Return the curve with the smallest log loss that does not fall."""
        found = _smallest_loss(np.column_stack([-np.logaddexp(0, -odds), np.logaddexp(0, odds)]), y)
        return BetaCurve(*map(float, found))


class Isotonic(Section):
    """Any curve that does not fall, straight between its knots: for hundreds of patients, not for fifty.

    Source:
        Zadrozny and Elkan 2002, doi:10.1145/775047.775151; pools of adjacent violators joined at their means.
    """

    kind: Literal["isotonic"] = "isotonic"

    def fit(self, odds: np.ndarray, y: np.ndarray) -> Knots:
        """Return the curve; a pool that saw one class only stays half a patient away from 0 and 1."""
        from sklearn.isotonic import IsotonicRegression

        fitted = IsotonicRegression().fit_transform(odds, y)
        levels, places, counts = np.unique(fitted, return_inverse=True, return_counts=True)
        centres = np.bincount(places, odds) / counts
        shares = (levels * counts + 0.5 * (levels <= 0) - 0.5 * (levels >= 1)) / counts
        return Knots(centres, np.maximum.accumulate(np.clip(shares, 0.5 / len(y), 1 - 0.5 / len(y))))


Recalibration = Annotated[Platt | Beta | Isotonic, Field(discriminator="kind")]


@dataclass(frozen=True)
class Line:
    """log odds = intercept + slope * log odds before."""

    intercept: float
    slope: float

    def predict(self, odds: np.ndarray) -> np.ndarray:
        """Return probabilities, shape (unit,)."""
        from scipy.special import expit

        return np.asarray(expit(self.intercept + self.slope * odds))

    def graph(self, odds: str) -> tuple[list[Any], dict[str, np.ndarray]]:
        """Return a product, a sum and a sigmoid."""
        from onnx import helper

        nodes = [
            helper.make_node("Mul", [odds, "slope"], ["steeper"]),
            helper.make_node("Add", ["steeper", "shift"], [SCORE]),
            helper.make_node("Sigmoid", [SCORE], [PROBABILITY]),
        ]
        return nodes, {"slope": np.array(self.slope), "shift": np.array(self.intercept)}

    def linear(self, part: Linear) -> Linear | None:
        """Return the sum, each coefficient times the slope."""
        return Linear.summed(self.intercept, [(self.slope, part)])


@dataclass(frozen=True)
class BetaCurve:
    """log odds = intercept + a * log p - b * log(1 - p), p the probability before."""

    intercept: float
    a: float
    b: float

    def predict(self, odds: np.ndarray) -> np.ndarray:
        """Return probabilities, shape (unit,)."""
        from scipy.special import expit

        return np.asarray(expit(self.intercept - self.a * np.logaddexp(0, -odds) + self.b * np.logaddexp(0, odds)))

    def graph(self, odds: str) -> tuple[list[Any], dict[str, np.ndarray]]:
        """Return softplus from both sides, each as log(1 + exp(-|x|)) + max(x, 0): float64, and without overflow."""
        from onnx import helper

        nodes = [
            helper.make_node("Abs", [odds], ["size"]),
            helper.make_node("Neg", ["size"], ["least_size"]),
            helper.make_node("Exp", ["least_size"], ["tail"]),
            helper.make_node("Add", ["tail", "unit"], ["one_and_tail"]),
            helper.make_node("Log", ["one_and_tail"], ["bend"]),
            helper.make_node("Where", ["rises", odds, "zero"], ["upper"]),
            helper.make_node("Greater", [odds, "zero"], ["rises"]),
            helper.make_node("Sub", ["upper", odds], ["lower"]),  # max(-x, 0)
            helper.make_node("Add", ["bend", "lower"], ["against_p"]),
            helper.make_node("Add", ["bend", "upper"], ["against_rest"]),
            helper.make_node("Mul", ["against_p", "minus_a"], ["first"]),
            helper.make_node("Mul", ["against_rest", "b"], ["second"]),
            helper.make_node("Sum", ["first", "second", "shift"], [SCORE]),
            helper.make_node("Sigmoid", [SCORE], [PROBABILITY]),
        ]
        nodes.insert(5, nodes.pop(6))
        constants = {"unit": 1.0, "zero": 0.0, "minus_a": -self.a, "b": self.b, "shift": self.intercept}
        return nodes, {name: np.array(value) for name, value in constants.items()}

    def linear(self, part: Linear) -> Linear | None:
        """Return None: the curve bends."""
        return None


@dataclass(frozen=True)
class Knots:
    """Straight between knots, flat beyond them.

    Attributes:
        odds: rising, shape (knot,).
        probability: not falling, shape (knot,).
    """

    odds: np.ndarray
    probability: np.ndarray

    def predict(self, odds: np.ndarray) -> np.ndarray:
        """Return probabilities, shape (unit,)."""
        parts, rises = self._pieces()
        steps = np.clip((odds[:, None] - self.odds[:-1]) / parts, 0, 1)
        return np.asarray(self.probability[0] + steps @ rises)

    def graph(self, odds: str) -> tuple[list[Any], dict[str, np.ndarray]]:
        """Return the share of each piece that lies below, times its rise."""
        from onnx import helper

        parts, rises = self._pieces()
        nodes = [
            helper.make_node("Unsqueeze", [odds, "last"], ["upright"]),
            helper.make_node("Sub", ["upright", "starts"], ["beyond"]),
            helper.make_node("Div", ["beyond", "lengths"], ["shares"]),
            helper.make_node("Clip", ["shares", "none", "all"], ["covered"]),
            helper.make_node("MatMul", ["covered", "rises"], ["risen"]),
            helper.make_node("Add", ["risen", "floor"], [PROBABILITY]),
        ]
        constants = {
            "last": np.array([1], dtype=np.int64),
            "starts": self.odds[:-1],
            "lengths": parts,
            "none": np.array(0.0),
            "all": np.array(1.0),
            "rises": rises,
            "floor": np.array(self.probability[0]),
        }
        return nodes, constants

    def linear(self, part: Linear) -> Linear | None:
        """Return None: the curve bends."""
        return None

    def _pieces(self) -> tuple[np.ndarray, np.ndarray]:
        return np.maximum(np.diff(self.odds), _SMALLEST), np.diff(self.probability)


@dataclass(frozen=True)
class Recalibrated:
    """A fitted family whose probabilities follow a curve.

    Attributes:
        names: of all columns.
        part: gives log odds.
        curve: turns them into probabilities.
    """

    names: tuple[str, ...]
    part: Any
    curve: Curve

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Return probabilities, shape (unit,); values float64, shape (unit, column), NaN where missing."""
        return self.curve.predict(self.part.score(values))

    def graph(self) -> Graph:
        """Return the part's graph and the curve behind it."""
        own = self.part.graph().with_score("logit").prefixed("raw_")
        nodes, constants = self.curve.graph(f"raw_{SCORE}")
        return Graph([*own.nodes, *nodes], {**own.constants, **constants})

    def to_onnx(self, family: str, threshold: float) -> bytes:
        """Return an ONNX file of all columns."""
        return self.graph().file(self.names, family, threshold)

    def explain(self, score: str) -> Explanation:
        """Return what the part makes of each column; a formula where the curve is a line."""
        part = self.part.linear()
        whole = self.curve.linear(part) if part is not None else None
        if whole is not None:
            return explained(whole, score)
        return self.part.explain(score).model_copy(update={"formula": None})


def recalibrated(found: Learned, training: Training, how: Platt | Beta | Isotonic) -> Tuned:
    """Return a family that follows its curve, and inner out-of-fold probabilities.

    Each inner fold is recalibrated by the curve of the others, so that a threshold chosen on them stays honest.

    Args:
        found: what a strategy learned.
        training: of what.
        how: which curve.
    """
    odds, y = found.odds, training.y
    inner = np.empty(len(y))
    for fold in training.folds:
        inner[fold.test] = how.fit(odds[fold.train], y[fold.train]).predict(odds[fold.test])
    family = Recalibrated(tuple(training.names), found.part, how.fit(odds, y))
    return Tuned(family, found.settings, inner, found.part.remarks)


def _smallest_loss(terms: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return intercept and weights of at least `_SMALLEST` with the smallest log loss, shape (1 + term,).

    Outcomes are Platt's targets, a little off 0 and 1, so that classes which a line parts do not make it infinitely
    steep.
    """
    target = np.where(y == 1, (y.sum() + 1) / (y.sum() + 2), 1 / ((1 - y).sum() + 2))
    return bounded_regression(terms, target, 1.0, _SMALLEST, 20.0)
