"""Optimism and permutation p, by hand."""

from __future__ import annotations

import math

import pytest

from radfuse.statistics.internal import corrected, highest_p, permutation_p


def test_optimism_is_the_mean_gap_of_samples() -> None:
    found = corrected(0.9, [(0.95, 0.85), (0.9, 0.86), (float("nan"), 0.8)])
    assert (found.optimism, found.corrected, found.draws) == (pytest.approx(0.07), pytest.approx(0.83), 2)
    assert math.isnan(corrected(0.9, []).corrected)


def test_p_counts_the_data_as_one_shuffle() -> None:
    assert permutation_p(0.7, [0.5, 0.6, 0.7, float("nan")]) == pytest.approx(2 / 4)
    assert permutation_p(0.9, [0.5] * 199) == pytest.approx(1 / 200)
    assert math.isnan(permutation_p(float("nan"), [0.5]))
    assert math.isnan(permutation_p(0.9, []))


def test_the_best_of_each_shuffle_corrects_for_picking() -> None:
    found = highest_p({"a": 0.6, "b": 0.9}, {"a": [0.5, 0.5, 0.5], "b": [0.7, float("nan"), 0.5]})
    assert found == {"a": pytest.approx(2 / 4), "b": pytest.approx(1 / 4)}
