"""The Brier score, and what it is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from radfuse.statistics.scores import Array, checked


@dataclass(frozen=True)
class Brier:
    """score = reliability - resolution + uncertainty.

    Attributes:
        score: mean squared difference of probability and outcome.
        reliability: what recalibration would gain; 0 is calibrated.
        resolution: what the recalibrated probabilities gain on the prevalence; higher is better.
        uncertainty: the score of the prevalence.
    """

    score: float
    reliability: float
    resolution: float
    uncertainty: float


def brier(outcome: ArrayLike, probability: ArrayLike) -> Brier:
    """Return the score and its parts, which add up exactly: no groups are cut.

    Recalibrated probabilities are the isotonic regression of the outcome on the probability. Where shares of events
    rise with the distinct probabilities these are the shares, and the parts are Murphy's.

    Args:
        outcome: 0 or 1, shape (unit,).
        probability: shape (unit,).

    Raises:
        ValueError: shapes differ, there are no units, or an outcome is neither 0 nor 1.

    Source:
        Murphy 1973, doi:10.1175/1520-0450(1973)012<0595:ANVPOT>2.0.CO;2; Dimitriadis et al. 2021,
        doi:10.1073/pnas.2016191118.
    """
    y, p = checked(outcome, probability)
    if not len(y):
        raise ValueError("no units to score")
    share = y.mean()
    after = float(np.mean((_recalibrated(y.astype(float), p) - y) ** 2))
    score, uncertainty = float(np.mean((p - y) ** 2)), float(share * (1 - share))
    return Brier(score, score - after, uncertainty - after, uncertainty)


def _recalibrated(y: Array, p: Array) -> Array:
    """Return the isotonic regression of outcomes on probabilities, equal probabilities being one."""
    from scipy.optimize import isotonic_regression

    _, place = np.unique(p, return_inverse=True)
    sizes = np.bincount(place)
    shares = np.bincount(place, y) / sizes
    return np.asarray(isotonic_regression(shares, weights=sizes.astype(float)).x)[place]
