"""A Gaussian process behind a logistic function, by Laplace's approximation."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from radfuse.config import Section
from radfuse.fusion.models.canonical import canonical
from radfuse.fusion.models.distances import gaussian_kernel, kernel_nodes
from radfuse.fusion.models.effect import effects, reference_rows
from radfuse.fusion.parts import Column, Settings

if TYPE_CHECKING:
    from radfuse.results import Explanation

# the logistic function as 1/2 sum(share * (1 + erf(steepness * x))): Williams and Barber 1998, appendix A
_STEEPNESS = np.array([0.41, 0.4, 0.37, 0.44, 0.39])
_SHARE = np.array([-1854.8214151, 3516.89893646, 221.29346712, 128.12323805, -2010.49422654])
_NODES = 48
_FARTHEST = 6.0
"""Where erf is 1 to all digits of a float64."""


class GaussianProcess(Section):
    """A smooth surface of log odds; its height, width and level are those of the largest marginal likelihood.

    Source:
        Rasmussen 2006, Gaussian Processes for Machine Learning, algorithms 3.1 and 3.2.
    """

    kind: Literal["gaussian_process"] = "gaussian_process"
    most_units: int = Field(default=1000, ge=2)
    """Training sets of more units are refused: time grows with their cube, the ONNX file with their square."""

    def candidates(self) -> tuple[Settings, ...]:
        """Return one candidate without settings: the likelihood tunes."""
        return ({},)

    def fit(self, x: np.ndarray, y: np.ndarray, settings: Settings, seed: int) -> FittedGaussianProcess:
        """Return the process of a training set; nothing is drawn.

        Raises:
            ValueError: y lacks a class, or has more than `most_units` units.
        """
        from scipy.linalg import solve_triangular
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessClassifier
        from sklearn.gaussian_process.kernels import RBF, ConstantKernel

        data = canonical(x, y)
        if len(x) > self.most_units:
            raise ValueError(
                f"classifier gaussian_process: {len(x)} training units are more than most_units, {self.most_units}; "
                "raise it, or take another classifier"
            )
        width = math.sqrt(x.shape[1])
        kernel = ConstantKernel(1.0, (1e-3, 1e2)) * RBF(width, (0.1 * width, 1e3 * width)) + ConstantKernel(
            1.0, (1e-3, 1e2)
        )
        process = GaussianProcessClassifier(kernel)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a bound is where a column says nothing
            process.fit(data.x, data.y)
        inside = process.base_estimator_
        height, level = inside.kernel_.k1.k1.constant_value, inside.kernel_.k2.constant_value
        return FittedGaussianProcess(
            points=np.ascontiguousarray(data.back(data.x.T).T),
            weights=inside.y_train_ - inside.pi_,
            reducer=solve_triangular(inside.L_, np.diag(inside.W_sr_), lower=True).T,
            gamma=0.5 / float(inside.kernel_.k1.k2.length_scale) ** 2,
            height=float(height),
            level=float(level),
        )


@dataclass(frozen=True)
class FittedGaussianProcess:
    """With k = level + height * exp(-gamma distance^2): mean = k @ weights, variance = k(x, x) - |k @ reducer|^2.

    Attributes:
        points: training units, float64, shape (point, column).
        weights: shape (point,).
        reducer: shape (point, point).
        gamma: inverse squared width.
        height: variance of the surface.
        level: variance of its level.
    """

    points: np.ndarray
    weights: np.ndarray
    reducer: np.ndarray
    gamma: float
    height: float
    level: float

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return probabilities: the mean of the logistic function over the process, shape (unit,)."""
        from scipy.special import erf

        kernel = self.level + self.height * gaussian_kernel(x, self.points, self.gamma)
        mean = (kernel @ self.weights)[:, None]
        variance = self.level + self.height - ((kernel @ self.reducer) ** 2).sum(axis=1, keepdims=True)
        steps = erf(mean * _STEEPNESS / np.sqrt(1 + 2 * _STEEPNESS**2 * np.maximum(variance, 0)))
        return np.clip(0.5 * _SHARE.sum() + steps @ (0.5 * _SHARE), 0, 1)

    def to_onnx(self, columns: str) -> tuple[list[Any], dict[str, np.ndarray]]:
        """Return kernel, mean, variance and the mean logistic function.

        onnxruntime has no erf in float64, and the shares leave none of float32's digits. So erf(z) is its integral,
        2 z / sqrt(pi) * sum over the nodes u of Gauss and Legendre in [0, 1] of weight * exp(-(z u)^2).
        """
        from onnx import helper

        at, weight = np.polynomial.legendre.leggauss(_NODES)
        nodes, constants = kernel_nodes(columns, self.points, self.gamma)
        constants |= {
            "height": np.array(self.height),
            "level": np.array(self.level),
            "prior_variance": np.array(self.level + self.height),
            "point_weights": self.weights[:, None],
            "reducer": self.reducer,
            "steepness": _STEEPNESS,
            "twice_squared": 2 * _STEEPNESS**2,
            "one": np.array(1.0),
            "nought": np.array(0.0),
            "nearest": np.array(-_FARTHEST),
            "farthest": np.array(_FARTHEST),
            "last_axis": np.array([2], dtype=np.int64),
            "nodes": (at + 1) / 2,
            "node_weights": weight / math.sqrt(math.pi),  # 2 / sqrt(pi), halved with the interval
            "shares": 0.5 * _SHARE,
            "half": np.array(0.5 * _SHARE.sum()),
        }

        def step(kind: str, inputs: str, output: str) -> None:
            nodes.append(helper.make_node(kind, inputs.split(), [output]))

        step("Mul", "kernel height", "hills")
        step("Add", "hills level", "covariance")
        step("MatMul", "covariance point_weights", "latent_mean")
        step("MatMul", "covariance reducer", "known")
        step("Mul", "known known", "known_squares")
        step("ReduceSum", "known_squares along_row", "known_variance")
        step("Sub", "prior_variance known_variance", "variance_rounded")
        step("Max", "variance_rounded nought", "variance")
        step("Mul", "variance twice_squared", "spread")
        step("Add", "spread one", "spread_and_one")
        step("Sqrt", "spread_and_one", "widths")
        step("Mul", "latent_mean steepness", "steep")
        step("Div", "steep widths", "z_any")
        step("Clip", "z_any nearest farthest", "z")
        step("Unsqueeze", "z last_axis", "z_column")
        step("Mul", "z_column nodes", "z_at_nodes")
        step("Mul", "z_at_nodes z_at_nodes", "z_squares")
        step("Neg", "z_squares", "z_exponents")
        step("Exp", "z_exponents", "bells")
        step("MatMul", "bells node_weights", "integrals")
        step("Mul", "integrals z", "steps")
        step("MatMul", "steps shares", "summed")
        step("Add", "summed half", "unclipped")
        step("Clip", "unclipped nought one", "probability")
        return nodes, constants

    def explain(self, columns: Sequence[Column], score: str) -> Explanation:
        """Return how far the probability moves with each column."""
        return effects(self.predict, reference_rows(self.points), columns)
