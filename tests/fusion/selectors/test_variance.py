"""What hardly varies, counted by hand."""

from __future__ import annotations

import numpy as np

from radfuse.fusion.selectors.variance import Variance
from radfuse.outcomes.binary import BinaryOutcome

EVENT = BinaryOutcome(column="event")
Y = np.arange(10) % 2
X = np.column_stack(
    [
        [5.0] * 9 + [6],  # one value in 0.9
        [0.0] * 5 + [1] * 5,  # in 0.5
        [3.0, 1, 3, 2, 3, 4, 3, 5, 3, 6],  # in 0.5, not side by side
        1000 + np.arange(10.0) / 10,  # all different, standard deviation 0.0003 of the mean
    ]
)


def kept(**settings: float) -> list[int]:
    return np.flatnonzero(Variance(**settings).choose(X, Y, {}, EVENT)).tolist()


def test_share_of_the_most_frequent_value():
    assert kept() == [0, 1, 2, 3]
    assert kept(most_alike=0.9) == [0, 1, 2, 3]
    assert kept(most_alike=0.89) == [1, 2, 3]
    assert kept(most_alike=0.5) == [1, 2, 3]
    assert kept(most_alike=0.49) == [3]


def test_coefficient_of_variation():
    assert X[:, 3].std() / X[:, 3].mean() < 0.001
    assert kept(least_variation=0.001) == [0, 1, 2]
    assert kept(least_variation=0.06) == [1, 2], "0.3 / 5.1 = 0.059"


def test_one_stays_where_nothing_varies_enough():
    assert kept(most_alike=0.01) == [3]
    assert "kept one column" in Variance(most_alike=0.01).remark(X, Y, {}, EVENT)
    assert Variance().remark(X, Y, {}, EVENT) == ""
