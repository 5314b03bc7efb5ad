"""Cumulative incidence that can be counted by hand, that R and Stata give, and what is left of it without rivals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radfuse.statistics.competing import aalen_johansen, gray_test
from radfuse.statistics.survival import kaplan_meier

TIME = np.array([1, 1, 2, 4, 4, 4, 6, 6, 7, 8, 9, 9, 9, 1, 2, 2, 4, 4], dtype=float)
CODE = np.array([1, 1, 1, 2, 2, 2, 3, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0])


def test_five_units_by_hand() -> None:
    time, code = np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.array([1, 2, 0, 1, 0])
    found = aalen_johansen(time, code == 1, code == 2)
    # 1/5 at once; at 2 the rival takes 1/4 of the 4/5 left; at 4 one of two left has it: 3/5 * 1/2
    np.testing.assert_allclose(found.incidence, [0.2, 0.2, 0.5])
    assert found.at(np.array([0.5, 1.0, 3.9, 4.0, 9.0])).tolist() == pytest.approx([0, 0.2, 0.2, 0.5, 0.5])
    assert 1 - kaplan_meier(time, code == 1).survival[-1] == pytest.approx(0.6)  # too high: rivals taken for censored
    first = np.sqrt(0.2 * 0.8 / 5)  # a share of five
    assert found.error[0] == pytest.approx(first)
    assert found.estimate(1.0).low == pytest.approx(0.2 ** np.exp(1.959964 * first / (0.2 * -np.log(0.2))), abs=1e-6)
    assert np.isnan(found.estimate(0.5).low)


@pytest.mark.parametrize(
    ("cause", "incidence", "error"),
    [  # R cmprsk: cuminc(ftime, fstat); errors: Stata stcompet; as statsmodels' test_survfunc.py holds both
        (1, [0.11111111] + 5 * [0.17037037], [0.07407407] + 5 * [0.08976251]),
        (2, [0, 0] + 4 * [0.20740741], [0, 0] + 4 * [0.10610391]),
        (3, [0, 0, 0, 0.17777778, 0.26666667], [0, 0, 0, 0.11196147, 0.12787781]),
    ],
)
def test_three_causes_as_cmprsk_and_stcompet(cause: int, incidence: list[float], error: list[float]) -> None:
    found = aalen_johansen(TIME, cause == CODE, (CODE > 0) & (cause != CODE))
    assert found.times.tolist() == [1, 2, 4, 6, 7]
    np.testing.assert_allclose(found.incidence, incidence[:5], atol=5e-9)
    np.testing.assert_allclose(found.error, error[:5], atol=5e-9)


def test_all_causes_and_freedom_of_any_make_one() -> None:
    each = [aalen_johansen(TIME, cause == CODE, (CODE > 0) & (cause != CODE)) for cause in (1, 2, 3)]
    np.testing.assert_allclose(sum(one.incidence for one in each), 1 - kaplan_meier(TIME, CODE > 0).survival)


def test_without_rivals_it_is_kaplan_and_meiers() -> None:
    none = np.zeros(len(TIME))
    found, curve = aalen_johansen(TIME, CODE > 0, none), kaplan_meier(TIME, CODE > 0)
    np.testing.assert_allclose(found.incidence, 1 - curve.survival)
    np.testing.assert_allclose(found.error, curve.survival * curve.error)  # Greenwood's


@pytest.mark.parametrize(("cause", "statistic", "p"), [(1, 2.8623325, 0.09067592), (2, 0.4481279, 0.50322531)])
def test_leukaemias_are_compared_as_cmprsk_does(cause: int, statistic: float, p: float) -> None:
    """177 transplants of casebase's bmtcrr (Scrucca 2010, doi:10.1038/bmt.2009.359): `cuminc(ftime, Status, D)`."""
    table = pd.read_csv(Path(__file__).parents[1] / "reference/bmtcrr.csv")
    status = table["status"].to_numpy()
    about = (status == cause, (status > 0) & (status != cause), table["disease"].to_numpy())
    found = gray_test(table["months"].to_numpy(), *about)
    assert found == (pytest.approx(statistic, abs=5e-8), pytest.approx(p, abs=5e-9))


def test_drawn_groups_are_compared_as_cmprsk_does() -> None:
    """R cmprsk::cuminc on these numbers, as SurPyval's tests hold it."""
    generator = np.random.default_rng(0)
    group = generator.binomial(1, 0.5, 200)
    first, other = generator.exponential(1 / (0.1 * np.exp(0.7 * group))), generator.exponential(1 / 0.05, 200)
    left = generator.uniform(0, 20, 200)
    time = np.minimum(np.minimum(first, other), left).round(3)
    seen = left >= np.minimum(first, other)
    found = gray_test(time, seen & (first < other), seen & (first >= other), group)
    assert found[0] == pytest.approx(20.112602058, abs=5e-10)


def test_three_groups_of_any_order_and_what_chance_says_of_them() -> None:
    generator = np.random.default_rng(3)
    group = generator.integers(0, 3, 120)
    time, code = np.ceil(8 * generator.exponential(size=120) / (1 + 0.3 * group)), generator.integers(0, 3, 120)
    statistic, p = gray_test(time, code == 1, code == 2, group)
    for names in ((2, 0, 1), (1, 2, 0)):
        assert gray_test(time, code == 1, code == 2, np.array(names)[group])[0] == pytest.approx(statistic)
    dealt = [gray_test(time, code == 1, code == 2, generator.permutation(group))[0] for _ in range(400)]
    assert np.mean(np.array(dealt) >= statistic) == pytest.approx(p, abs=0.06)


def test_one_group_or_no_event_is_not_compared() -> None:
    assert np.isnan(gray_test(TIME, CODE == 1, CODE == 2, np.zeros(len(TIME)))).all()
    assert np.isnan(gray_test(TIME, CODE == 9, CODE == 2, CODE)).all()
