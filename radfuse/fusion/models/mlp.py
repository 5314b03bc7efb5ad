"""A small neural network: one hidden layer."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from radfuse.config import Section
from radfuse.fusion.models.canonical import canonical
from radfuse.fusion.models.class_weight import ClassWeight, weights_of
from radfuse.fusion.models.effect import effects, reference_rows
from radfuse.fusion.models.tried import Positives
from radfuse.fusion.parts import Column, Settings

if TYPE_CHECKING:
    from radfuse.results import Explanation


class Mlp(Section):
    """One hidden layer of few units, held small by weight decay.

    Source:
        Rumelhart 1986, doi:10.1038/323533a0.
    """

    kind: Literal["mlp"] = "mlp"
    hidden: int = Field(default=8, ge=1, le=256)
    """Units of the hidden layer."""
    decay: Positives = (3.0, 30.0, 100.0)
    """Penalties on half the squares of the weights, against the summed log loss; tried in the inner folds."""
    steps: int = Field(default=200, ge=1)
    """Most steps of the optimiser (L-BFGS); the weights reached by then are taken."""
    class_weight: ClassWeight = None
    """"balanced" weights the classes equally, at the price of calibration."""

    def candidates(self) -> tuple[Settings, ...]:
        """Return the weight decays, the strongest first."""
        return tuple({"mlp_decay": value} for value in reversed(self.decay))

    def fit(self, x: np.ndarray, y: np.ndarray, settings: Settings, seed: int) -> FittedMlp:
        """Return the network of a training set, from weights drawn by the seed.

        Raises:
            ValueError: y lacks a class.
        """
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPClassifier

        data = canonical(x, y)
        network = MLPClassifier(
            (self.hidden,),
            activation="tanh",
            solver="lbfgs",
            alpha=settings["mlp_decay"],
            max_iter=self.steps,
            random_state=seed % 2**32,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # steps are a limit on purpose
            network.fit(data.x, data.y, weights_of(data.y, self.class_weight))
        first, second = network.coefs_
        return FittedMlp(
            weights=(data.back(first), second[:, 0]),
            biases=(network.intercepts_[0], float(network.intercepts_[1][0])),
            rows=reference_rows(data.back(data.x.T).T),
        )


@dataclass(frozen=True)
class FittedMlp:
    """probability = 1 / (1 + exp(-(tanh(x @ w0 + b0) @ w1 + b1))).

    Attributes:
        weights: w0 float64 of shape (column, hidden), w1 of shape (hidden,).
        biases: b0 float64 of shape (hidden,), b1.
        rows: of the training set, by which it is explained, shape (row, column).
    """

    weights: tuple[np.ndarray, np.ndarray]
    biases: tuple[np.ndarray, float]
    rows: np.ndarray

    def output(self, x: np.ndarray) -> np.ndarray:
        """Return what the last layer makes, shape (unit,)."""
        return np.asarray(np.tanh(x @ self.weights[0] + self.biases[0]) @ self.weights[1] + self.biases[1])

    def output_to_onnx(self, columns: str, result: str) -> tuple[list[Any], dict[str, np.ndarray]]:
        """Return two layers, which make the tensor `result`."""
        from onnx import helper

        nodes = [
            helper.make_node("MatMul", [columns, "weights_0"], ["weighted_0"]),
            helper.make_node("Add", ["weighted_0", "bias_0"], ["layer_0"]),
            helper.make_node("Tanh", ["layer_0"], ["hidden"]),
            helper.make_node("MatMul", ["hidden", "weights_1"], ["weighted_1"]),
            helper.make_node("Add", ["weighted_1", "bias_1"], [result]),
        ]
        own = {f"weights_{i}": weights for i, weights in enumerate(self.weights)}
        return nodes, {**own, **{f"bias_{i}": np.asarray(bias) for i, bias in enumerate(self.biases)}}

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return probabilities, shape (unit,)."""
        from scipy.special import expit

        return np.asarray(expit(self.output(x)))

    def to_onnx(self, columns: str) -> tuple[list[Any], dict[str, np.ndarray]]:
        """Return two layers and the logistic function."""
        from onnx import helper

        nodes, constants = self.output_to_onnx(columns, "log_odds")
        return [*nodes, helper.make_node("Sigmoid", ["log_odds"], ["probability"])], constants

    def explain(self, columns: Sequence[Column], score: str) -> Explanation:
        """Return how far the probability moves with each column."""
        return effects(self.predict, self.rows, columns)
