"""The binary outcome: relevance by hand and against scikit-learn, how many folds it allows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from columns import tables
from hypothesis import given
from sklearn.feature_selection import f_classif

from radfuse.cohort.splits import inner_folds
from radfuse.cohort.spreadsheet import read_table
from radfuse.outcomes.binary import BinaryOutcome

EVENT = BinaryOutcome(column="event")


@given(tables())
def test_equals_sklearn(drawn: tuple[np.ndarray, np.ndarray]):
    x, y = drawn
    if len(y) - 2 < 1 or any(np.ptp(x[y == 1][:, i]) + np.ptp(x[y == 0][:, i]) == 0 for i in range(x.shape[1])):
        return  # sklearn divides by zero
    np.testing.assert_allclose(EVENT.relevance(x, y), f_classif(x, y)[0], rtol=1e-9, atol=1e-9)


def test_by_hand():
    """Means 1 and 3, sums of squares 2 and 2: between 4 with one degree, within 4 with two."""
    assert EVENT.relevance(np.array([[0.0], [2], [2], [4]]), np.array([0, 0, 1, 1])) == pytest.approx([2.0])


def test_a_constant_column_has_none_and_a_perfect_one_a_huge_one():
    x = np.array([[1.0, 0], [1, 0], [1, 1], [1, 1]])
    found = EVENT.relevance(x, np.array([0, 0, 1, 1]))
    assert found[0] == 0
    assert found[1] > 1e20
    assert np.isfinite(found).all()


def test_few_events_lower_the_number_of_inner_folds() -> None:
    patients = np.array([f"p{i}" for i in range(12)])
    outcome = np.array([1, 1, 1] + [0] * 9)
    assert EVENT.folds_possible(outcome, patients, 5) == 3
    assert len(inner_folds(patients, outcome, 3, seed=1)) == 3


def test_one_event_is_too_few_for_inner_folds() -> None:
    patients = np.array(["p1", "p1", "p2", "p3", "p4"])
    outcome = np.array([1, 1, 0, 0, 0])
    with pytest.raises(ValueError, match="1 patient with an event and 3 without are too few for inner folds"):
        EVENT.folds_possible(outcome, patients, 5)


def read(values: list[str], new: bool = False, positive: str | None = None) -> tuple[list[float], list[str]]:
    table = read_table(pd.DataFrame({"event": pd.Series(values, dtype=object)}))
    found, findings = BinaryOutcome(column="event", positive=positive).read(table, new)
    return list(found.get("event", [])), [finding.message for finding in findings]


@pytest.mark.parametrize(
    ("values", "mend"),
    [
        (["1", "2"] * 4, "say which is the event, cohort.outcome.positive: 2"),
        (["1.7", "2.4", "3.1", "0.2", "1"], "a measurement is an outcome of kind continuous"),
    ],
)
def test_a_column_of_another_kind_is_one_finding(values: list[str], mend: str) -> None:
    _, (message,) = read(values)
    assert mend in message


def test_a_whole_number_is_the_event_as_a_column_with_gaps_has_it() -> None:
    assert read(["1.0", "2.0"], positive="2") == ([0.0, 1.0], [])


@pytest.mark.parametrize("values", [["PCR", "no"], ["0", "1"], ["complete", "partial"], ["PCR"], ["0"]])
def test_new_patients_whose_event_is_called_otherwise_are_not_without_it(values: list[str]) -> None:
    none, (message,) = read(values, new=True, positive="pCR")
    assert none == []
    assert "no row holds the event 'pCR' (as the study named it: write it so in the table)" in message


def test_new_patients_may_all_be_without_the_event() -> None:
    assert read(["no", "no"], new=True, positive="pCR") == ([0.0, 0.0], [])
