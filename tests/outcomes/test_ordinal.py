"""An ordinal outcome: what a table may hold, and what probabilities of grades are measured by."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tabular import assert_one, errors_of, write_table

from radfuse.cohort.config import CohortConfig
from radfuse.cohort.read import read_cohort
from radfuse.cohort.spreadsheet import read_table
from radfuse.errors import InputError
from radfuse.outcomes.ordinal import OrdinalOutcome
from radfuse.outcomes.ordinal_performance import above_of
from radfuse.results import OrdinalFit

OUTCOME = OrdinalOutcome(column="kl", levels=("0", "1", "2", "3"))
TABLE = "case_id,patient_id,kl\na,a,0\nb,b,2\nc,c,1\nd,d,1\ne,e,0\nf,f,2\ng,g,3\nh,h,3\n"


def read(tmp_path, text: str, outcome: OrdinalOutcome = OUTCOME):
    ids = {"case": "case_id", "patient": "patient_id", "split": {"kind": "grouped", "folds": 2}}
    return read_cohort(config=CohortConfig(table=write_table(tmp_path, text), outcome=outcome, **ids))


def test_grades_are_read_as_their_places(tmp_path) -> None:
    cases = read(tmp_path, TABLE).cases
    assert OUTCOME.labels(cases).tolist() == [0, 2, 1, 1, 0, 2, 3, 3]
    words = OrdinalOutcome(column="kl", levels=("none", "mild", "severe"))
    text = "case_id,patient_id,kl\na,a,mild\nb,b,none\nc,c,mild\nd,d,none\ne,e,severe\nf,f,severe\n"
    assert words.targets(read(tmp_path, text, words).cases).tolist() == [1, 0, 1, 0, 2, 2]


def test_grades_may_be_whole_numbers_with_a_point(tmp_path) -> None:
    """As pandas writes them where one grade is missing."""
    pointed = TABLE.replace(",2\n", ",2.0\n").replace(",1\n", ",1.00\n")
    assert read(tmp_path, pointed).cases["kl"].tolist() == read(tmp_path, TABLE).cases["kl"].tolist()
    assert_one(errors_of(read, tmp_path, TABLE.replace("b,b,2", "b,b,7.0")), 3, "kl", "'7.0' is none of")


def test_levels_are_declared_three_or_more_each_once() -> None:
    with pytest.raises(InputError, match="levels"):
        OrdinalOutcome(column="kl")
    with pytest.raises(InputError, match="at least 3"):
        OrdinalOutcome(column="kl", levels=("0", "1"))
    with pytest.raises(InputError, match="stands twice"):
        OrdinalOutcome(column="kl", levels=("0", "1", "1"))


@pytest.mark.parametrize(
    ("new", "words"),
    [("7", ("'7'", "none of", "'3'", "add the level")), ("2.5", ("'2.5'",)), ("", ("missing", "exclude"))],
)
def test_an_unknown_grade_is_told_with_its_row(tmp_path, new, words) -> None:
    assert_one(errors_of(read, tmp_path, TABLE.replace("b,b,2", f"b,b,{new}")), 3, "kl", *words)


def test_one_grade_alone_and_grades_of_few_patients_are_told(tmp_path) -> None:
    alike = "case_id,patient_id,kl\na,a,2\nb,b,2\nc,c,2\n"
    assert_one(errors_of(read, tmp_path, alike), None, "kl", "every case has the grade '2'")
    frame = pd.DataFrame({"patient": list("aabcdef"), "kl": [3.0, 3, 0, 0, 0, 1, 1]})
    first, second = OUTCOME.check_folds(frame, "patient", 3)
    assert "2 patients have the grade '1', fewer than the 3 folds" in first.message
    assert "1 patient has the grade '3'" in second.message


def test_rare_grades_are_stratified_with_a_neighbour_and_absent_ones_are_told() -> None:
    units = pd.DataFrame({"kl": np.repeat([0.0, 1, 2, 3], [30, 25, 30, 4])})
    assert np.bincount(OUTCOME.strata(units)).tolist() == [30, 25, 34]
    assert OUTCOME.cautions(np.array([0.0, 1, 1])) == [
        "no training unit has the grades 2, 3, so that their probability is 0"
    ]
    assert OUTCOME.cautions(np.arange(4.0)) == []


def drawn(units: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return scores, and grades that follow them by proportional odds."""
    generator = np.random.default_rng(seed)
    score = 1.5 + generator.standard_normal(units)
    return score, np.searchsorted([0.5, 2.5, 5], 2 * score + generator.logistic(size=units)).astype(float)


