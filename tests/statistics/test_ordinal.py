"""Proportional odds: known cut-points come back, and grades that do not occur are left nothing."""

from __future__ import annotations

import numpy as np
import pytest

from radfuse.statistics.ordinal import (
    above_cuts,
    grade_probabilities,
    proportional_odds,
    ranked_probability_score,
)


def drawn(units: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    score = generator.standard_normal(units)
    return np.searchsorted([-2, -0.5, 1, 3], 1.5 * score + generator.logistic(size=units)), score


def test_known_slope_and_cuts_come_back_whatever_the_unit_of_the_score() -> None:
    grade, score = drawn()
    slope, cuts = proportional_odds(grade, score, 5)
    assert slope == pytest.approx(1.5, abs=0.1)
    np.testing.assert_allclose(cuts, [-2, -0.5, 1, 3], atol=0.15)
    other, moved = proportional_odds(grade, 10 * score + 7, 5)
    assert other == pytest.approx(slope / 10, rel=1e-3)
    p = grade_probabilities(above_cuts(slope, cuts, score))
    np.testing.assert_allclose(p, grade_probabilities(above_cuts(other, moved, 10 * score + 7)), atol=1e-3)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_allclose(p.mean(axis=0), np.bincount(grade) / len(grade), atol=0.005)


@pytest.mark.parametrize("absent", [0, 2, 4])
def test_a_grade_that_does_not_occur_has_no_probability(absent) -> None:
    grade, score = drawn(500)
    there = grade != absent
    p = grade_probabilities(above_cuts(*proportional_odds(grade[there], score[there], 5), score))
    assert p[:, absent].max() < 1e-12
    assert p[:, (absent + 1) % 5].max() > 0.1


def test_separated_grades_end_at_a_finite_slope() -> None:
    score = np.linspace(-1, 1, 60)
    slope, cuts = proportional_odds((score > 0).astype(int), score, 2)
    assert 1 < slope < 1000
    assert abs(cuts[0]) < 1


def test_ranked_probability_score_by_hand() -> None:
    above = np.array([[0.8, 0.3]])
    assert ranked_probability_score(np.array([1]), above)[0] == pytest.approx(0.2**2 + 0.3**2)
    assert ranked_probability_score(np.array([2]), above)[0] == pytest.approx(0.2**2 + 0.7**2)
