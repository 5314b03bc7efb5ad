"""Sparse regressions of the outcome that selections look at, by its link: logistic, Cox, or least squares."""

from __future__ import annotations

import numpy as np

from radfuse.fusion.link import link_of
from radfuse.fusion.models.cox_fit import Survival, cox_net, slopes
from radfuse.fusion.models.linear_fit import net_squares, spread_of
from radfuse.fusion.parts import Outcome
from radfuse.statistics.links import probability_of


def classes_of(outcome: Outcome, y: np.ndarray) -> np.ndarray:
    """Return 0 and 1, shape (unit,): the outcome, whether its event was seen, or whether it is above the
    median."""
    if link_of(outcome) == "identity":
        return np.asarray(y > np.median(y), dtype=int)
    return np.asarray(y if link_of(outcome) == "logit" else y[:, 1])


def gradient_of(outcome: Outcome, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the size of the slope of the summed loss in each coefficient where all are 0, shape (column,).

    The largest is the smallest L1 penalty that keeps no column.
    """
    if link_of(outcome) == "logit":
        return np.asarray(np.abs((y - y.mean()) @ x))
    if link_of(outcome) == "identity":
        return np.asarray(np.abs((y - y.mean()) @ x) / spread_of(y))
    return slopes(x, _known(y))


def cox_sparse(x: np.ndarray, y: np.ndarray, penalty: float, l1_share: float) -> np.ndarray:
    """Return coefficients of Cox regression, shape (column,).

    Args:
        x: standardised, shape (unit, column).
        y: time and event, shape (unit, 2).
        penalty: beside minus the log partial likelihood over the number of units, as `cox_net` takes it.
        l1_share: in (0, 1].
    """
    return cox_net(x, _known(y), penalty, l1_share, np.zeros(x.shape[1]))


def least_squares(x: np.ndarray, y: np.ndarray, penalty: float, l1_share: float) -> tuple[np.ndarray, float]:
    """Return coefficients of regression by least squares, shape (column,), and the intercept; in y's own units.

    Args:
        x: standardised, shape (unit, column).
        y: shape (unit,).
        penalty: beside half the mean squared error of y in its standard deviations.
        l1_share: in (0, 1].
    """
    found = net_squares(x, y, [penalty], l1_share, np.zeros(len(y)))[0]
    return found.coefficients, found.intercept


def linear_sparse(x: np.ndarray, y: np.ndarray, penalty: float, l1_share: float) -> np.ndarray:
    """Return the same coefficients in standard deviations of y, so that what is 0 does not hang on y's unit."""
    return least_squares(x, y, penalty, l1_share)[0] / spread_of(y)


def cox_probability(x: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Return probabilities that rank and space units as the log hazard ratio does, shape (unit,)."""
    score = x @ coefficients
    return probability_of(score - score.max(initial=0.0), "cloglog")


def _known(y: np.ndarray) -> Survival:
    return Survival(y, np.inf, np.zeros(len(y)))