def predictions(score: np.ndarray, y: np.ndarray, family: str = "a") -> pd.DataFrame:
    fit, at = OUTCOME.beside(y, score), np.arange(len(score))
    about = {"family": family, "fold": at // 2 % 2, "repeat": 1, "position": at, "patient": at // 2}
    own = {**OUTCOME.predicted(fit, score), "outcome": y.astype(int), "threshold": 0.0}
    return pd.DataFrame({**about, "probability": score, **own})


def test_true_scores_are_calibrated_at_every_cut() -> None:
    score, y = drawn(2000)
    found = OUTCOME.measure(predictions(score, y))
    assert (found.units, found.patients, found.measure) == (2000, 1000, "C")
    assert found.counts == tuple(np.bincount(y.astype(int)))
    assert [cut.level for cut in found.cuts] == ["1", "2", "3"]
    for cut in found.cuts:
        assert cut.slope.low < 1 < cut.slope.high
        assert cut.expected == pytest.approx(cut.observed, abs=0.01)
    assert found.within_one.value > 0.9 > found.accuracy.value > 0.4
    assert 0.5 < found.kappa.low < found.kappa.high < 1
    assert found.headline.value == pytest.approx(np.mean(list(found.fold_values.values())))


def test_agreement_by_hand() -> None:
    rows = predictions(*drawn(40)).iloc[:4].assign(outcome=[0, 1, 2, 3], grade=[0, 2, 2, 1], expected=[0.5, 1, 2, 1])
    found = OUTCOME.measure(rows)
    assert (found.accuracy.value, found.within_one.value) == (0.5, 0.75)
    assert found.mae.value == pytest.approx(2.5 / 4)
    assert found.kappa.value == pytest.approx(1 - (5 / 4) / (32 / 16))  # of all 16 pairs, squared distances sum to 32


def test_noise_beside_truth_loses_in_c_and_in_ranked_probability() -> None:
    score, y = drawn(300, 2)
    noise = np.random.default_rng(3).standard_normal(300)
    (found,) = OUTCOME.compare(pd.concat([predictions(score, y), predictions(noise, y, "b")]), ["a", "b"])
    assert found.difference.low > 0
    assert found.loss.high < 0
    assert found.p == found.p_holm < 0.001


def test_what_is_told_of_a_unit_adds_up() -> None:
    told = OUTCOME.told(OrdinalFit(slope=2.0, cuts=(0.0, 2.0, 4.0)), np.array([-9.0, 0.5, 9.0]))
    assert list(told) == [*(f"probability@{k}" for k in "0123"), "expected", "grade"]
    assert told["grade"].tolist() == ["0", "1", "3"]
    each = pd.DataFrame({name: told[name] for name in told if "@" in name})
    np.testing.assert_allclose(each.sum(axis=1), 1)
    np.testing.assert_allclose(above_of(each, OUTCOME.levels)[1], 1 / (1 + np.exp([-1.0, 1, 3])))
    with pytest.raises(InputError, match="rise"):
        OrdinalFit(slope=1, cuts=(1.0, 0.0))


def test_grades_that_are_numbers_stand_in_their_order_and_may_be_written_with_a_nought() -> None:
    with pytest.raises(InputError, match="numbers out of order: 0, 2, 1; name them the lowest first"):
        OrdinalOutcome(column="grade", levels=("0", "2", "1"))
    table = read_table(pd.DataFrame({"grade": pd.Series(["2.0", "0.0", "1"], dtype=object)}))
    found, findings = OrdinalOutcome(column="grade", levels=("0", "1", "2")).read(table, new=False)
    assert (list(found["grade"]), findings) == ([2.0, 0.0, 1.0], [])
