"""A small neural network of survival: one hidden layer, whose output is the log hazard ratio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from radfuse.config import Section
from radfuse.fusion.link import inverse_nodes
from radfuse.fusion.models.canonical import canonical_order
from radfuse.fusion.models.cox_fit import Survival
from radfuse.fusion.models.effect import reference_rows
from radfuse.fusion.models.mlp import FittedMlp
from radfuse.fusion.models.tried import Positives
from radfuse.fusion.parts import Settings
from radfuse.statistics.cox import by_score
from radfuse.statistics.links import probability_of


class CoxMlp(Section):
    """One hidden layer of few units, held small by weight decay, along Cox's partial likelihood.

    Source:
        Faraggi and Simon 1995, doi:10.1002/sim.4780140108; Katzman et al. 2018, doi:10.1186/s12874-018-0482-1.
    """

    serves: ClassVar[tuple[str, ...]] = ("survival",)
    takes_offset: ClassVar[bool] = True
    adds_trees: ClassVar[bool] = True
    takes_horizon: ClassVar[bool] = True

    kind: Literal["cox_mlp"] = "cox_mlp"
    hidden: int = Field(default=8, ge=1, le=256)
    """Units of the hidden layer."""
    decay: Positives = (3.0, 10.0, 30.0)
    """Penalties on half the squares of the weights, against the log partial likelihood; tried in the inner folds."""
    steps: int = Field(default=200, ge=1)
    """Most steps of the optimiser (L-BFGS); the weights reached by then are taken."""

    def candidates(self) -> tuple[Settings, ...]:
        """Return the weight decays, the strongest first."""
        return tuple({"cox_mlp_decay": value} for value in reversed(self.decay))

    def fit(
        self,
        x: np.ndarray,
        y: np.ndarray,
        settings: Settings,
        seed: int,
        offset: np.ndarray | None = None,
        *,
        horizon: float = np.inf,
    ) -> FittedCoxMlp:
        """Return the network of a training set, from weights drawn by the seed.

        Args:
            x: standardised, shape (unit, column).
            y: time and event, shape (unit, 2).
            settings: the weight decay.
            seed: of the first weights.
            offset: score known before, shape (unit,), which stands beside the network's.
            horizon: time by which the event is predicted; infinite: the last event.

        Raises:
            ValueError: there is no event.
        """
        from scipy.optimize import minimize

        rows, columns = canonical_order(x, y)
        values = x[np.ix_(rows, columns)]
        known = Survival(y[rows], horizon, np.zeros(len(x)) if offset is None else offset[rows])
        decay, cut = settings["cox_mlp_decay"], x.shape[1] * self.hidden

        def opened(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            first = weights[:cut].reshape(-1, self.hidden)
            return first, weights[cut : cut + self.hidden], weights[cut + self.hidden :]

        def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
            first, bias, second = opened(weights)
            layer = np.tanh(values @ first + bias)
            value, slope, _ = by_score(known.units, layer @ second + known.offset)
            back = slope[:, None] * second * (1 - layer**2)
            gradient = np.concatenate([(values.T @ back).ravel(), back.sum(axis=0), slope @ layer])
            kept = weights.copy()
            kept[cut : cut + self.hidden] = 0.0  # biases are not held small
            return value + decay / 2 * float(kept @ kept), gradient + decay * kept

        generator = np.random.default_rng(seed)
        bound = np.sqrt(6 / (x.shape[1] + self.hidden))
        start = np.concatenate(
            [generator.uniform(-bound, bound, cut + self.hidden), generator.uniform(-1, 1, self.hidden)]
        )
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": self.steps}).x
        own, bias, second = opened(found)
        first = np.empty_like(own)
        first[columns] = own
        made = FittedCoxMlp((first, second), (bias, 0.0), reference_rows(x[rows]))
        intercept = known.intercept(made.score(x[rows]))
        return FittedCoxMlp((first, second), (bias, intercept), reference_rows(x[rows]))


@dataclass(frozen=True)
class FittedCoxMlp(FittedMlp):
    """probability of the event by the horizon = 1 - exp(-exp(score)), score = tanh(x @ w0 + b0) @ w1 + b1."""

    def score(self, x: np.ndarray) -> np.ndarray:
        """Return the complementary log-log of the probability, shape (unit,)."""
        return self.output(x)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return probabilities, shape (unit,)."""
        return probability_of(self.score(x), "cloglog")

    def to_onnx(self, columns: str) -> tuple[list[Any], dict[str, np.ndarray]]:
        """Return two layers and the inverse link."""
        nodes, constants = self.output_to_onnx(columns, "score")
        last, more = inverse_nodes("cloglog", "score", "probability")
        return [*nodes, *last], {**constants, **more}
