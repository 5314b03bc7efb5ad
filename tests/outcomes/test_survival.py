"""A survival outcome: what a table may hold, what is learned of it, and what predictions are measured by."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tabular import assert_one, errors_of, write_table

from radfuse.cohort.config import CohortConfig
from radfuse.cohort.read import read_cohort
from radfuse.errors import InputError
from radfuse.outcomes.survival import SurvivalOutcome
from radfuse.outcomes.survival_fit import incidence_at, named, survival_at
from radfuse.results import SurvivalFit
from radfuse.statistics.competing import aalen_johansen
from radfuse.statistics.links import probability_of
from radfuse.statistics.survival import kaplan_meier

OUTCOME = SurvivalOutcome(time="months", event="died", horizon=12, unit="months", times=(6, 12))
TABLE = """case_id,patient_id,months,died
a,a,3.5,1
b,b,20,0
c,c,11,1
d,d,13,1
"""


def read(tmp_path, text: str, **settings: object):
    outcome = OUTCOME.model_copy(update=settings)
    table = write_table(tmp_path, text)
    ids = {"case": "case_id", "patient": "patient_id", "split": {"kind": "grouped", "folds": 2}}
    return read_cohort(config=CohortConfig(table=table, outcome=outcome, **ids))


def faults(tmp_path, text: str, **settings: object):
    return errors_of(read, tmp_path, text, **settings)


def test_times_and_events_are_read(tmp_path) -> None:
    cases = read(tmp_path, TABLE).cases
    assert OUTCOME.targets(cases).tolist() == [[3.5, 1], [20, 0], [11, 1], [13, 1]]
    assert OUTCOME.labels(cases).tolist() == [1, 0, 1, 1]
    assert OUTCOME.labels(cases[cases["died"] == 1]) is None
    assert OUTCOME.event_name() == "“died” by 12 months"


@pytest.mark.parametrize(
    ("old", "new", "row", "column", "words"),
    [
        ("11,1", "0,1", 4, "months", ("above 0", "'0'", "exclude")),
        ("11,1", "-2,1", 4, "months", ("above 0", "'-2'")),
        ("11,1", ",1", 4, "months", ("missing", "exclude")),
        ("11,1", "soon,1", 4, "months", ("number", "'soon'")),
        ("20,0", "20,", 3, "died", ("missing",)),
    ],
)
def test_a_time_or_an_event_that_cannot_be_is_told_with_its_row(tmp_path, old, new, row, column, words) -> None:
    assert_one(faults(tmp_path, TABLE.replace(old, new)), row, column, *words)


def test_events_coded_1_and_2_are_told_with_the_mend(tmp_path) -> None:
    coded = TABLE.replace(",1\n", ",2\n").replace(",0\n", ",1\n")
    assert_one(faults(tmp_path, coded), None, "died", "coded 1, 2", "cohort.outcome.positive: 2")
    assert read(tmp_path, coded, positive="2").cases["died"].tolist() == [1, 0, 1, 1]


def test_competing_events_are_told_and_the_one_that_is_predicted_may_be_named(tmp_path) -> None:
    competing = TABLE.replace("11,1", "11,2")
    told = "{positive: 1, competing: [2]}"
    assert_one(faults(tmp_path, competing), None, "died", "3 codes: 0, 1, 2", "compete", told, "too high")
    assert read(tmp_path, competing, positive="1").cases["died"].tolist() == [1, 0, 0, 1]
    pointed = competing.replace(",1\n", ",1.0\n").replace(",2\n", ",2.0\n").replace(",0\n", ",0.0\n")
    assert_one(faults(tmp_path, pointed), None, "died", "3 codes: 0, 1, 2", told)
    assert read(tmp_path, pointed, competing=("2",)).cases["died"].tolist() == [1, 0, 2, 1]
    assert_one(faults(tmp_path, competing, positive="dead"), None, "died", "no row holds the event 'dead'")


def test_a_competing_event_is_told_apart_from_a_censored_time(tmp_path) -> None:
    competing = TABLE.replace("11,1", "11,2")
    beside = OUTCOME.model_copy(update={"competing": ("2",)})
    cases = read(tmp_path, competing, competing=("2",)).cases
    assert cases["died"].tolist() == [1, 0, 2, 1]
    assert beside.targets(cases).tolist() == [[3.5, 1, 0], [20, 0, 0], [11, 0, 1], [13, 1, 0]]
    assert beside.labels(cases).tolist() == beside.happened(cases).tolist() == [1, 0, 0, 1]
    assert list(beside.observed(cases)) == ["time", "event", "competing"]
    assert_one(faults(tmp_path, TABLE, competing=("2",)), None, "died", "no row holds the competing event '2'")
    for taken in ({"competing": ("1",)}, {"positive": "dead", "competing": ("Dead",)}, {"competing": ("2", "2")}):
        with pytest.raises(InputError, match="others than the event"):
            SurvivalOutcome(time="a", event="b", horizon=1, **taken)
    assert "nomogram" not in beside.sections()


def test_a_landmark_leaves_out_who_is_no_longer_at_risk_and_times_start_there(tmp_path) -> None:
    cohort = read(tmp_path, TABLE, landmark=3.5)
    assert OUTCOME.targets(cohort.cases).tolist() == [[16.5, 0], [7.5, 1], [9.5, 1]]
    (left_out,) = [problem for problem in cohort.warnings if "landmark" in problem.message]
    assert left_out.message.startswith("1 of 4 cases had the event, or were seen for the last time, by the landmark")
    assert OUTCOME.model_copy(update={"landmark": 11.0}).event_name() == "“died” by 12 months after the landmark at 11"
    assert_one(faults(tmp_path, TABLE, landmark=20.0), None, None, "4 of 4 cases", "set an earlier one")
    assert_one(faults(tmp_path, TABLE, landmark=10.0, times=()), None, "months", "horizon 12", "beyond", "10")
    negative = TABLE.replace("3.5,1", "-3.5,1")
    assert_one(faults(tmp_path, negative, landmark=4.0), 2, "months", "above 0", "'-3.5'")


def test_a_horizon_must_lie_where_something_was_seen(tmp_path) -> None:
    assert_one(faults(tmp_path, TABLE, horizon=24, times=()), None, "months", "horizon 24", "beyond", "20")
    assert_one(faults(tmp_path, TABLE, times=(6.0, 50.0)), None, "months", "times 50", "beyond")
    assert_one(faults(tmp_path, TABLE, horizon=2, times=()), None, "months", "no case has the event by", "3.5")
    assert_one(faults(tmp_path, TABLE.replace(",1\n", ",0\n")), None, "died", "all 4 cases are censored")


def test_one_column_cannot_be_time_and_event_and_times_rise() -> None:
    with pytest.raises(InputError, match="one column"):
        SurvivalOutcome(time="a", event="a", horizon=1)
    with pytest.raises(InputError, match="rising"):
        SurvivalOutcome(time="a", event="b", horizon=1, times=(2, 1))


def test_folds_need_patients_with_the_event() -> None:
    frame = pd.DataFrame({"patient": list("aabcd"), "months": 1.0, "died": [1, 1, 1, 0, 0]})
    (finding,) = OUTCOME.check_folds(frame, "patient", 3)
    assert "2 patients have the event, fewer than the 3 folds" in finding.message
    y = OUTCOME.targets(frame)
    assert OUTCOME.folds_possible(y, frame["patient"].to_numpy(), 5) == 2
    with pytest.raises(ValueError, match="too few"):
        OUTCOME.folds_possible(y[2:], frame["patient"].to_numpy()[2:], 5)


def test_what_a_fold_cannot_tell_of_the_horizon_is_said() -> None:
    whole = np.array([[3.0, 1], [20.0, 0]])
    assert list(OUTCOME.untold(whole, whole)) == []
    short, late = np.array([[3.0, 0], [5.0, 0]]), np.array([[13.0, 1]])
    assert list(OUTCOME.untold(whole, short)) == [
        "no test unit has the event, so that nothing can be ranked in it alone",
        "no test unit was followed to the horizon 12, the longest to 5",
    ]
    (text,) = OUTCOME.untold(whole, late)
    assert text == "no test unit has the event by the horizon 12, so that there is no AUC of it in this fold"
    (text,) = OUTCOME.untold(late, whole)
    assert text == (
        "no training unit has the event by the horizon 12, the first is at 13: its probabilities are guessed, from "
        "half the hazard by then"
    )
    assert list(OUTCOME.untold(whole, np.array([[3.0, 1], [5.0, 1]]))) == []  # all had the event: nobody is missing
    (text,) = OUTCOME.untold(short, whole)
    assert text == (
        "no training unit was followed to the horizon 12, the longest to 5: its probabilities are of the event by then"
    )


def drawn(units: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return true scores, and times and events that follow them, with P(event by 12) of the inverse link."""
    generator = np.random.default_rng(seed)
    score = generator.standard_normal(units) - 0.7
    time, last = 12 * generator.exponential(size=units) / np.exp(score), generator.uniform(4, 40, units)
    return score, np.column_stack([np.minimum(time, last), time <= last])


