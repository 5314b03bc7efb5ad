"""Settings of a cohort that contradict each other."""

from __future__ import annotations

from typing import Any

import pytest
from cohorts import config
from pydantic import ValidationError


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"clinical": ["age", "event"]},
            "'event' is both the outcome and a clinical column; remove it from `clinical`",
        ),
        (
            {"clinical": [{"column": "event", "levels": ["0", "1"]}]},
            "'event' is both the outcome and a clinical column",
        ),
        ({"unit": ["patient_id", "event"]}, "'event' is both the outcome and part of the unit"),
        ({"clinical": [{"column": "sex", "levels": ["f"]}]}, "at least 2"),
        ({"unit": list("abcdefghi")}, "at most 8"),
    ],
)
def test_contradicting_settings_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        config(**changes)


def test_the_unit_is_the_case_where_none_is_named() -> None:
    assert config(case="ID").unit_columns == ("ID",)
    assert config(unit=["patient_id", "side"]).unit_columns == ("patient_id", "side")


def test_an_outcome_named_by_its_column_alone_is_an_event() -> None:
    assert config(outcome="event").outcome == config(outcome={"kind": "binary", "column": "event"}).outcome
    with pytest.raises(ValidationError, match="valid dictionary"):
        config(outcome="survival")  # a kind, whose columns are not named
