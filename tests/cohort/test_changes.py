"""Change between visits, counted by hand, and what is wrong with visits and their dates."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from tabular import errors_of, write_table

from radfuse.cohort.changes import YEARS, Changes, changes_of, in_time
from radfuse.cohort.config import CohortConfig
from radfuse.cohort.read import read_cohort
from radfuse.cohort.splits import Grouped

TABLE = """\
case_id,patient_id,visit,day,event
a0,p1,00m,2010-01-01,0
a1,p1,24m,2012-01-01,0
b0,p2,00m,2010-06-01,1
b1,p2,24m,2012-06-01,1
"""


def at(*values: float) -> pd.DataFrame:
    return pd.DataFrame({"x": values})


def changed(values: dict[str, pd.DataFrame], years: dict[str, list[float]] | None = None, **settings: Any) -> Any:
    config = Changes(between=("00m", "24m"), **settings)
    when = {visit: pd.Series(times) for visit, times in (years or {}).items()}
    return {word: list(frame["x"]) for word, frame in changes_of(values, when, config).items()}


def test_difference_and_per_cent_by_hand() -> None:
    """From 2 to 3, from -4 to -2 (up by half its size), from 0, and from nothing."""
    values = {"00m": at(2, -4, 0, np.nan), "24m": at(3, -2, 5, 1)}
    found = changed(values, kinds=("difference", "percent"))
    np.testing.assert_equal(found, {"change": [1, 2, 5, np.nan], "percent": [50, 50, np.nan, np.nan]})


def test_a_baseline_that_is_nearly_none_has_no_per_cent() -> None:
    """A joint space of 0.001 mm that becomes 0.5 mm would be 49,900 per cent; one of 0.1 mm rises by 400."""
    values = {"00m": at(0.001, 0.1, -0.001, 0.0), "24m": at(0.5, 0.5, -0.5, 0.0)}
    np.testing.assert_allclose(changed(values, kinds=("percent",))["percent"], [np.nan, 400, np.nan, np.nan])


def test_rate_and_slope_by_hand() -> None:
    """1, 4, 5 at 0, 2 and 4 years: 4 in 4 years; the line of least squares rises by 1 a year."""
    values = {"00m": at(1, 1), "12m": at(4, np.nan), "24m": at(5, 5)}
    years = {"00m": [0.0, 0.0], "12m": [2.0, 2.0], "24m": [4.0, 4.0]}
    found = changed(values, years, kinds=("rate", "slope"), date="day")
    np.testing.assert_allclose(found["rate"], [1, 1])
    np.testing.assert_allclose(found["slope"], [1, np.nan])
    bent = changed({**values, "12m": at(1, 1)}, years, kinds=("slope",), date="day")
    line = np.polyfit([0, 2, 4], [1, 1, 5], 1)[0]
    np.testing.assert_allclose(bent["slope"], [line, line])


def test_a_unit_that_lacks_a_visit_has_no_change_or_that_between_its_own() -> None:
    values = {"00m": at(np.nan, 1), "12m": at(4, 2), "24m": at(6, np.nan), "96m": at(np.nan, np.nan)}
    np.testing.assert_equal(changed(values), {"change": [np.nan, np.nan]})
    np.testing.assert_equal(changed(values, missing="nearest"), {"change": [2.0, 1.0]})


def test_the_visits_asked_for_go_before_nearer_ones() -> None:
    """1 at baseline, 2 at the follow-up asked for, 9 later: the change is 1; who lacks the follow-up has that to 9."""
    values = {"00m": at(1, 1), "24m": at(2, np.nan), "96m": at(9, 9)}
    np.testing.assert_equal(changed(values, missing="nearest"), {"change": [1.0, 8.0]})


def test_visits_without_a_number_stand_as_they_were_named() -> None:
    config = Changes(between=("pre", "post"), missing="nearest")
    found = changes_of({"post": at(5), "pre": at(1)}, {}, config)
    assert found["change"]["x"].tolist() == [4]


def test_a_slope_hangs_on_a_units_own_visits_alone() -> None:
    """Nobody here has the follow-up asked for; three visits are enough all the same."""
    values = {"00m": at(1), "12m": at(2), "36m": at(4)}
    years = {"00m": [0.0], "12m": [1.0], "36m": [3.0]}
    np.testing.assert_allclose(changed(values, years, kinds=("slope",), date="day")["slope"], [1.0])


def test_a_rate_backwards_in_time_is_the_same_rate() -> None:
    config = Changes(between=("24m", "00m"), kinds=("rate",), date="day")
    years = {"00m": pd.Series([0.0]), "24m": pd.Series([2.0])}
    assert changes_of({"00m": at(1), "24m": at(5)}, years, config)["rate"]["x"].tolist() == [2.0]


def test_change_runs_from_baseline_to_follow_up_however_they_are_named() -> None:
    config = Changes(between=("late", "early"))
    found = changes_of({"early": at(1), "late": at(5)}, {}, config)
    assert found["change"]["x"].tolist() == [-4]


def test_new_patients_without_the_follow_up_have_no_change() -> None:
    np.testing.assert_equal(changed({"00m": at(1, 2)}), {"change": [np.nan, np.nan]})


def test_visits_stand_in_the_order_of_their_numbers() -> None:
    assert in_time(["V10", "V2", "V01"]) == ["V01", "V2", "V10"]
    assert in_time(["24m", "0m", "112m"]) == ["0m", "24m", "112m"]
    assert in_time(["pre", "post"]) == ["post", "pre"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"between": ["00m", "00m"]}, "baseline and follow-up are both '00m'"),
        ({"between": ["00m", "24m"], "kinds": ["rate"]}, "rate a year needs `date`"),
        ({"between": ["00m", "24m"], "kinds": []}, "at least 1"),
        ({"between": ["00m"]}, "between"),
    ],
)
def test_settings_that_say_nothing_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Changes.model_validate(settings)


def config_of(**settings: Any) -> CohortConfig:
    return CohortConfig.model_validate(
        {
            "table": "cohort.csv",
            "unit": ["patient_id"],
            "outcome": {"column": "event"},
            "split": Grouped(folds=2),
            "changes": {"between": ["00m", "24m"], **settings},
        }
    )


def faults(folder: Path, text: str = TABLE, **settings: Any) -> list[str]:
    return errors_of(lambda: read_cohort(write_table(folder, text), config_of(**settings)))


@pytest.mark.parametrize(
    ("old", "new", "settings", "words"),
    [
        (r"20[0-9-]+", "", {"date": "day"}, "column 'day': no visit has a date; write 2019-05-31"),
        ("2012-01-01", "soon", {"date": "day"}, "row 3, column 'day': 'soon' is no date"),
        ("", "", {"date": "dya"}, "there is no column 'dya' (cohort.changes.date); did you mean 'day'?"),
        ("", "", {"between": ["00m", "36m"]}, "names the visit '36m'"),
        ("24m", "change", {"between": ["00m", "change"]}, "a visit called 'change' cannot be told from a change"),
        ("visit", "when", {}, "cohort.changes needs the column of the visit 'visit'"),
    ],
)
def test_visits_and_dates_that_are_wrong_are_told_with_their_rows(
    tmp_path: Path, old: str, new: str, settings: dict[str, Any], words: str
) -> None:
    found = faults(tmp_path, re.sub(old, new, TABLE) if old else TABLE, **settings)
    assert any(words in fault for fault in map(str, found)), found


@pytest.mark.parametrize(
    ("kinds", "lost"),
    [
        (["difference"], "have no rate a year in the report"),
        (["rate", "slope"], "have no rate and no slope, which is imputed"),
    ],
)
def test_a_visit_without_a_date_is_remarked_and_the_others_go_on(tmp_path: Path, kinds: list[str], lost: str) -> None:
    """Four patients, the first of whom has a follow-up without a date."""
    rows = TABLE.partition("\n")[2]
    text = TABLE.replace("2012-01-01", "") + rows.replace("a", "c").replace("b", "d").replace("p", "q")
    cohort = read_cohort(write_table(tmp_path, text), config_of(kinds=kinds, date="day"))
    (remark,) = cohort.warnings
    assert (remark.row, remark.column) == (3, "day")
    assert f"the visit has no date (row 3), so that its unit may {lost}; write 2019-05-31" in remark.message
    np.testing.assert_allclose(np.diff(cohort.cases[YEARS]), [np.nan, np.nan, 2, -2.41, 2, -1.58, 2], atol=0.01)


def test_a_unit_whose_visit_has_no_date_keeps_its_other_changes() -> None:
    years = {"00m": [0.0, 0.0], "12m": [1.0, 1.0], "24m": [np.nan, 2.0]}
    values = {"00m": at(1, 1), "12m": at(2, 2), "24m": at(3, 5)}
    found = changed(values, years, kinds=("difference", "rate", "slope"), date="day")
    np.testing.assert_equal(found, {"change": [2, 4], "rate": [np.nan, 2], "slope": [np.nan, 2]})
