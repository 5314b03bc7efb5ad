"""Columns that tell the outcome by themselves, and the order statistics that several checks share."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from audited import coins, noise, subject, the_finding
from scipy import stats

from radfuse.audit import copies, telling
from radfuse.audit.ranked import ranked
from radfuse.results import AuditFinding
from radfuse.statistics.auc import auc

FIRST = [1.0] * 20 + [0.0] * 20
"""The first units have the event."""


def found(columns: dict[str, list[float]], block: str = "clinical") -> AuditFinding:
    finding = the_finding(telling.look(subject(pd.DataFrame(columns), FIRST, block=block)))
    assert finding.severity == "warning"
    return finding


@pytest.mark.parametrize(
    "column",
    [
        [1] * 20 + [0] * 20,
        [0] * 20 + [1] * 20,
        list(range(40)),
        list(range(40, 0, -1)),
        [float("nan"), *range(1, 40)],
        [5] * 20 + list(range(6, 26)),
    ],
)
def test_a_column_that_tells_the_outcome_is_named(column: list[float]) -> None:
    finding = found({"age": list(noise(40, 1)[:, 0]), "copy": column})
    assert (finding.where, finding.column) == ("cohort.clinical", "copy")
    assert finding.text == (
        "tells the outcome by itself: copy (AUC 1.000). If it copies the outcome, or is known only after it, remove it "
        "from cohort.clinical"
    )


def test_a_column_of_a_table_is_left_out_by_exclude() -> None:
    finding = found({"f": list(range(40))}, block="radiomic")
    assert finding.text.endswith("leave it out with features.radiomic.exclude")


@pytest.mark.parametrize("column", [[1] * 19 + [0] * 21, [float("nan")] * 30 + [1] * 10, [float("nan")] * 40, [3] * 40])
def test_a_column_that_does_not_tell_it_is_no_warning(column: list[float]) -> None:
    check = telling.look(subject(pd.DataFrame({"x": column}), FIRST))
    assert [finding.severity for finding in check.findings if finding.severity != "remark"] == []


def test_a_column_that_is_missing_by_outcome_is_named() -> None:
    values = pd.DataFrame(noise(40, 3), columns=["a", "b", "c"])
    values.loc[:19, "b"] = np.nan
    finding = the_finding(telling.look(subject(values, FIRST)))
    assert finding.severity == "warning"
    assert finding.found == "whether a value is missing tells the outcome (AUC 1.000): b"
    values["b"] = noise(40, 1, seed=5)
    values.loc[::2, "b"] = np.nan
    assert telling.look(subject(values, FIRST)).findings == ()


def test_chance_makes_no_finding_among_thousands_of_columns_and_few_patients() -> None:
    few = pd.DataFrame(noise(10, 3000, seed=1))
    outcome = [1.0] * 5 + [0.0] * 5
    assert telling.look(subject(few, outcome)).findings == ()
    few["copy"] = outcome
    assert the_finding(telling.look(subject(few, outcome))).column == "copy"


def test_what_comes_near_is_a_remark_and_the_best_is_told() -> None:
    values = pd.DataFrame(noise(200, 20))
    outcome = coins(200)
    values["near"] = outcome + 0.38 * noise(200, 1, seed=5)[:, 0]
    finding = the_finding(telling.look(subject(values, outcome)))
    assert (finding.severity, finding.column) == ("remark", "near")
    clean = telling.look(subject(values.drop(columns="near"), outcome))
    assert clean.findings == ()
    assert clean.told.startswith("the most telling column is")


@pytest.mark.parametrize(
    ("block", "other", "severity"),
    [("clinical", 1.0, "warning"), ("clinical", 0.6, "remark"), ("radiomic", 1.0, "remark")],
)
def test_a_clinical_column_that_is_the_outcome_but_for_a_few_is_named(block: str, other: float, severity: str) -> None:
    outcome = coins(200)
    copy = outcome.copy()
    copy[:5] = 1 - copy[:5]
    values = pd.DataFrame({"age": noise(200, 1)[:, 0], "grade": outcome + other * noise(200, 1, 2)[:, 0], "copy": copy})
    finding = the_finding(telling.look(subject(values, outcome, block=block)))
    assert (finding.severity, finding.column) == (severity, "copy")


def test_areas_and_tests_equal_the_usual_ones_with_ties_and_missing_values() -> None:
    values = noise(60, 3)
    values[:, 1] = values[:, 1].round(0)
    values[::7, 2] = np.nan
    events = coins(60).astype(bool)
    here = ranked(pd.DataFrame(values), events)
    for i in range(3):
        known = ~np.isnan(values[:, i])
        x, y = values[known, i], events[known]
        assert here.area[i] == pytest.approx(auc(y, x), abs=1e-12)
        usual = stats.mannwhitneyu(x[y], x[~y], use_continuity=False, method="asymptotic")
        assert here.p_ranks[i] == pytest.approx(usual.pvalue, rel=1e-9)
        assert here.p_means[i] == pytest.approx(stats.ttest_ind(x[y], x[~y]).pvalue, rel=1e-9)
        assert here.distinct[i] == len(set(x))
    assert here.known.tolist() == [60, 60, 51]
    assert np.isnan(ranked(pd.DataFrame(values), None).area).all()


def test_a_column_that_tells_one_of_several_classes_is_named_with_it() -> None:
    classes = np.array(["bone", "mild", "cartilage"], dtype=object)[np.arange(90) % 3]
    mild = (classes == "mild").astype(float)
    values = pd.DataFrame({"a": noise(90, 1)[:, 0], "b": mild + 0.01 * noise(90, 1, 2)[:, 0]})
    finding = the_finding(telling.look(subject(values, classes, kind="multiclass")))
    assert finding.column == "b"
    assert "tells the class 'mild' by itself: b (AUC 1.000)" in finding.found
    copied = pd.DataFrame({"biopsy=mild": mild, "age": noise(90, 1)[:, 0]})
    error = the_finding(copies.look(subject(copied, classes, kind="multiclass", block="clinical")))
    assert (error.severity, error.column) == ("error", "biopsy=mild")
