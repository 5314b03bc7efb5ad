"""As papers choose clinical columns: univariate logistic regressions, then a multivariable one, backwards."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from radfuse.fusion.parts import Outcome, Settings
from radfuse.fusion.selectors.step import Step


class Multivariable(Step):
    """Keep columns with a small p alone, then drop from a logistic regression of all of them one after the other.

    Every p is that of a likelihood-ratio test, which holds where classes separate and Wald's does not. The regression
    starts with at most one column for each five units of the rarer class (Vittinghoff and McCulloch 2007,
    doi:10.1093/aje/kwk052).
    """

    kind: Literal["multivariable"] = "multivariable"
    alpha_alone: float = Field(default=0.1, gt=0, le=1)
    """Largest p of a column alone."""
    rule: Literal["p", "aic"] = "p"
    """Drop the column with the largest p until all are at most `alpha`; or as long as Akaike's criterion falls."""
    alpha: float = Field(default=0.05, gt=0, le=1)
    """Largest p of a column among the others, by the rule "p"."""

    def choose(self, x: np.ndarray, y: np.ndarray, settings: Settings, outcome: Outcome) -> np.ndarray:
        """Keep what is left at the end; where that is nothing, the column with the smallest p alone."""
        alone = _p_alone(x, y)
        left = self._backwards(x, y, alone)
        return np.isin(np.arange(x.shape[1]), left if left else [int(np.argmin(alone))])

    def remark(self, x: np.ndarray, y: np.ndarray, settings: Settings, outcome: Outcome) -> str:
        """Return that no column is left, if so."""
        alone = _p_alone(x, y)
        if self._backwards(x, y, alone):
            return ""
        return f"no column is left by multivariable regression; the smallest p alone, {alone.min():.2g}, stays"

    def _backwards(self, x: np.ndarray, y: np.ndarray, alone: np.ndarray) -> list[int]:
        from scipy import stats

        most = max(1, int(min(y.sum(), (1 - y).sum())) // 5)
        left = [int(i) for i in np.argsort(alone, kind="stable")[:most] if alone[i] <= self.alpha_alone]
        # a column is dropped where the deviance rises by less than this
        worth = 2.0 if self.rule == "aic" else float(stats.chi2.isf(self.alpha, 1))
        while left:
            whole = deviance(x[:, left], y)
            rises = [deviance(x[:, [j for j in left if j != i]], y) - whole for i in left]
            weakest = int(np.argmin(rises))
            if rises[weakest] >= worth:
                break
            del left[weakest]
        return left


def _p_alone(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the p of each column in a regression of its own."""
    from scipy import stats

    none = deviance(x[:, :0], y)
    return stats.chi2.sf([max(none - deviance(x[:, [i]], y), 0.0) for i in range(x.shape[1])], 1)


def deviance(x: np.ndarray, y: np.ndarray) -> float:
    """Return twice the negative log likelihood of the logistic regression of y on x, near 0 where classes separate.

    Args:
        x: float64, shape (unit, column), standardised; may have no column.
        y: 0 or 1, shape (unit,).
    """
    from scipy.special import expit

    design = np.column_stack([np.ones(len(y)), x])
    beta = np.zeros(design.shape[1])
    sign = 1 - 2 * y
    found = float(2 * np.logaddexp(0, sign * (design @ beta)).sum())
    for _ in range(50):
        p = expit(design @ beta)
        information = (design * (p * (1 - p))[:, None]).T @ design + 1e-9 * np.eye(len(beta))
        step = np.linalg.solve(information, design.T @ (y - p))
        size = 1.0
        while True:
            after = float(2 * np.logaddexp(0, sign * (design @ (beta + size * step))).sum())
            if after <= found or size < 1e-4:
                break
            size /= 2
        beta, gain, found = beta + size * step, found - after, min(after, found)
        if gain < 1e-8:
            break
    return found
