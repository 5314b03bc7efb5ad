"""A continuous outcome: what a table may hold, and what predictions are measured by."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tabular import assert_one, errors_of, write_table

from radfuse.cohort.config import CohortConfig
from radfuse.cohort.read import read_cohort
from radfuse.outcomes.continuous import ContinuousOutcome
from radfuse.outcomes.ranked import merged
from radfuse.report.by_family import table_of
from radfuse.report.sections.continuous_calibration import calibration_table

OUTCOME = ContinuousOutcome(column="loss", unit="mm")
TABLE = "case_id,patient_id,loss\na,a,3.5\nb,b,-20\nc,c,1e2\nd,d,0\n"


def read(tmp_path, text: str):
    ids = {"case": "case_id", "patient": "patient_id", "split": {"kind": "grouped", "folds": 2}}
    return read_cohort(config=CohortConfig(table=write_table(tmp_path, text), outcome=OUTCOME, **ids))


def test_numbers_are_read(tmp_path) -> None:
    cases = read(tmp_path, TABLE).cases
    assert OUTCOME.targets(cases).tolist() == [3.5, -20, 100, 0]
    assert OUTCOME.labels(cases) is None
    assert OUTCOME.happened(cases).tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize(
    ("old", "new", "row", "words"),
    [
        ("1e2", "much", 4, ("number", "'much'", "exclude")),
        ("1e2", "inf", 4, ("number", "'inf'")),
        ("1e2", "", 4, ("missing", "exclude")),
    ],
)
def test_what_is_no_number_is_told_with_its_row(tmp_path, old, new, row, words) -> None:
    assert_one(errors_of(read, tmp_path, TABLE.replace(old, new)), row, "loss", *words)


def test_a_constant_outcome_has_nothing_to_learn(tmp_path) -> None:
    alike = "case_id,patient_id,loss\na,a,2\nb,b,2\nc,c,2\n"
    assert_one(errors_of(read, tmp_path, alike), None, "loss", "every case has the outcome '2'", "add cases")
    with pytest.raises(ValueError, match="all 4 training units have the outcome 2"):
        OUTCOME.folds_possible(np.full(4, 2.0), np.arange(4), 3)
    with pytest.raises(ValueError, match="too few"):
        OUTCOME.folds_possible(np.arange(2.0), np.zeros(2), 3)


def test_folds_are_stratified_by_quantiles_of_twenty_units_or_more() -> None:
    units = pd.DataFrame({"loss": np.random.default_rng(0).standard_normal(100)})
    assert np.bincount(OUTCOME.strata(units)).tolist() == [20] * 5
    assert OUTCOME.strata(units[:30]) is None
    tied = OUTCOME.strata(pd.DataFrame({"loss": np.r_[np.zeros(70), np.arange(1.0, 31)]}))
    assert min(np.bincount(tied)) >= 20
    assert merged(np.r_[np.zeros(30), np.ones(5), np.full(30, 2), np.full(4, 3)]).tolist() == [0] * 30 + [1] * 39


def predictions(y: np.ndarray, p: np.ndarray, family: str = "a") -> pd.DataFrame:
    at = np.arange(len(p))
    about = {"family": family, "fold": at // 2 % 2, "repeat": 1, "position": at, "patient": at // 2}
    return pd.DataFrame({**about, "outcome": y, "probability": p, "threshold": 0.0})


def test_concordance_is_the_share_of_pairs_ranked_right() -> None:
    y, p = np.array([1.0, 2, 3, 3]), np.array([1.0, 3, 2, 5])
    assert OUTCOME.discrimination(y, p) == pytest.approx(4 / 5)  # of five pairs of two values one is wrong
    assert OUTCOME.discrimination(y, np.zeros(4)) == 0.5
    assert np.isnan(OUTCOME.discrimination(np.ones(4), p))
    assert OUTCOME.loss(y, np.full(4, y.mean())) == pytest.approx(1)


def test_truth_is_calibrated_and_noise_loses_to_it() -> None:
    generator = np.random.default_rng(1)
    p = generator.standard_normal(300)
    y = p + 0.8 * generator.standard_normal(300)
    found = OUTCOME.measure(predictions(y, p))
    assert (found.units, found.patients, found.measure, found.loss) == (300, 150, "C", "squared error")
    assert found.calibration_slope.low < 1 < found.calibration_slope.high
    assert found.calibration_intercept.value == -found.bias.value
    assert found.r2.low < 1 / 1.64 < found.r2.high
    assert found.rmse.low < 0.8 < found.rmse.high
    assert found.headline.value == pytest.approx(np.mean(list(found.fold_values.values())))
    both = pd.concat([predictions(y, p), predictions(y, generator.standard_normal(300), "b")])
    (pair,) = OUTCOME.compare(both, ["a", "b"])
    assert pair.difference.low > 0
    assert pair.loss.high < 0
    assert pair.p == pair.p_holm < 0.001


def test_errors_in_a_tiny_unit_are_shown_with_the_digits_that_tell_them() -> None:
    generator = np.random.default_rng(1)
    y = generator.standard_normal(40)
    found = OUTCOME.measure(predictions(1e-6 * y, 1e-6 * (y + 0.2)))
    assert table_of([found], {"R²": "r2", "RMSE (mm)": "rmse"})["RMSE (mm)"][0].startswith("0.000000200 (")
    assert calibration_table([found])["bias (mm)"][0].startswith("0.00000020")


def test_relevance_is_chi_squared_and_a_constant_has_none() -> None:
    generator = np.random.default_rng(2)
    y = generator.standard_normal(100)
    x = np.column_stack([generator.standard_normal((100, 400)), y, np.ones(100)])
    found = OUTCOME.relevance(x, y)
    assert found[400] == pytest.approx(100)
    assert found[401] == 0
    assert found[:400].mean() == pytest.approx(1, abs=0.2)
