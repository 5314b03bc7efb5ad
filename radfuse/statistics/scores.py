"""Outcomes, scores and probabilities as arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Array = NDArray[np.float64]
_LIMIT = 30.0  # linear predictors beyond this are probabilities of 0 or 1 to double precision's use


def checked(outcome: ArrayLike, score: ArrayLike) -> tuple[NDArray[np.bool_], Array]:
    """Return outcomes as bool and scores as float64, both of shape (unit,).

    Raises:
        ValueError: shapes differ, an outcome is neither 0 nor 1, or a score is not finite.
    """
    y, s = np.asarray(outcome), np.asarray(score, dtype=float)
    if y.ndim != 1 or y.shape != s.shape:
        raise ValueError(f"outcome and score must have one shape (unit,); found {y.shape} and {s.shape}")
    if not np.isin(y, (0, 1)).all():
        raise ValueError(f"outcomes must be 0 or 1; found {sorted(set(y.tolist()) - {0, 1})[:5]}")
    if not np.isfinite(s).all():
        raise ValueError("scores must be finite")
    return y.astype(bool), s


def to_logit(probability: ArrayLike) -> Array:
    """Return log(p / (1 - p)), bounded at plus and minus 30."""
    p = np.asarray(probability, dtype=float)
    with np.errstate(divide="ignore"):
        return np.clip(np.log(p) - np.log1p(-p), -_LIMIT, _LIMIT)


def expit(value: ArrayLike) -> Array:
    """Return 1 / (1 + exp(-value)) without overflow."""
    return np.asarray(special.expit(np.asarray(value, dtype=float)))
