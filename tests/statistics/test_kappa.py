"""Kappa: published tables, and what it equals."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from radfuse.statistics.kappa import kappa

COHEN = np.array([[88, 14, 18], [10, 40, 10], [2, 6, 12]])
"""Cohen 1960, 1968: 200 patients given three diagnoses by two psychiatrists."""


def spread(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.indices(table.shape)
    return np.repeat(rows.ravel(), table.ravel()), np.repeat(columns.ravel(), table.ravel())


def test_cohens_own_table() -> None:
    """Kappa 0.492."""
    found = kappa(*spread(COHEN), weights="none")
    assert found.value == pytest.approx(0.492, abs=5e-4)


def test_two_grades_have_the_textbooks_variance() -> None:
    """45 both, 15 and 25 apart, 15 neither: kappa 0.1304; by hand as Fleiss, Cohen and Everitt have it."""
    a, b = spread(np.array([[45, 15], [25, 15]]))
    found = kappa(a, b, weights="none")
    assert found.value == pytest.approx(0.6 / 0.46 * 0.1, abs=1e-12)
    p = np.array([[0.45, 0.15], [0.25, 0.15]])
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    chance, k = rows @ columns, found.value
    parts = sum(p[i, i] * (1 - (rows[i] + columns[i]) * (1 - k)) ** 2 for i in range(2))
    parts += (1 - k) ** 2 * sum(p[i, j] * (columns[i] + rows[j]) ** 2 for i in range(2) for j in range(2) if i != j)
    variance = (parts - (k - chance * (1 - k)) ** 2) / (100 * (1 - chance) ** 2)
    assert (found.high - found.value) / 1.959964 == pytest.approx(np.sqrt(variance * 100 / 99), rel=1e-6)


@pytest.mark.parametrize(
    ("table", "weights", "value", "error"),
    [
        ([[0, 4, 1], [0, 8, 0], [0, 1, 5]], "none", 0.4842, 0.1380),
        ([[0, 0, 0], [5, 16, 3], [8, 12, 28]], "none", 0.3333, 0.0814),
        ([[0, 0, 0], [5, 16, 3], [8, 12, 28]], "linear", 0.2895, 0.0756),
    ],
)
def test_value_and_standard_error_are_those_of_sas(
    table: list[list[int]], weights: Literal["none", "linear"], value: float, error: float
) -> None:
    """PROC FREQ, as printed beside statsmodels' own tests; ours counts patients as a sample, n / (n - 1)."""
    a, b = spread(np.array(table))
    found = kappa(a, b, weights=weights)
    assert found.value == pytest.approx(value, abs=5e-5)
    half = (found.high - found.low) / 2 / 1.959964
    assert half * np.sqrt((len(a) - 1) / len(a)) == pytest.approx(error, abs=5e-5)


def test_quadratic_weights_give_lins_concordance() -> None:
    a, b = spread(COHEN)
    lin = 2 * np.cov(a, b, bias=True)[0, 1] / (a.var() + b.var() + (a.mean() - b.mean()) ** 2)
    assert kappa(a, b).value == pytest.approx(lin)


def test_grades_that_nobody_gave_stand_between() -> None:
    """With 1, 2 and 5 the distance from 2 to 5 is 3, and not one step."""
    assert kappa([1, 2, 5, 5], [1, 2, 2, 5]).value < kappa([1, 2, 3, 3], [1, 2, 2, 3]).value


def test_agreement_itself_and_one_grade_alone() -> None:
    assert kappa([1, 2, 3], [1, 2, 3]).value == 1
    assert np.isnan(kappa([2, 2], [2, 2]).value)


def test_knees_of_one_patient_that_agree_alike_widen_the_interval() -> None:
    a, b = spread(COHEN)
    alone = kappa(a, b)
    twice = kappa(np.repeat(a, 2), np.repeat(b, 2), np.repeat(np.arange(200), 2))
    assert twice.value == pytest.approx(alone.value)
    assert twice.low == pytest.approx(alone.low)
    with pytest.raises(ValueError, match="finite and of one shape"):
        kappa([1, np.nan], [1, 2])
