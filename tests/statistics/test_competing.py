"""Cumulative incidence that can be counted by hand, that R and Stata give, and what is left of it without rivals."""

from __future__ import annotations

import numpy as np
import pytest

from radfuse.statistics.competing import aalen_johansen
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
