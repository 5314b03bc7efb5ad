"""Columns that hold one value in the training set say nothing; every strategy drops them first."""

from __future__ import annotations

import numpy as np


def varying(x: np.ndarray) -> np.ndarray:
    """Return which columns vary.

    Args:
        x: float64, shape (unit, column), finite.

    Returns:
        bool, shape (column,).

    Raises:
        ValueError: none does.
    """
    low, high = x.min(axis=0), x.max(axis=0)
    kept = high - low > 1e-12 * np.maximum(np.maximum(high, -low), 1e-300)
    if not kept.any():
        raise ValueError(f"none of the {x.shape[1]} columns varies in the training set")
    return kept
