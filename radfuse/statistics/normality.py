"""Whether values could be of a normal distribution."""

from __future__ import annotations

import numpy as np

_OF_N = (
    (-2.706056, 4.434685, -2.07119, -0.147981, 0.221157, 0.0),
    (-3.582633, 5.682633, -1.752461, -0.293762, 0.042981),
)
_MEAN_SMALL, _SPREAD_SMALL = (-6.714e-4, 0.025054, -0.39978, 0.544), (-0.0020322, 0.062767, -0.77857, 1.3822)
_MEAN_LARGE, _SPREAD_LARGE = (0.0038915, -0.083751, -0.31082, -1.5861), (0.0030302, -0.082676, -0.4803)


def shapiro_wilk(x: np.ndarray) -> np.ndarray:
    """Return the p of the Shapiro-Wilk test of each column, all columns at once.

    Args:
        x: float64, shape (unit, column), finite; at most 5,000 units, for which the test is made.

    Returns:
        Shape (column,); 0 for fewer than three units and for constant columns, of which nothing can be said.

    Source:
        Royston 1995 (AS R94), doi:10.2307/2986146.
    """
    from scipy import stats

    n = len(x)
    if n < 3:
        return np.zeros(x.shape[1])
    weights = _weights(n)
    ordered = np.sort(x.T, axis=1)
    centred = ordered - ordered.mean(axis=1, keepdims=True)
    squares = (centred**2).sum(axis=1)
    constant = np.ptp(ordered, axis=1) == 0
    w = (centred @ weights) ** 2 / (weights @ weights) / np.where(constant, 1, squares)
    w = np.clip(w, 0, 1)
    if n == 3:
        p = np.maximum(6 / np.pi * (np.arcsin(np.sqrt(np.maximum(w, 0.75))) - np.arcsin(np.sqrt(0.75))), 0)
        return np.where(constant, 0, p)
    rest = np.log(np.maximum(1 - w, 1e-300))
    if n <= 11:
        gamma = 0.459 * n - 2.273
        far = rest >= gamma
        rest = -np.log(np.where(far, 1, gamma - rest))
        mean, spread = np.polyval(_MEAN_SMALL, n), np.exp(np.polyval(_SPREAD_SMALL, n))
    else:
        far = np.zeros(len(w), dtype=bool)
        mean, spread = np.polyval(_MEAN_LARGE, np.log(n)), np.exp(np.polyval(_SPREAD_LARGE, np.log(n)))
    return np.where(constant | far, 0, stats.norm.sf((rest - mean) / spread))


def _weights(n: int) -> np.ndarray:
    """Return what ordered values are weighted by."""
    from scipy.special import ndtri

    if n == 3:
        return np.array([-(0.5**0.5), 0, 0.5**0.5])
    expected = ndtri((np.arange(1, n + 1) - 0.375) / (n + 0.25))
    squares = (expected**2).sum()
    root = 1 / np.sqrt(n)
    last = np.polyval(_OF_N[0], root) + expected[-1] / np.sqrt(squares)
    if n <= 5:
        outer, weights = 1, np.array([last])
    else:
        outer = 2
        weights = np.array([np.polyval((*_OF_N[1], 0.0), root) + expected[-2] / np.sqrt(squares), last])
    inner = (squares - 2 * (expected[-outer:] ** 2).sum()) / (1 - 2 * (weights**2).sum())
    return np.concatenate([-weights[::-1], expected[outer:-outer] / np.sqrt(inner), weights])
