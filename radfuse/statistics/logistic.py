"""Logistic regression of a few columns, with standard errors that sum over patients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radfuse.statistics.scores import Array, expit


@dataclass(frozen=True)
class LogisticFit:
    """A fit; NaN where the likelihood has no maximum.

    Attributes:
        coefficients: shape (column,).
        covariance: of them, summed over patients, shape (column, column).
    """

    coefficients: Array
    covariance: Array

    @property
    def errors(self) -> Array:
        """Standard errors, shape (column,)."""
        return np.sqrt(np.diag(self.covariance))


def logistic(
    x: Array, y: NDArray[np.bool_], patients: ArrayLike, offset: Array | None = None, ridge: float = 0.0
) -> LogisticFit:
    """Return the fit by Newton's method with step halving.

    There is none where classes separate or columns depend on each other: the likelihood then rises for ever, or along
    a line.

    Args:
        x: the first column all ones, shape (unit, column).
        y: shape (unit,).
        patients: shape (unit,).
        offset: added to the linear predictor, shape (unit,); None: nothing.
        ridge: half of it times the squared coefficients but the first is taken from the likelihood; any above 0 has a
            maximum where classes separate too.
    """
    count, base = x.shape[1], np.zeros(len(y)) if offset is None else offset
    nothing = LogisticFit(np.full(count, np.nan), np.full((count, count), np.nan))
    spread = np.ptp(x[:, 1:], axis=0)
    flat = (spread <= 1e-9 * np.maximum(np.abs(x[:, 1:]).max(axis=0, initial=1.0), 1.0)).any()
    if (flat and not ridge) or y.all() or not y.any():
        return nothing
    penalty = ridge * (np.arange(count) > 0)
    signs, beta = np.where(y, 1.0, -1.0), np.zeros(count)

    def worth(coefficients: Array) -> float:
        fit = -np.logaddexp(0.0, -signs * (x @ coefficients + base)).sum()
        return float(fit - (penalty * coefficients**2).sum() / 2)

    value = worth(beta)
    for _ in range(60):
        p = expit(x @ beta + base)
        information = x.T @ (x * (p * (1 - p))[:, None]) + np.diag(penalty)
        try:
            step = np.linalg.solve(information, x.T @ (y - p) - penalty * beta)
        except np.linalg.LinAlgError:
            return nothing
        step *= min(1.0, 10.0 / max(float(np.abs(step).max()), 1e-300))
        for _ in range(40):
            trial = worth(beta + step)
            if trial >= value - 1e-12 * abs(value):
                break
            step = step / 2
        beta, value = beta + step, trial
        if np.abs(step).max() <= 1e-9 * max(1.0, float(np.abs(beta).max())):
            break
    else:
        return nothing
    residual = y - expit(x @ beta + base)
    if np.abs(residual).max() < 1e-6:
        return nothing
    return LogisticFit(beta, _robust(x, residual, information, patients))


def _robust(x: Array, residual: Array, information: Array, patients: ArrayLike) -> Array:
    """Return the sandwich covariance whose middle sums over patients first."""
    who = pd.factorize(np.asarray(patients))[0]
    people = int(who.max()) + 1
    scores = np.zeros((people, x.shape[1]))
    np.add.at(scores, who, x * residual[:, None])
    inverse = np.linalg.pinv(information)
    return np.asarray(inverse @ (scores.T @ scores) @ inverse * people / max(people - 1, 1))
