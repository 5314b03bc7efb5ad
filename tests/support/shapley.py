"""Shapley values by their definition: every set of columns, none left out."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import factorial

import numpy as np


def by_definition(score: Callable[[np.ndarray], np.ndarray], rows: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Return what each column moves the score from the mean of the background, shape (row, column); at most 10 columns.

    Source:
        Shapley 1953, doi:10.1515/9781400881970-018.
    """
    count = rows.shape[1]
    sets = [np.array(each, dtype=bool) for each in product((False, True), repeat=count)]
    worth = {}
    for each in sets:
        mixed = np.where(each, rows[:, None, :], background[None]).reshape(-1, count)
        worth[each.tobytes()] = score(mixed).reshape(len(rows), -1).mean(axis=1)
    found = np.zeros(rows.shape)
    for each in sets:
        size = int(each.sum())
        for column in np.flatnonzero(~each):
            more = each.copy()
            more[column] = True
            weight = factorial(size) * factorial(count - size - 1) / factorial(count)
            found[:, column] += weight * (worth[more.tobytes()] - worth[each.tobytes()])
    return found
