"""Sparse regressions of the outcome that selections look at, by its link: logistic, or Cox."""

from __future__ import annotations

import numpy as np

from radfuse.fusion.link import link_of
from radfuse.fusion.models.cox_fit import Survival, cox_net, slopes
from radfuse.fusion.parts import Outcome
from radfuse.statistics.links import probability_of


def classes_of(outcome: Outcome, y: np.ndarray) -> np.ndarray:
    """Return 0 and 1, shape (unit,): the outcome, or whether its event was seen."""
    return np.asarray(y if link_of(outcome) == "logit" else y[:, 1])


def gradient_of(outcome: Outcome, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the size of the slope of the summed loss in each coefficient where all are 0, shape (column,).

    The largest is the smallest L1 penalty that keeps no column.
    """
    if link_of(outcome) == "logit":
        return np.asarray(np.abs((y - y.mean()) @ x))
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


def cox_probability(x: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Return probabilities that rank and space units as the log hazard ratio does, shape (unit,)."""
    score = x @ coefficients
    return probability_of(score - score.max(initial=0.0), "cloglog")


def _known(y: np.ndarray) -> Survival:
    return Survival(y, np.inf, np.zeros(len(y)))
