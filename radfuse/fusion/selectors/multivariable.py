"""As papers choose clinical columns: univariate regressions, logistic or Cox, then a multivariable one, backwards."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from radfuse.fusion.link import EVERY_KIND, link_of
from radfuse.fusion.parts import Outcome, Settings
from radfuse.fusion.selectors.step import Step
from radfuse.fusion.selectors.ties import first_of_equals, rounded
from radfuse.statistics.cox import regression as cox_regression
from radfuse.statistics.links import LinkName


class Multivariable(Step):
    """Keep columns with a small p alone, then drop from a regression of all of them one after the other.

    Of survival the regressions are Cox's. Every p is that of a likelihood-ratio test, which holds where classes
    separate and Wald's does not; alone, of survival, of the score test. The regression starts with at most one column
    for each five units of the rarer class, or with the event (Vittinghoff and McCulloch 2007, doi:10.1093/aje/kwk052).
    """

    serves: ClassVar[tuple[str, ...]] = EVERY_KIND

    kind: Literal["multivariable"] = "multivariable"
    alpha_alone: float = Field(default=0.1, gt=0, le=1)
    """Largest p of a column alone."""
    rule: Literal["p", "aic"] = "p"
    """Drop the column with the largest p until all are at most `alpha`; or as long as Akaike's criterion falls."""
    alpha: float = Field(default=0.05, gt=0, le=1)
    """Largest p of a column among the others, by the rule "p"."""

    def choose(self, x: np.ndarray, y: np.ndarray, settings: Settings, outcome: Outcome) -> np.ndarray:
        """Keep what is left at the end; where that is nothing, the column with the smallest p alone."""
        alone = _alone(x, y, outcome)
        left = self._backwards(x, y, alone, outcome)
        return np.isin(np.arange(x.shape[1]), left if left else [int(np.argmin(alone))])

    def remark(self, x: np.ndarray, y: np.ndarray, settings: Settings, outcome: Outcome) -> str:
        """Return that no column is left, if so."""
        if self._backwards(x, y, _alone(x, y, outcome), outcome):
            return ""
        return "no column is left by multivariable regression; that of the smallest p alone stays"

    def _backwards(self, x: np.ndarray, y: np.ndarray, alone: np.ndarray, outcome: Outcome) -> list[int]:
        from scipy import stats

        link = link_of(outcome)
        fit = {"logit": regression, "cloglog": _cox, "identity": _squares}[link]
        most = max(1, _fewest(y, link) // 5)
        order = np.argsort(alone, kind="stable")
        left = [int(i) for i in order[first_of_equals(x)[order]][:most] if alone[i] <= self.alpha_alone]
        # a column is dropped where the deviance rises by less than this
        worth = 2.0 if self.rule == "aic" else float(stats.chi2.isf(self.alpha, 1))
        while left:
            whole, squares = fit(x[:, left], y)
            # the smallest of Wald's squares is nearly always that of the column that adds least
            for weakest in np.argsort(rounded(squares), kind="stable"):
                without = np.delete(left, weakest)
                if fit(x[:, without], y)[0] - whole < worth:
                    del left[weakest]
                    break
            else:
                break
        return left


def _fewest(y: np.ndarray, link: LinkName) -> int:
    """Return how many units of a training set tell something: of the rarer class, with the event, or all."""
    if link == "identity":
        return len(y)
    return int(min(y.sum(), (1 - y).sum()) if link == "logit" else y[:, 1].sum())


def _alone(x: np.ndarray, y: np.ndarray, outcome: Outcome) -> np.ndarray:
    """Return the p of each column alone, by the score test but of a binary outcome."""
    from scipy import stats

    if link_of(outcome) == "logit":
        return rounded(_p_alone(x, y))
    return rounded(stats.chi2.sf(outcome.relevance(x, y), 1))


def _cox(x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Return twice minus the log partial likelihood of y, time and event, on x, and Wald's squares."""
    found = cox_regression(x, y[:, 0], y[:, 1])
    return -2 * found.log_likelihood, found.coefficients**2 / np.maximum(np.diag(found.covariance), 1e-300)


def _squares(x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Return twice minus the log likelihood of y on x by least squares, and Wald's squares."""
    design = np.column_stack([np.ones(len(y)), x])
    inverse = np.linalg.pinv(design.T @ design)
    found = inverse @ design.T @ y
    variance = max(float(((y - design @ found) ** 2).mean()), 1e-300)
    return len(y) * np.log(variance), found[1:] ** 2 / np.maximum(variance * np.diag(inverse)[1:], 1e-300)


def _p_alone(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the p of each column in a regression of its own, all columns at once.

    Newton's steps are kept short, where classes separate too: the deviance of those goes to 0, and p with it.
    """
    from scipy import stats
    from scipy.special import expit

    sign = (1 - 2 * y)[:, None]
    intercept, slope = np.full(x.shape[1], np.log(y.mean() / (1 - y.mean()))), np.zeros(x.shape[1])
    for _ in range(25):
        p = expit(intercept + x * slope)
        weight = p * (1 - p)
        a, b, c = weight.sum(axis=0) + 1e-9, (weight * x).sum(axis=0), (weight * x * x).sum(axis=0) + 1e-9
        first, second = (y[:, None] - p).sum(axis=0), ((y[:, None] - p) * x).sum(axis=0)
        determinant = a * c - b * b
        steps = np.stack([c * first - b * second, a * second - b * first]) / np.maximum(determinant, 1e-300)
        steps = np.clip(steps, -2, 2)
        intercept, slope = intercept + steps[0], slope + steps[1]
        if np.abs(steps).max() < 1e-6:
            break
    left = 2 * np.logaddexp(0, sign * (intercept + x * slope)).sum(axis=0)
    return stats.chi2.sf(np.maximum(regression(x[:, :0], y)[0] - left, 0), 1)


def regression(x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the deviance of the logistic regression of y on x, near 0 where classes separate, and Wald's squares.

    Args:
        x: float64, shape (unit, column), standardised; may have no column.
        y: 0 or 1, shape (unit,).

    Returns:
        Twice the negative log likelihood; of each column the square of its coefficient over its standard error.
    """
    from scipy.special import expit

    design = np.column_stack([np.ones(len(y)), x])
    beta = np.zeros(design.shape[1])
    sign = 1 - 2 * y
    deviance, gain = 2 * len(y) * np.log(2), np.inf
    while True:
        p = expit(design @ beta)
        information = (design * (p * (1 - p))[:, None]).T @ design + 1e-9 * np.eye(len(beta))
        if gain < 1e-8:
            return float(deviance), beta[1:] ** 2 / np.diag(np.linalg.inv(information))[1:]
        step = np.linalg.solve(information, design.T @ (y - p))
        for _ in range(20):
            after = 2 * np.logaddexp(0, sign * (design @ (beta + step))).sum()
            if after <= deviance:
                break
            step /= 2
        gain = deviance - after
        if gain > 0:
            beta, deviance = beta + step, after
