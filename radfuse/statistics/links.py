"""Links: between what is predicted, mostly the probability of an event, and the score on which effects add up."""

from __future__ import annotations

from typing import Literal

import numpy as np

LinkName = Literal["logit", "cloglog", "identity", "softmax"]
"""Logit: log odds. Complementary log-log: the log of the cumulative hazard, on which proportional hazards add up.
Identity: a value is predicted, and no probability. Softmax: a probability for each of several classes, the last axis;
no part of a fused family is on it, as each class has parts of its own."""
_MOST = 50.0
"""Cumulative hazards beyond exp(50) are a probability of 1 in any precision."""


def probability_of(score: np.ndarray, link: LinkName) -> np.ndarray:
    """Return the probability of each score.

    Args:
        score: float64, any shape.
        link: it is on.

    Returns:
        1 / (1 + exp(-score)), or 1 - exp(-exp(score)); the score itself on the identity; on softmax the share of
        exp(score) along the last axis.
    """
    if link == "logit":
        from scipy.special import expit

        return np.asarray(expit(score))
    if link == "softmax":
        from scipy.special import softmax

        return np.asarray(softmax(score, axis=-1))
    if link == "identity":
        return np.asarray(score)
    return np.asarray(-np.expm1(-np.exp(np.minimum(score, _MOST))))


def score_of(probability: np.ndarray, link: LinkName, least: float = 1e-12) -> np.ndarray:
    """Return the score of each probability, kept `least` away from 0 and 1; on the identity the value itself."""
    if link == "identity":
        return np.asarray(probability, dtype=float)
    p = np.clip(probability, least, 1 - least)
    if link == "softmax":
        return np.asarray(np.log(p))
    return np.asarray(np.log(p / (1 - p)) if link == "logit" else np.log(-np.log1p(-p)))
