"""Proportional odds of ordered grades on one score, and how near probabilities of grades come."""

from __future__ import annotations

import numpy as np

_SURE = 40.0
"""Log odds of what never happened in the training set: certain in any precision that is shown."""
_WIDE = 10.0
"""Standard deviation of the prior on the slope per standard deviation of the score: separated grades end there."""


def proportional_odds(grade: np.ndarray, score: np.ndarray, grades: int) -> tuple[float, np.ndarray]:
    """Return slope and rising cut-points of probability(grade <= k) = 1 / (1 + exp(slope * score - cut_k)).

    By maximum likelihood, but for a wide normal prior on the slope. A grade that does not occur is given a probability
    of 0: the cut-points around it are alike, or at the end out of reach.

    Args:
        grade: 0 to grades - 1, at least two occur, shape (unit,).
        score: larger for larger grades, shape (unit,).
        grades: how many there are.

    Returns:
        Slope, and cut-points of shape (grades - 1,).

    Source:
        McCullagh 1980, doi:10.1111/j.2517-6161.1980.tb01109.x.
    """
    from scipy.optimize import minimize

    there, place = np.unique(np.asarray(grade, dtype=int), return_inverse=True)
    middle, spread = float(score.mean()), float(score.std()) or 1.0
    s = (score - middle) / spread
    above = np.cumsum(np.bincount(place))[:-1] / len(place)
    first = np.log(above / (1 - above))
    start = np.r_[1.0, first[0], np.log(np.maximum(np.diff(first), 1e-3))]
    found = minimize(_loss, start, args=(place, s), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    slope, cuts = float(found.x[0]) / spread, _cuts(found.x)
    cuts = cuts + slope * middle
    every = np.searchsorted(there, np.arange(grades - 1), side="right")  # occurring grades at most k
    reach = _SURE + abs(slope) * float(np.abs(score).max())
    return slope, np.r_[-reach, cuts, reach][every]


def _cuts(weights: np.ndarray) -> np.ndarray:
    return np.asarray(np.cumsum(np.r_[weights[1], np.exp(np.minimum(weights[2:], 50.0))]))


def _loss(weights: np.ndarray, place: np.ndarray, s: np.ndarray) -> tuple[float, np.ndarray]:
    """Return minus the log likelihood, and its slope in the slope, the first cut-point and the logs of the steps."""
    from scipy.special import expit

    cuts, slope = _cuts(weights), weights[0]
    last = len(cuts)
    under = expit(cuts - slope * s[:, None])  # of a grade at most k
    rows = np.arange(len(s))
    up = np.where(place < last, under[rows, np.minimum(place, last - 1)], 1.0)
    down = np.where(place > 0, under[rows, np.maximum(place - 1, 0)], 0.0)
    own = np.maximum(up - down, 1e-300)
    of_up, of_down = up * (1 - up) / own, down * (1 - down) / own
    pull = np.zeros(last)
    np.add.at(pull, place[place < last], -of_up[place < last])
    np.add.at(pull, place[place > 0] - 1, of_down[place > 0])
    tail = np.cumsum(pull[::-1])[::-1]
    slopes = np.r_[
        (s * (of_up - of_down)).sum() + slope / _WIDE**2, tail[0], np.exp(np.minimum(weights[2:], 50.0)) * tail[1:]
    ]
    return float(-np.log(own).sum() + (slope / _WIDE) ** 2 / 2), slopes


def above_cuts(slope: float, cuts: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Return the probability of a grade above each cut-point, shape (unit, cut)."""
    from scipy.special import expit

    return np.asarray(expit(slope * np.asarray(score, dtype=float)[:, None] - cuts))


def grade_probabilities(above: np.ndarray) -> np.ndarray:
    """Return the probability of each grade, shape (unit, grade), of those of a grade above each cut-point."""
    edges = np.column_stack([np.ones(len(above)), above, np.zeros(len(above))])
    return np.asarray(-np.diff(edges, axis=1))


def ranked_probability_score(grade: np.ndarray, above: np.ndarray) -> np.ndarray:
    """Return each unit's squared error of the probabilities above the cut-points, summed over these; shape (unit,).

    Source:
        Epstein 1969, doi:10.1175/1520-0450(1969)008<0985:ASSFPF>2.0.CO;2.
    """
    return np.asarray(((above - (grade[:, None] > np.arange(above.shape[1]))) ** 2).sum(axis=1))
