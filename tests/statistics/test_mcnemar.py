"""McNemar's test: the published table, and patients with two units."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import binomtest

from radfuse.statistics.mcnemar import mcnemar


def approval() -> tuple[np.ndarray, np.ndarray]:
    """Agresti 2013, table 11.1: 794 approve twice, 150 and 86 change, 570 disapprove twice."""
    first = np.repeat([True, True, False, False], [794, 150, 86, 570])
    second = np.repeat([True, False, True, False], [794, 150, 86, 570])
    return first, second


def glands() -> tuple[list[bool], list[bool], list[int]]:
    """Return the discordant glands, and one of everybody on which both agree."""
    patients = [0, 0, 1, 1, 2, 3, 4, 5, *range(21)]
    first = [False] * 7 + [True] + [True] * 21
    return first, [True] * 7 + [False] + [True] * 21, patients


def test_the_published_table() -> None:
    statistic, p = mcnemar(*approval())
    assert statistic == pytest.approx(17.36, abs=5e-3)
    assert p == pytest.approx(3.1e-5, abs=5e-7)


def test_units_of_a_patient_count_together() -> None:
    first, second = approval()
    alone = mcnemar(first, second)
    twice = mcnemar(np.repeat(first, 2), np.repeat(second, 2), np.repeat(np.arange(1600), 2))
    assert twice == pytest.approx(alone, rel=0.01)


def test_the_published_glands() -> None:
    """Obuchowski 1998, PET and SPECT of thyroid glands: 2.86, and 4.5 where glands are taken as independent, both as
    Durkalski 2003 reports them. The discordant glands are rebuilt from these two numbers, not copied from the paper:
    of 21 patients two have two that SPECT alone found, three have one, and one has one that PET alone found.
    """
    first, second, patients = glands()
    assert mcnemar(first, second, patients)[0] == pytest.approx(2.86, abs=5e-3)
    assert mcnemar(first, second)[0] == 4.5


def test_changes_that_cancel_within_patients_and_none_at_all() -> None:
    assert mcnemar([True, False], [False, True], ["a", "a"]) == (0, 1)
    assert mcnemar([True, False], [True, False]) == (0, 1)
    with pytest.raises(ValueError, match="one shape"):
        mcnemar([True], [True, False])


@pytest.mark.parametrize(("one", "other"), [(1, 0), (7, 1), (12, 12), (20, 4)])
def test_of_few_units_p_is_that_of_the_binomial_test(one: int, other: int) -> None:
    first = np.repeat([True, False, True], [one, other, 30])
    second = np.repeat([False, True, True], [one, other, 30])
    assert mcnemar(first, second)[1] == pytest.approx(binomtest(one, one + other).pvalue, rel=1e-12)


def test_of_few_patients_p_is_that_of_all_exchanges_within_them() -> None:
    first, second, patients = glands()
    apart = np.array([2, 2, 1, 1, 1, -1])
    signs = np.array(list(product((-1, 1), repeat=6)))
    share = (np.abs((signs * np.abs(apart)).sum(axis=1)) >= 6).mean()
    assert mcnemar(first, second, patients)[1] == pytest.approx(share)