def test_the_baseline_of_true_probabilities_is_the_true_one() -> None:
    score, y = drawn(4000)
    p = probability_of(score, "cloglog")
    fit = OUTCOME.beside(y, p)
    for time in (3.0, 6.0, 12.0, 24.0):  # of exponential times, hazard grows with time
        np.testing.assert_allclose(survival_at(fit, p, time), (1 - p) ** (time / 12), atol=0.03)
    np.testing.assert_allclose(survival_at(fit, p, 12.0), 1 - p, atol=1e-12)
    assert OUTCOME.average(y) == pytest.approx(p.mean(), abs=0.02)
    groups = OUTCOME.predicted(fit, p)["group"]
    np.testing.assert_allclose(np.bincount(groups) / 4000, 1 / 3, atol=0.001)
    told = OUTCOME.told(fit, p)
    np.testing.assert_allclose(told["linear_predictor"], score, atol=1e-9)
    assert list(told) == ["linear_predictor", "survival@6", "survival@12", "risk_group"]


def with_rivals(units: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return scores, times with events and rivals (one death a 24 months), and the true incidence by 12 months."""
    score, _ = drawn(units, seed)
    generator = np.random.default_rng([seed, 1])
    own = 12 * generator.exponential(size=units) / np.exp(score)
    other, last = generator.exponential(24, units), generator.uniform(4, 40, units)
    time = np.minimum(np.minimum(own, other), last)
    y = np.column_stack([time, own == time, other == time]).astype(float)
    hazard, rival = np.exp(score) / 12, 1 / 24
    return score, y, hazard / (hazard + rival) * -np.expm1(-12 * (hazard + rival))


def test_incidence_beside_rivals_is_the_true_one_and_its_mean_aalen_and_johansens() -> None:
    score, y, truth = with_rivals(6000)
    beside = OUTCOME.model_copy(update={"competing": ("2",)})
    p = probability_of(score, "cloglog")
    fit = beside.beside(y, p)
    found = incidence_at(fit, p, 12.0)
    np.testing.assert_allclose(found, truth, atol=0.015)
    assert found.mean() == pytest.approx(aalen_johansen(*y.T).at(np.array(12.0)), abs=0.012)
    assert p.mean() - found.mean() > 0.07  # of a world without rivals
    none = fit.model_copy(update={"rivals": (0.0,) * len(fit.times)})
    np.testing.assert_allclose(incidence_at(none, p, 12.0), p, atol=1e-9)
    told = beside.told(fit, p)
    assert list(told)[1:5] == ["probability", "cause_specific", "incidence@6", "incidence@12"]
    np.testing.assert_array_equal(told["probability"], told["incidence@12"])


def test_performance_beside_rivals_is_of_the_incidence() -> None:
    score, y, _ = with_rivals(3000, 2)
    beside = OUTCOME.model_copy(update={"competing": ("2",)})
    p = probability_of(score, "cloglog")
    about = {"family": "a", "fold": np.arange(3000) % 2, "repeat": 1, "position": np.arange(3000)}
    about |= {"patient": np.arange(3000) // 2, **dict(zip(("time", "event", "competing"), y.T, strict=True))}
    rows = pd.DataFrame({**about, "probability": p, **beside.predicted(beside.beside(y, p), p)})
    found = beside.measure(rows)
    assert found.rivals == int(y[:, 2].sum())
    assert found.observed.low < found.expected < found.observed.high
    assert found.calibration_slope.low < 1 < found.calibration_slope.high
    assert found.brier_scaled > 0.05
    alone = beside.measure(rows.assign(**{f"incidence@{when:g}": p.mean() for when in beside.grid}))
    assert alone.brier.value > found.brier.value
    same = beside.compare(pd.concat([rows, rows.assign(family="b")]), ["a", "b"])[0]
    assert (same.difference.value, same.loss.value) == (0, 0)


def test_folds_are_stratified_by_event_and_by_thirds_of_the_time_of_those_who_are_many() -> None:
    months = np.arange(1.0, 101.0)
    units = pd.DataFrame({"months": months, "died": (months <= 70).astype(int)})
    assert np.bincount(OUTCOME.strata(units)).tolist() == [30, 0, 0, 24, 23, 23]
    assert set(OUTCOME.strata(units)[:20]) == {3}


def test_a_table_of_hazards_must_rise() -> None:
    with pytest.raises(InputError, match="rise"):
        SurvivalFit(times=(1, 2), hazard=(0.5, 0.4), groups=(0.1, 0.2))


def predictions(score: np.ndarray, y: np.ndarray, family: str = "a") -> pd.DataFrame:
    p = probability_of(score, "cloglog")
    fit = OUTCOME.beside(y, p)
    about = {"family": family, "fold": np.arange(len(p)) // 2 % 2, "repeat": 1, "position": np.arange(len(p))}
    about |= {"patient": np.arange(len(p)) // 2, "time": y[:, 0], "event": y[:, 1].astype(int)}
    return pd.DataFrame({**about, "probability": p, "threshold": 0.5, **OUTCOME.predicted(fit, p)})


def test_true_probabilities_are_calibrated_and_better_than_one_curve_for_all() -> None:
    score, y = drawn(3000, 1)
    found = OUTCOME.measure(predictions(score, y))
    assert (found.units, found.patients, found.measure, found.events) == (3000, 1500, "C", int(y[:, 1].sum()))
    assert found.calibration_slope.low < 1 < found.calibration_slope.high
    assert found.observed.low < found.expected < found.observed.high
    assert found.brier_scaled > 0.1
    assert found.integrated_brier.value < found.brier.value
    assert found.headline.value == pytest.approx(np.mean(list(found.fold_values.values())))
    assert found.auc_at_horizon == found.auc_over_time[-1].auc
    reverse = kaplan_meier(y[:, 0], 1 - y[:, 1]).median()
    assert found.follow_up == pytest.approx(reverse)


def test_noise_beside_truth_loses_in_c_and_in_brier_score() -> None:
    score, y = drawn(400, 2)
    noise = np.random.default_rng(3).standard_normal(400) - 0.7
    both = pd.concat([predictions(score, y), predictions(noise, y, "b")])
    (found,) = OUTCOME.compare(both, ["a", "b"])
    assert found.difference.low > 0
    assert found.loss.high < 0
    assert found.p == found.p_holm < 0.001


def test_patients_without_events_have_no_c_and_no_fault() -> None:
    score, y = drawn(60, 4)
    rows = predictions(score, y).assign(event=0)
    found = OUTCOME.measure(rows)
    assert found.c.value is None
    assert found.calibration_slope.value is None
    assert found.observed.value == 0


def test_a_column_that_hastens_the_event_is_relevant_and_a_constant_is_not() -> None:
    score, y = drawn(200, 5)
    x = np.column_stack([np.random.default_rng(6).standard_normal(200), score, np.ones(200)])
    relevance = OUTCOME.relevance(x, y)
    assert relevance[1] > 20 > relevance[0]
    assert relevance[2] == 0
    assert OUTCOME.loss(y, probability_of(score, "cloglog")) < OUTCOME.loss(y, np.full(200, 0.4))
    assert named(6.0) == "survival@6"
