"""Support vector machines, linear or radial, with probabilities by Platt."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from radfuse.cohort.splits import inner_folds
from radfuse.config import Section
from radfuse.fusion.models.canonical import canonical, two_classes
from radfuse.fusion.models.class_weight import ClassWeight
from radfuse.fusion.models.distances import gaussian_kernel, kernel_nodes
from radfuse.fusion.models.effect import effects, reference_rows
from radfuse.fusion.models.penalised import FittedLogistic
from radfuse.fusion.models.platt import platt
from radfuse.fusion.models.tried import Positives
from radfuse.fusion.parts import Column, Settings

if TYPE_CHECKING:
    from radfuse.results import Explanation

_FOLDS = 5
_ITERATIONS = 100_000  # a huge c would never end; the machine reached by then is taken


class Svm(Section):
    """A support vector machine; its probabilities are fitted to decision values of five folds of the training patients.

    Source:
        Cortes 1995, doi:10.1007/BF00994018.
    """

    kind: Literal["svm"] = "svm"
    kernel: Literal["linear", "rbf"] = "rbf"
    """"rbf" is the radial one, which sees interactions and curves."""
    c: Positives = (0.01, 0.1, 1.0, 10.0)
    """Inverse penalties tried in the inner folds."""
    gamma: Positives = (1.0,)
    """Inverse squared widths of the radial kernel tried, over the number of columns."""
    class_weight: ClassWeight = None
    """"balanced" weights the classes equally where the border is drawn; probabilities stay of the units' prevalence."""
    keeps_prevalence: ClassVar[bool] = True
    takes_patients: ClassVar[bool] = True

    @property
    def linear_score(self) -> bool:
        """Whether what it fits is a sum over columns."""
        return self.kernel == "linear"

    def candidates(self) -> tuple[Settings, ...]:
        """Return all combinations, wide kernels and strong penalties first."""
        if self.kernel == "linear":
            return tuple({"svm_c": c} for c in self.c)
        return tuple({"svm_gamma": gamma, "svm_c": c} for gamma, c in product(self.gamma, self.c))

    def fit(
        self, x: np.ndarray, y: np.ndarray, settings: Settings, seed: int, patients: np.ndarray | None = None
    ) -> FittedSvm | FittedLogistic:
        """Return the machine of a training set.

        Args:
            x: float64, shape (unit, column).
            y: 0 and 1, shape (unit,).
            settings: of `candidates`.
            seed: of the folds.
            patients: of the units, which stay in one fold, shape (unit,); None: each unit is a patient.

        Raises:
            ValueError: y has not two patients of each class.
        """
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.svm import SVC

        data = canonical(x, y)
        people = data.rows if patients is None else np.asarray(patients)[data.rows]
        fewest = min(len(set(people[data.y == value])) for value in (0, 1))
        if fewest < 2:
            raise ValueError(
                "one training patient alone is of its class; classifier svm needs two of each for its probabilities: "
                "add patients of that class, or take another classifier"
            )
        gamma = settings.get("svm_gamma", 1.0) / x.shape[1]
        machine = SVC(
            C=settings["svm_c"],
            kernel=self.kernel,
            gamma=gamma,
            class_weight=self.class_weight,
            max_iter=_ITERATIONS,
        )
        decisions = np.empty(len(data.y))
        folds = inner_folds(people, data.y, min(_FOLDS, fewest), seed % 2**32)
        stopped = 0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            for train, test in folds:
                own = two_classes(data.y[train])
                decisions[test] = machine.fit(data.x[train], own).decision_function(data.x[test])
                stopped += machine.fit_status_
            stopped += machine.fit(data.x, data.y).fit_status_
        slope, offset = platt(decisions, data.y)
        intercept = slope * float(machine.intercept_[0]) + offset
        steps = f"did not converge in {_ITERATIONS:,} steps, and was taken as it stood then"
        remark = f"svm at c {settings['svm_c']:g} {steps}" if stopped else ""
        if self.kernel == "linear":
            return FittedLogistic(intercept, data.back(slope * machine.coef_[0]), remark=remark)
        points = np.ascontiguousarray(data.back(machine.support_vectors_.T).T)
        rows = reference_rows(data.back(data.x.T).T)
        return FittedSvm(points, slope * machine.dual_coef_[0], intercept, gamma, rows, remark)


@dataclass(frozen=True)
class FittedSvm:
    """probability = 1 / (1 + exp(-(intercept + kernel(x, points) @ weights))), kernel = exp(-gamma distance^2).

    Attributes:
        points: support vectors, float64, shape (point, column).
        weights: of the points, shape (point,); Platt's slope is in them.
        intercept: of the log odds.
        gamma: inverse squared width.
        rows: of the training set, by which it is explained, shape (row, column).
        remark: that it did not converge; "" where it did.
    """

    points: np.ndarray
    weights: np.ndarray
    intercept: float
    gamma: float
    rows: np.ndarray
    remark: str = ""

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return probabilities, shape (unit,)."""
        from scipy.special import expit

        return np.asarray(expit(gaussian_kernel(x, self.points, self.gamma) @ self.weights + self.intercept))

    def to_onnx(self, columns: str) -> tuple[list[Any], dict[str, np.ndarray]]:
        """Return the kernel, a product, a sum and a sigmoid."""
        from onnx import helper

        nodes, constants = kernel_nodes(columns, self.points, self.gamma)
        nodes += [
            helper.make_node("MatMul", ["kernel", "point_weights"], ["weighted"]),
            helper.make_node("Add", ["weighted", "intercept"], ["log_odds"]),
            helper.make_node("Sigmoid", ["log_odds"], ["probability"]),
        ]
        return nodes, {**constants, "point_weights": self.weights, "intercept": np.array(self.intercept)}

    def explain(self, columns: Sequence[Column], score: str) -> Explanation:
        """Return how far the probability moves with each column."""
        return effects(self.predict, self.rows, columns)
