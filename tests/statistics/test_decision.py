"""Net benefit by hand, and R's decision curves on the shared tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from realdata import real_file
from sklearn.linear_model import LogisticRegression

from radfuse.statistics.decision import decision_curve


def test_net_benefit_by_hand() -> None:
    """At 0.25 two of three events and one of five others are acted on: 2/8 - 1/8 / 3."""
    y = [1, 1, 1, 0, 0, 0, 0, 0]
    p = [0.9, 0.25, 0.2, 0.8, 0.2, 0.2, 0.1, 0.1]
    curve = decision_curve(y, p, [0.25], range(8))
    assert curve.net_benefit[0] == pytest.approx(2 / 8 - 1 / 8 / 3)
    assert curve.treat_all[0] == pytest.approx(3 / 8 - 5 / 8 / 3)
    assert curve.avoided[0] == pytest.approx(100 * (4 / 8 - 1 / 8 * 3))  # 4 others spared, 1 event missed, weighed 3
    gains = np.array([1, 1, 0, -1 / 3, 0, 0, 0, 0])
    half = 2.364624 * gains.std(ddof=1) / np.sqrt(8)
    assert curve.high[0] - curve.net_benefit[0] == pytest.approx(half, rel=1e-6)


def test_a_patient_seen_twice_narrows_nothing() -> None:
    generator = np.random.default_rng(0)
    y, p = generator.integers(0, 2, 40), generator.random(40)
    at, who = np.linspace(0.1, 0.9, 9), np.arange(40)
    one, two = decision_curve(y, p, at, who), decision_curve(np.tile(y, 2), np.tile(p, 2), at, np.tile(who, 2))
    np.testing.assert_allclose(one.low, two.low)
    np.testing.assert_allclose(one.high, two.high)


@pytest.mark.parametrize("at", [[0.0], [1.0], [0.2, 1.5], [[0.1]]])
def test_thresholds_outside_are_refused(at: list) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        decision_curve([0, 1], [0.2, 0.4], at, [0, 1])


def as_probability(values: pd.Series, y: pd.Series) -> np.ndarray:
    """Return what R's dcurves makes of a column that is no probability: that of a logistic regression on it."""
    x = values.to_numpy(dtype=float)[:, None]
    if values.between(0, 1).all():
        return x[:, 0]
    model = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000, solver="newton-cholesky")
    return np.asarray(model.fit(x, y).predict_proba(x))[:, 1]


@pytest.mark.parametrize(
    ("result", "column"), [("r_dca_famhistory.csv", "famhistory"), ("r_simple_binary_dca_result_df.csv", "age")]
)
def test_net_benefit_is_that_of_r_dcurves(result: str, column: str) -> None:
    cohort = pd.read_csv(real_file("tables/dcurves/df_binary.csv"))
    expected = pd.read_csv(real_file(f"tables/dcurves/{result}")).dropna(subset="net_benefit")
    expected = expected[(expected["threshold"] > 0) & (expected["threshold"] < 1)]
    theirs, everyone = (expected[expected["variable"] == name].set_index("threshold") for name in (column, "all"))
    y = cohort["cancer"].astype(int)
    ours = decision_curve(y, as_probability(cohort[column], y), theirs.index, cohort["patientid"])
    assert len(theirs) > 50
    np.testing.assert_allclose(ours.net_benefit, theirs["net_benefit"], atol=1e-9)
    np.testing.assert_allclose(ours.treat_all, everyone.loc[theirs.index, "net_benefit"], atol=1e-9)
