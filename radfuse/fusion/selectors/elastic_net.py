"""The elastic net: the columns with a coefficient under a penalty on absolute and on squared coefficients."""

from __future__ import annotations

import warnings
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from radfuse.fusion.link import EVERY_KIND, link_of
from radfuse.fusion.parts import Outcome, Settings
from radfuse.fusion.selectors.lasso import Strengths, in_order, nothing_tells, support
from radfuse.fusion.selectors.sparse import cox_sparse, gradient_of, linear_sparse
from radfuse.fusion.selectors.step import Step


class ElasticNet(Step):
    """Logistic regression with both penalties: of columns that say the same it keeps more than LASSO does.

    Source:
        Zou and Hastie 2005, doi:10.1111/j.1467-9868.2005.00503.x.
    """

    serves: ClassVar[tuple[str, ...]] = EVERY_KIND
    kind: Literal["elastic_net"] = "elastic_net"
    over: Literal["block", "all"] = "all"
    """Whether a coefficient counts among those of its block, or of all blocks together."""
    strengths: Strengths = (0.7, 0.5, 0.35, 0.25, 0.15, 0.08)
    """Penalties tried, as fractions of the smallest penalty that keeps nothing; each in (0, 1)."""
    l1_share: float = Field(default=0.5, gt=0, le=1)
    """Share of the penalty on absolute coefficients; 1 is LASSO."""

    @field_validator("strengths")
    @classmethod
    def _in_range(cls, strengths: Strengths) -> Strengths:
        return in_order(strengths)

    def candidates(self) -> tuple[Settings, ...]:
        """Return the strengths, the strongest first."""
        return tuple({"elastic_net_strength": strength} for strength in self.strengths)

    def choose(self, x: np.ndarray, y: np.ndarray, settings: Settings, outcome: Outcome) -> np.ndarray:
        """Fit the penalised regression and keep its columns; at least the most relevant one."""
        gradient = gradient_of(outcome, x, y)
        if nothing_tells(gradient, y):
            return np.arange(x.shape[1]) == 0
        penalty = settings["elastic_net_strength"] * gradient.max() / len(y) / self.l1_share
        if link_of(outcome) == "identity":
            return support(linear_sparse(x, y, penalty, self.l1_share), gradient)
        if link_of(outcome) != "logit":
            return support(cox_sparse(x, y, penalty, self.l1_share), gradient)
        return support(coefficients(x, y, penalty, self.l1_share), gradient)


def coefficients(x: np.ndarray, y: np.ndarray, penalty: float, l1_share: float) -> np.ndarray:
    """Return the coefficients of a penalised logistic regression, shape (column,).

    Each round solves the weighted least squares that touch the likelihood where it stands, by coordinate descent.

    Args:
        x: float64, shape (unit, column), standardised.
        y: 0 or 1, shape (unit,).
        penalty: beside the mean log loss: times l1_share on absolute, half of the rest on squared coefficients.
        l1_share: in (0, 1].

    Source:
        Friedman, Hastie and Tibshirani 2010, doi:10.18637/jss.v033.i01.
    """
    from scipy.special import expit
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import ElasticNet as LeastSquares

    solver = LeastSquares(l1_ratio=l1_share, warm_start=True, tol=1e-6, max_iter=2000)
    score = np.full(len(y), np.log(y.mean() / (1 - y.mean())))
    x = np.asfortranarray(x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the next round goes on from there
        for _ in range(30):
            probability = np.clip(expit(score), 1e-5, 1 - 1e-5)
            weight = probability * (1 - probability)
            solver.alpha = penalty / weight.mean()
            solver.fit(x, score + (y - probability) / weight, sample_weight=weight)
            before, score = score, x @ solver.coef_ + solver.intercept_
            if np.abs(score - before).max() < 1e-5:
                break
    return np.asarray(solver.coef_)
