"""Coordinate descent on a quadratic with an L1 penalty, compiled."""

from __future__ import annotations

import numpy as np

from radfuse.machine import kernel


@kernel
def descend(
    curvature: np.ndarray, slope: np.ndarray, weights: np.ndarray, penalty: float, enough: float, most: int
) -> None:
    """Move weights to the minimum of half a quadratic form about them, plus a slope, plus an L1 penalty.

    Once all are visited, those that are not 0 go on alone until they rest, and all are visited again.

    Args:
        curvature: float64, shape (column, column), symmetric.
        slope: of the quadratic where the weights stand, shape (column,); is moved along.
        weights: shape (column,); are moved.
        penalty: on the sum of absolute weights.
        enough: largest change of a slope by one move in the last round.
        most: rounds.
    """
    all_of_them = True
    for _ in range(most):
        moved = 0.0
        for j in range(len(weights)):
            before, bend = weights[j], curvature[j, j]
            if bend <= 0.0 or (before == 0.0 and (not all_of_them or abs(slope[j]) <= penalty)):
                continue
            aim = bend * before - slope[j]
            if aim > penalty:
                after = (aim - penalty) / bend
            elif aim < -penalty:
                after = (aim + penalty) / bend
            else:
                after = 0.0
            step = after - before
            if step != 0.0:
                weights[j] = after
                for i in range(len(weights)):
                    slope[i] += step * curvature[j, i]
                moved = max(moved, abs(step) * bend)
        if moved <= enough:
            if all_of_them:
                return
            all_of_them = True
        else:
            all_of_them = False
